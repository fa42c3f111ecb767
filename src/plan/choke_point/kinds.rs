//! Which objects a stack may have, and where they stand.
use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Scope,
    finding::{Finding, Findings, RuleId},
    glob,
};
use crate::{
    api::PodSecurity,
    domain::kinds::{self, StackKind},
    plan::render::Manifest,
};

pub(super) fn check(manifests: &[Manifest], scope: &Scope, findings: &mut Findings) {
    scope_is_known(scope, findings);
    let mut seen = BTreeSet::new();
    for manifest in manifests {
        is_allowed(manifest, scope, findings);
        stands_in_the_tenants_namespace(manifest, scope, findings);
        if !seen.insert((manifest.group(), manifest.kind(), manifest.name())) {
            findings.add(
                RuleId::DuplicateObject,
                manifest,
                "metadata.name",
                "is rendered twice",
                "give one of them another name",
            );
        }
    }
    has_its_namespace(manifests, scope, findings);
}

/// An empty identity is no identity: it must not turn into "everyone" further down.
fn scope_is_known(scope: &Scope, findings: &mut Findings) {
    let mut tenant = |rule, field: &str, why: String, fix: &str| {
        let object = format!("Tenant/{}", scope.tenant);
        findings.0.push(Finding { rule, object, field: field.to_owned(), why, fix: fix.to_owned() });
    };
    for (field, value) in [("metadata.name", &scope.tenant), ("spec.namespace", &scope.namespace)] {
        if value.is_empty() {
            tenant(RuleId::UnknownScope, field, "is empty".to_owned(), "nothing is applied for nobody");
        }
    }
    if let Some(glob) = scope.protected_namespaces.iter().find(|glob| glob::matches(glob, &scope.namespace)) {
        let why = format!("`{}` is protected by `{glob}` in the FleetPolicy", scope.namespace);
        tenant(RuleId::ProtectedNamespace, "spec.namespace", why, "choose another namespace for the tenant");
    }
}

fn is_allowed(manifest: &Manifest, scope: &Scope, findings: &mut Findings) {
    let (why, fix) = match kinds::find(manifest.group(), manifest.kind()) {
        Some(kind) if scope.apis.has(kind) => return,
        Some(StackKind { kind: "Secret", .. }) => (
            "Leasehold is not let read Secrets".to_owned(),
            "set features.secrets in the values of its chart, or leave the Secret out",
        ),
        Some(_) => (
            "this cluster did not serve it when Leasehold started, or features.monitors of its chart is off".to_owned(),
            "leave it out there, by leasehold.dev/when; or install that API and restart Leasehold",
        ),
        None => (
            format!("{} of {} is not a kind that a stack may have", manifest.kind(), manifest.api_version()),
            "leave it out: a stack has only kinds that live in a tenant's namespace",
        ),
    };
    findings.add(RuleId::KindNotAllowed, manifest, "kind", why, fix);
}

fn is_namespace(manifest: &Manifest) -> bool {
    (manifest.group(), manifest.kind()) == ("", "Namespace")
}

fn stands_in_the_tenants_namespace(manifest: &Manifest, scope: &Scope, findings: &mut Findings) {
    let own = scope.namespace.as_str();
    if is_namespace(manifest) {
        if manifest.name() != own {
            let why = format!("is another namespace than the tenant's own, `{own}`");
            let fix = "write name: \"{{tenant.namespace}}\"";
            findings.add(RuleId::WrongNamespace, manifest, "metadata.name", why, fix);
        }
        return;
    }
    let why = match manifest.namespace() {
        Some(namespace) if namespace == own => return,
        Some(namespace) => format!("`{namespace}` is not the tenant's own namespace, `{own}`"),
        None => format!("is not set; it must be the tenant's own namespace, `{own}`"),
    };
    let fix = "write namespace: \"{{tenant.namespace}}\"";
    findings.add(RuleId::WrongNamespace, manifest, "metadata.namespace", why, fix);
}

/// Without the Namespace object, nothing would hold the tenant's pods to the fleet's Pod Security level.
fn has_its_namespace(manifests: &[Manifest], scope: &Scope, findings: &mut Findings) {
    let Some(namespace) = manifests.iter().find(|m| is_namespace(m)) else {
        findings.0.push(Finding {
            rule: RuleId::NamespacePodSecurity,
            object: format!("Namespace/{}", scope.namespace),
            field: String::new(),
            why: "the stack does not render its Namespace, so no Pod Security level would be enforced".to_owned(),
            fix: "add the Namespace with its pod-security.kubernetes.io/enforce label".to_owned(),
        });
        return;
    };
    let label = |name: &str| {
        let labels = namespace.value.pointer("/metadata/labels");
        labels.and_then(|l| l.get(format!("pod-security.kubernetes.io/{name}"))).and_then(Value::as_str)
    };
    let enforced = match label("enforce") {
        Some("restricted") => Some(PodSecurity::Restricted),
        Some("baseline") => Some(PodSecurity::Baseline),
        Some("privileged") => Some(PodSecurity::Privileged),
        _ => None,
    };
    let field = |name: &str| format!("metadata.labels[pod-security.kubernetes.io/{name}]");
    if enforced.is_none_or(|level| level < scope.pod_security) {
        let why = format!(
            "enforces {}, the fleet asks for {}",
            label("enforce").unwrap_or("nothing"),
            level(scope.pod_security)
        );
        findings.add(RuleId::NamespacePodSecurity, namespace, field("enforce"), why, "write \"{{podSecurity}}\"");
    }
    if let Some(version) = label("enforce-version").filter(|version| *version != "latest") {
        let why = format!("pins the level to {version}, when fewer things were forbidden");
        findings.add(RuleId::NamespacePodSecurity, namespace, field("enforce-version"), why, "leave it out");
    }
}

fn level(level: PodSecurity) -> &'static str {
    match level {
        PodSecurity::Privileged => "privileged",
        PodSecurity::Baseline => "baseline",
        PodSecurity::Restricted => "restricted",
    }
}
