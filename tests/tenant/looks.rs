//! When the operator's Lease is looked at.
use leasehold::{
    domain::{epoch::Epoch, marks},
    observe::Source,
};

use crate::desk::Desk;

/// Onboarded, restarted, and the proof is not on record.
fn unproven() -> Desk {
    let mut desk = Desk::onboarded(Epoch::default());
    desk.patch(Source::Tenants, "acme", |tenant| drop(tenant["status"].as_object_mut().unwrap().remove("running")));
    desk.restart();
    desk
}

fn looks(desk: &mut Desk) -> bool {
    desk.plan().samples.contains_key("acme")
}

#[test]
fn whoever_has_a_pod_of_what_was_granted_is_looked_at_until_it_is_proven() {
    assert!(looks(&mut unproven()));
    assert!(!looks(&mut Desk::onboarded(Epoch::default())), "not at rest");
}

/// Without a look its deadline would never be told: nobody would know that its leader is not just about to be seen.
#[test]
fn who_is_complete_without_a_pod_of_his_own_is_looked_at_too() {
    let mut desk = unproven();
    desk.patch(Source::Pods, "tenant-acme/pod-0", |pod| {
        pod["metadata"]["annotations"].as_object_mut().unwrap().remove(marks::POD_REVISION);
    });
    assert!(looks(&mut desk), "its mark was taken off");
    desk.remove(Source::Pods, "tenant-acme/pod-0");
    assert!(looks(&mut desk), "it has none");
}
