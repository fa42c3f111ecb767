//! A Role against the fleet's ceiling, by the API server's own rules for covering.
use leasehold::{
    api::PolicyRule,
    plan::choke_point::{RuleId, Scope},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{found_after, of, set};

fn rules(value: Value) -> Vec<PolicyRule> {
    serde_json::from_value(value).expect("rules")
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs, "resourceNames": names})
}

/// The rules broken by a Role with only this rule, under this ceiling.
fn broken(role: &Value, ceiling: Option<&Value>) -> Vec<RuleId> {
    let found = found_after(|m, scope: &mut Scope| {
        scope.allowed_rules = ceiling.cloned().map(rules);
        set(of(m, "Role"), "rules", json!([role]));
    });
    found.into_iter().map(|f| f.0).collect()
}

#[test]
fn a_right_is_covered_by_one_rule_of_the_ceiling_or_not_at_all() {
    use RuleId::{RoleAboveCeiling as Above, RoleWildcard as Wild};
    let apps = rule(&["apps"], &["deployments", "statefulsets"], &["get", "list"], &[]);
    for (role, ceiling, expected) in [
        (rule(&["apps"], &["deployments"], &["get"], &[]), json!([apps]), vec![]),
        (rule(&["apps"], &["deployments"], &["delete"], &[]), json!([apps]), vec![Above]),
        (rule(&["batch"], &["deployments"], &["get"], &[]), json!([apps]), vec![Above]),
        // A subresource is a resource of its own.
        (rule(&["apps"], &["deployments/scale"], &["get"], &[]), json!([apps]), vec![Above]),
        (
            rule(&["apps"], &["deployments/scale"], &["get"], &[]),
            json!([rule(&["apps"], &["*/scale"], &["get"], &[])]),
            vec![],
        ),
        // Two halves do not make a whole.
        (
            rule(&["apps"], &["deployments"], &["get"], &[]),
            json!([rule(&["apps"], &["pods"], &["get"], &[]), rule(&["apps"], &["deployments"], &["list"], &[])]),
            vec![Above],
        ),
        // Names in the ceiling bind; names in the role only narrow.
        (
            rule(&[""], &["secrets"], &["get"], &["a"]),
            json!([rule(&[""], &["secrets"], &["get"], &["a", "b"])]),
            vec![],
        ),
        (
            rule(&[""], &["secrets"], &["get"], &["c"]),
            json!([rule(&[""], &["secrets"], &["get"], &["a", "b"])]),
            vec![Above],
        ),
        (rule(&[""], &["secrets"], &["get"], &[]), json!([rule(&[""], &["secrets"], &["get"], &["a"])]), vec![Above]),
        (rule(&[""], &["secrets"], &["get"], &["x"]), json!([rule(&[""], &["secrets"], &["get"], &[])]), vec![]),
        // A wildcard needs the same wildcard above it.
        (rule(&["apps"], &["*"], &["get"], &[]), json!([apps]), vec![Wild]),
        (
            rule(&["apps"], &["*/scale"], &["get"], &[]),
            json!([rule(&["apps"], &["deployments/scale"], &["get"], &[])]),
            vec![Wild],
        ),
        (rule(&["*"], &["*"], &["*"], &[]), json!([rule(&["*"], &["*"], &["*"], &[])]), vec![]),
        (rule(&["apps"], &["x"], &["y"], &[]), json!([rule(&["*"], &["*"], &["*"], &[])]), vec![]),
    ] {
        assert_eq!(broken(&role, Some(&ceiling)), expected, "{role} under {ceiling}");
    }
}

#[test]
fn without_a_ceiling_no_wildcard_and_no_right_that_widens_rights_passes() {
    let bare = |groups: &[&str], resources: &[&str], verbs: &[&str]| broken(&rule(groups, resources, verbs, &[]), None);
    assert_eq!(bare(&["cache.example.com"], &["memcacheds"], &["get", "delete"]), []);
    assert_eq!(bare(&["*"], &["memcacheds"], &["get"]), [RuleId::RoleWildcard]);
    assert_eq!(bare(&[""], &["*"], &["get"]), [RuleId::RoleWildcard]);
    assert_eq!(bare(&[""], &["pods"], &["*"]), [RuleId::RoleWildcard]);
    for verb in ["escalate", "bind", "impersonate"] {
        assert_eq!(bare(&["example.com"], &["roles"], &[verb]), [RuleId::RoleEscalation]);
        // And rights on RBAC at all are above the ceiling.
        let both = [RuleId::RoleEscalation, RuleId::RoleAboveCeiling];
        assert_eq!(bare(&["rbac.authorization.k8s.io"], &["roles"], &[verb]), both);
    }
}

#[test]
fn even_a_ceiling_that_has_them_does_not_allow_rights_that_widen_rights() {
    let bind = rule(&["rbac.authorization.k8s.io"], &["clusterroles"], &["bind"], &[]);
    assert_eq!(broken(&bind, Some(&json!([bind]))), [RuleId::RoleEscalation]);
}

#[test]
fn leases_and_events_are_every_operators_due() {
    let none = json!([]);
    let none = Some(&none);
    assert_eq!(
        broken(
            &rule(&["coordination.k8s.io"], &["leases"], &["get", "list", "watch", "create", "update", "patch"], &[]),
            none
        ),
        []
    );
    assert_eq!(broken(&rule(&["", "events.k8s.io"], &["events"], &["create", "patch"], &[]), none), []);
    assert_eq!(
        broken(&rule(&["coordination.k8s.io"], &["leases"], &["delete"], &[]), none),
        [RuleId::RoleAboveCeiling]
    );
    assert_eq!(broken(&rule(&[""], &["leases"], &["get"], &[]), none), [RuleId::RoleAboveCeiling]);
}

#[test]
fn without_a_ceiling_delicate_rights_do_not_pass() {
    for (group, resource) in [
        ("", "secrets"),
        ("", "serviceaccounts/token"),
        ("", "pods/exec"),
        ("rbac.authorization.k8s.io", "rolebindings"),
        ("leasehold.dev", "tenants"),
    ] {
        let role = rule(&[group], &[resource], &["get"], &[]);
        assert_eq!(broken(&role, None), [RuleId::RoleAboveCeiling], "{resource}");
        assert_eq!(broken(&role, Some(&json!([role]))), [], "{resource}: a fleet may say so");
    }
    assert_eq!(broken(&rule(&["", "apps"], &["configmaps", "pods", "deployments"], &["get", "delete"], &[]), None), []);
}

#[test]
fn a_rule_that_cannot_be_read_or_is_endless_does_not_pass() {
    assert_eq!(broken(&json!({"apiGroups": [""], "resources": "pods", "verbs": ["get"]}), None), [RuleId::Malformed]);
    assert_eq!(broken(&json!("x"), None), [RuleId::Malformed]);
    let many: Vec<String> = (0..100).map(|i| format!("r{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(broken(&rule(&[""], &many, &many, &[]), None), [RuleId::RoleAboveCeiling]);
}

fn some_rule() -> impl Strategy<Value = Value> {
    let some = |words: &'static [&'static str]| prop::sample::subsequence(words, 1..=words.len());
    let names = prop::sample::subsequence(&["a", "b"][..], 0..=2);
    (some(&["", "apps", "*"]), some(&["pods", "pods/log", "*/log", "*"]), some(&["get", "list", "*"]), names)
        .prop_map(|(groups, resources, verbs, names)| rule(&groups, &resources, &verbs, &names))
}

/// What the API server's authorizer would allow by these rules: the meaning that covering stands for.
fn allows(rules: &[PolicyRule], group: &str, resource: &str, verb: &str, name: &str) -> bool {
    let has = |list: &[String], wanted: &str| list.iter().any(|item| item == "*" || item == wanted);
    rules.iter().any(|rule| {
        let sub = resource.split_once('/').is_some_and(|(_, sub)| rule.resources.contains(&format!("*/{sub}")));
        has(&rule.api_groups, group)
            && (sub || has(&rule.resources, resource))
            && has(&rule.verbs, verb)
            && (rule.resource_names.is_empty() || rule.resource_names.iter().any(|n| n == name))
    })
}

proptest! {
    #[test]
    fn a_role_that_passes_allows_no_request_that_its_ceiling_does_not(
        role in some_rule(),
        ceiling in prop::collection::vec(some_rule(), 0..3),
    ) {
        let above = rules(json!(ceiling));
        if broken(&role, Some(&json!(ceiling))).is_empty() {
            let own = rules(json!([role]));
            for group in ["", "apps", "batch"] {
                for resource in ["pods", "pods/log", "jobs", "jobs/log"] {
                    for verb in ["get", "list", "delete"] {
                        for name in ["a", "b", "c", ""] {
                            let allowed = !allows(&own, group, resource, verb, name) || allows(&above, group, resource, verb, name);
                            prop_assert!(allowed, "{verb} {resource} {name} of {group}");
                        }
                    }
                }
            }
        }
    }
}
