//! A release's own definitions are created with Leasehold's rights: what reaches beyond the release is refused, and said.
use leasehold::{
    domain::{
        report::{Reason, Verdict},
        world::Apis,
    },
    observe::Source,
    plan::ReleaseStep,
};
use serde_json::{Value, json};

use crate::desk::{Desk, merge, release, tenant};

fn definition(group: &str, more: &Value) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object"}});
    let mut crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("caches.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": "Cache", "plural": "caches"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}});
    merge(&mut crd, more);
    crd
}

/// What becomes of a Tenant whose release brings this definition, and whether the definition would be created.
fn with(crd: &Value) -> (Desk, bool) {
    let mut desk = Desk::new(Apis::default());
    desk.put(Source::Releases, release(&json!({"crds": [{"inline": crd}]})));
    desk.put(Source::Tenants, tenant(&json!({})));
    let created = desk.plan().releases.iter().any(|step| matches!(step, ReleaseStep::CreateCrd { .. }));
    (desk, created)
}

#[test]
fn a_definition_that_reaches_beyond_its_release_is_refused_with_the_reason() {
    let webhook = json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": "a", "name": "b"}}}}}});
    let owner = json!([{"apiVersion": "v1", "kind": "Namespace", "name": "a", "uid": "u"}]);
    for (crd, said) in [
        (definition("example.com", &webhook), "spec.conversion.strategy Webhook"),
        (definition("k8s.io", &json!({})), "spec.group k8s.io is protected"),
        (definition("gateway.networking.k8s.io", &json!({})), "spec.group gateway.networking.k8s.io is protected"),
        (definition("metrics.kubernetes.io", &json!({})), "is protected"),
        (definition("leasehold.dev", &json!({})), "is protected"),
        (definition("more.leasehold.dev", &json!({})), "is protected"),
        (definition("example.com", &json!({"metadata": {"ownerReferences": owner}})), "metadata.ownerReferences"),
        (definition("example.com", &json!({"metadata": {"finalizers": ["a.example.com/b"]}})), "metadata.finalizers"),
        (
            definition("example.com", &json!({"metadata": {"labels": {"leasehold.dev/tenant": "other"}}})),
            "leasehold.dev/tenant",
        ),
    ] {
        let (mut desk, created) = with(&crd);
        let report = desk.report();
        assert_eq!(report.verdict, Verdict::Blocked(Reason::ReleaseInvalid), "{said}: {}", report.note);
        assert!(report.note.contains("spec.crds[0].inline") && report.note.contains(said), "{}", report.note);
        assert!(!created, "{said}");
    }
}

#[test]
fn a_definition_of_one_s_own_is_created() {
    for crd in [
        definition("example.com", &json!({})),
        definition("notk8s.io", &json!({"spec": {"conversion": {"strategy": "None"}}})),
        definition(
            "example.com",
            &json!({"metadata": {"labels": {"app": "a"}, "annotations": {"example.com/a": "b"}}}),
        ),
    ] {
        let (mut desk, created) = with(&crd);
        assert!(created, "{}", desk.report().note);
    }
}
