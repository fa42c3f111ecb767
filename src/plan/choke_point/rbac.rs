//! What a Role may grant, and to whom a RoleBinding may give it.
//!
//! The comparison with the ceiling is the API server's own for RBAC escalation: every right (group, resource, name, verb)
//! must be covered by a single rule of the ceiling.
use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Scope,
    finding::{Findings, RuleId},
};
use crate::{api::PolicyRule, plan::render::Manifest};

/// Verbs by which a right turns into more rights.
const ESCALATING: [&str; 3] = ["escalate", "bind", "impersonate"];
/// Single rights compared of one rule; more is no honest rule.
const MAX_RIGHTS: usize = 4096;
const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn check(manifests: &[Manifest], scope: &Scope, findings: &mut Findings) {
    let named = |kind: &str| -> BTreeSet<&str> {
        let own = |m: &&Manifest| m.kind() == kind && m.namespace() == Some(scope.namespace.as_str());
        manifests.iter().filter(own).map(Manifest::name).collect()
    };
    let (accounts, roles) = (named("ServiceAccount"), named("Role"));
    for manifest in manifests {
        match manifest.kind() {
            "Role" => role(manifest, scope, findings),
            "RoleBinding" => binding(manifest, scope, &accounts, &roles, findings),
            _ => {}
        }
    }
}

fn role(manifest: &Manifest, scope: &Scope, findings: &mut Findings) {
    let rules = match manifest.value.get("rules") {
        None => return,
        Some(Value::Array(rules)) => rules,
        Some(_) => return findings.malformed(manifest, "rules", "a list"),
    };
    for (index, raw) in rules.iter().enumerate() {
        let at = format!("rules[{index}]");
        if raw.get("nonResourceURLs").is_some() {
            let why = "rights on URLs reach beyond the namespace";
            findings.add(RuleId::RoleAboveCeiling, manifest, format!("{at}.nonResourceURLs"), why, "leave it out");
        }
        match serde_json::from_value::<PolicyRule>(raw.clone()) {
            Ok(rule) => check_rule(manifest, &at, &rule, scope, findings),
            Err(error) => {
                findings.malformed(manifest, at, &format!("a rule with apiGroups, resources and verbs ({error})"));
            }
        }
    }
}

fn check_rule(manifest: &Manifest, at: &str, rule: &PolicyRule, scope: &Scope, findings: &mut Findings) {
    for verb in rule.verbs.iter().filter(|verb| ESCALATING.contains(&verb.as_str())) {
        let why = format!("`{verb}` lets its holder gain rights that it was not given");
        findings.add(RuleId::RoleEscalation, manifest, format!("{at}.verbs"), why, format!("leave `{verb}` out"));
    }
    let rights = rule.api_groups.len() * rule.resources.len() * rule.verbs.len() * rule.resource_names.len().max(1);
    if rights > MAX_RIGHTS {
        let why = format!("stands for {rights} single rights, more than {MAX_RIGHTS}");
        return findings.add(RuleId::RoleAboveCeiling, manifest, at, why, "split the rule");
    }
    let uncovered: Vec<Right<'_>> = rights_of(rule).filter(|right| !is_allowed(right, scope)).collect();
    let (wild, plain): (Vec<_>, Vec<_>) = uncovered.into_iter().partition(Right::is_wild);
    if let Some(first) = wild.first() {
        let fix = "name groups, resources and verbs, or put the same wildcard into FleetPolicy.spec.allowedRules";
        findings.add(
            RuleId::RoleWildcard,
            manifest,
            at,
            format!("{first} is a wildcard that the fleet does not allow"),
            fix,
        );
    }
    if let Some(first) = plain.first() {
        let others = if plain.len() > 1 { format!(" and {} more", plain.len() - 1) } else { String::new() };
        let why = format!("{first}{others} is above the fleet's ceiling");
        findings.add(
            RuleId::RoleAboveCeiling,
            manifest,
            at,
            why,
            "leave it out, or raise FleetPolicy.spec.allowedRules",
        );
    }
}

/// One right, as small as rights get.
struct Right<'r> {
    group: &'r str,
    resource: &'r str,
    name: Option<&'r str>,
    verb: &'r str,
}

impl std::fmt::Display for Right<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{} {}", self.verb, self.resource)?;
        if let Some(name) = self.name {
            write!(f, "/{name}")?;
        }
        let group = if self.group.is_empty() { "the core group" } else { self.group };
        write!(f, "` of {group}")
    }
}

/// Rights that a fleet gives only by saying so, by group and resource; `*` for all of a group. They reach what other people
/// put into the namespace, or other identities, or what decides about rights and tenants.
const DELICATE: [(&str, &str); 9] = [
    ("", "secrets"),
    ("", "serviceaccounts/token"),
    ("", "pods/exec"),
    ("", "pods/attach"),
    ("", "pods/portforward"),
    ("", "pods/ephemeralcontainers"),
    ("", "pods/proxy"),
    (GROUP, "*"),
    ("leasehold.dev", "*"),
];

impl Right<'_> {
    fn is_delicate(&self) -> bool {
        DELICATE.iter().any(|(group, resource)| *group == self.group && ["*", self.resource].contains(resource))
    }

    fn is_wild(&self) -> bool {
        self.group == "*" || self.verb == "*" || self.resource == "*" || self.resource.starts_with("*/")
    }
}

fn rights_of(rule: &PolicyRule) -> impl Iterator<Item = Right<'_>> {
    let names: Vec<Option<&str>> = match rule.resource_names.as_slice() {
        [] => vec![None],
        names => names.iter().map(|name| Some(name.as_str())).collect(),
    };
    rule.api_groups.iter().flat_map(move |group| {
        let names = names.clone();
        rule.resources.iter().flat_map(move |resource| {
            let names = names.clone();
            rule.verbs
                .iter()
                .flat_map(move |verb| names.clone().into_iter().map(move |name| Right { group, resource, name, verb }))
        })
    })
}

fn is_allowed(right: &Right<'_>, scope: &Scope) -> bool {
    is_every_operators_due(right)
        || match &scope.allowed_rules {
            Some(ceiling) => ceiling.iter().any(|rule| covers(rule, right)),
            None => !right.is_wild() && !right.is_delicate(),
        }
}

/// What Leasehold adds for every operator: to elect a leader, and to report.
fn is_every_operators_due(right: &Right<'_>) -> bool {
    match (right.group, right.resource) {
        ("coordination.k8s.io", "leases") => {
            ["get", "list", "watch", "create", "update", "patch"].contains(&right.verb)
        }
        ("" | "events.k8s.io", "events") => ["create", "patch"].contains(&right.verb),
        _ => false,
    }
}

fn covers(ceiling: &PolicyRule, right: &Right<'_>) -> bool {
    let has = |list: &[String], wanted: &str| list.iter().any(|item| item == "*" || item == wanted);
    let subresource = right.resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    let resource =
        has(&ceiling.resources, right.resource) || subresource.is_some_and(|any| ceiling.resources.contains(&any));
    let name = ceiling.resource_names.is_empty()
        || right.name.is_some_and(|name| ceiling.resource_names.iter().any(|item| item == name));
    resource && name && has(&ceiling.api_groups, right.group) && has(&ceiling.verbs, right.verb)
}

fn binding(
    manifest: &Manifest,
    scope: &Scope,
    accounts: &BTreeSet<&str>,
    roles: &BTreeSet<&str>,
    findings: &mut Findings,
) {
    let text =
        |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
    let role = manifest.value.get("roleRef").cloned().unwrap_or_default();
    let (group, kind, name) = (text(&role, "apiGroup"), text(&role, "kind"), text(&role, "name"));
    if group != GROUP || kind != "Role" || !roles.contains(name.as_str()) {
        let why = format!("`{kind}/{name}` is not a Role of this stack");
        let fix = format!("refer to a Role of {GROUP} that the stack renders");
        findings.add(RuleId::BindingRole, manifest, "roleRef", why, fix);
    }
    let subjects = match manifest.value.get("subjects") {
        None => return,
        Some(Value::Array(subjects)) => subjects,
        Some(_) => return findings.malformed(manifest, "subjects", "a list"),
    };
    for (index, subject) in subjects.iter().enumerate() {
        let (kind, name, namespace) = (text(subject, "kind"), text(subject, "name"), text(subject, "namespace"));
        let in_stack =
            kind == "ServiceAccount" && text(subject, "apiGroup").is_empty() && accounts.contains(name.as_str());
        if !in_stack || namespace != scope.namespace {
            let why = format!("`{kind} {namespace}/{name}` is not a ServiceAccount of this stack");
            let fix = "bind a ServiceAccount that the stack renders, with namespace: \"{{tenant.namespace}}\"";
            findings.add(RuleId::BindingSubject, manifest, format!("subjects[{index}]"), why, fix);
        }
    }
}
