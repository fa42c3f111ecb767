//! The fleet's ceilings fail closed: what cannot be read is not taken for "no ceiling".
use leasehold::{
    domain::{
        epoch::Epoch,
        fleet::Health,
        report::{Reason, Verdict},
        world::Apis,
    },
    observe::Source,
    plan::tenant::Step,
};
use serde_json::{Value, json};

use crate::desk::{Desk, release, tenant};

fn policy(spec: &Value) -> Value {
    json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": "FleetPolicy", "metadata": {"name": "default"}, "spec": spec})
}

/// A field that a newer Leasehold may know, with a value that this one does not.
fn unreadable() -> Value {
    policy(&json!({"tenantPodSecurity": "paranoid"}))
}

fn level(desk: &Desk) -> &Value {
    let namespace = desk.get("Namespace", "tenant-acme").expect("there is one");
    &namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
}

fn is_unread(desk: &mut Desk) -> bool {
    let report = desk.report();
    report.verdict == Verdict::Blocked(Reason::Undecodable)
        && report.note.contains("FleetPolicy default cannot be read")
}

#[test]
fn nobody_is_granted_anything_while_the_policy_cannot_be_read() {
    let mut desk = Desk::new(Apis::default());
    desk.put(Source::Fleet, unreadable());
    desk.put(Source::Tenants, tenant(&json!({})));
    let steps = desk.settle();
    assert!(steps.iter().all(|step| matches!(step, Step::Status(status) if status.granted.is_none())), "{steps:?}");
    assert!(is_unread(&mut desk), "{}", desk.report().note);

    desk.put(Source::Fleet, policy(&json!({"tenantPodSecurity": "baseline"})));
    desk.settle();
    assert_eq!(desk.report().word(), "Done", "corrected, it heals");
    assert_eq!(level(&desk), "baseline");
}

#[test]
fn the_last_policy_that_could_be_read_stays_in_force() {
    let mut desk = Desk::new(Apis::default());
    desk.put(Source::Fleet, policy(&json!({"tenantPodSecurity": "baseline", "allowedImages": ["example.com/*"]})));
    desk.put(Source::Tenants, tenant(&json!({})));
    desk.settle();
    desk.put(Source::Fleet, unreadable());
    assert_eq!(desk.settle(), [], "nothing changes");
    desk.patch(Source::Tenants, "acme", |tenant| tenant["spec"]["replicas"] = 3.into());
    desk.settle();
    assert_eq!(
        (level(&desk), desk.world().fleet.allowed_images.as_deref()),
        (&json!("baseline"), Some(&["example.com/*".to_owned()][..]))
    );
}

#[test]
fn a_restart_with_an_unreadable_policy_changes_nothing_that_runs() {
    let mut desk = Desk::new(Apis::default());
    desk.put(Source::Fleet, policy(&json!({"tenantPodSecurity": "baseline"})));
    desk.put(Source::Tenants, tenant(&json!({})));
    desk.settle();
    desk.put(Source::Fleet, unreadable());
    desk.restart();
    let steps = desk.settle();
    assert!(steps.iter().all(|step| matches!(step, Step::Status(_))), "{steps:?}");
    assert_eq!(level(&desk), "baseline", "not the default");
    assert!(is_unread(&mut desk));

    desk.delete_tenant();
    desk.settle();
    assert!(desk.get("Tenant", "acme").is_none(), "who wants to go needs no ceiling");
}

#[test]
fn an_unreadable_policy_is_no_failure_of_a_tenant_on_its_way() {
    let mut desk = Desk::new(Apis::default());
    desk.put(Source::Tenants, tenant(&json!({})));
    desk.until("claims", |step| matches!(step, Step::Status(status) if status.granted.is_some()));
    desk.put(Source::Fleet, unreadable());
    assert!(is_unread(&mut desk));
    assert_eq!(desk.planner.fleet().members["acme"].health, Health::Moving);
}

#[test]
fn without_a_policy_the_defaults_hold_and_leasehold_s_own_namespace_is_protected() {
    for (namespace, refused) in [("kube-system", true), ("the-leaseholds", true), ("default", true), ("mine", false)] {
        let mut desk = Desk::new(Apis::default());
        desk.put(Source::Fleet, policy(&json!({"protectedNamespaces": [], "tenantPodSecurity": "privileged"})));
        desk.remove(Source::Fleet, "default");
        desk.put(Source::Tenants, tenant(&json!({"namespace": namespace})));
        desk.settle();
        let protected = desk.report().verdict == Verdict::Blocked(Reason::NamespaceProtected);
        assert_eq!(protected, refused, "{namespace}: {}", desk.report().note);
    }
    let mut desk = Desk::onboarded(Epoch::default());
    assert_eq!(level(&desk), "restricted");
    desk.put(Source::Fleet, policy(&json!({"protectedNamespaces": []})));
    desk.settle();
    assert_eq!(desk.world().fleet.protected_namespaces, ["the-leaseholds"], "in any case");
}

#[test]
fn without_a_policy_no_release_grants_rights_on_secrets() {
    let mut desk = Desk::new(Apis::default());
    let rule = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]});
    desk.put(Source::Releases, release(&json!({"rules": [rule]})));
    desk.put(Source::Tenants, tenant(&json!({})));
    desk.settle();
    let report = desk.report();
    assert_eq!(report.verdict, Verdict::Blocked(Reason::Refused));
    assert!(report.note.contains("role-above-ceiling"), "{}", report.note);
    desk.put(Source::Fleet, policy(&json!({"allowedRules": [rule]})));
    desk.settle();
    assert_eq!(desk.report().word(), "Done", "{}", desk.report().note);
}
