//! Who may write over whose stack, by the terms of Leasehold's own Lease.
use leasehold::{
    domain::{epoch::Epoch, marks, report::Reason, report::Verdict},
    observe::Source,
};

use crate::desk::Desk;

fn deployment(desk: &Desk) -> &str {
    let deployment = desk.get("Deployment", "tenant-acme/memcached-operator").unwrap();
    deployment["metadata"]["annotations"][marks::EPOCH].as_str().unwrap()
}

fn ask_for_three_replicas(desk: &mut Desk) {
    desk.patch(Source::Tenants, "acme", |tenant| tenant["spec"]["replicas"] = 3.into());
}

#[test]
fn a_former_leader_leaves_alone_what_a_later_term_wrote() {
    let mut desk = Desk::onboarded(Epoch::new("lease", 8));
    desk.epoch = Epoch::new("lease", 7);
    ask_for_three_replicas(&mut desk);
    desk.settle();
    let report = desk.report();
    assert_eq!(report.verdict, Verdict::Blocked(Reason::NewerEpoch), "{}", report.note);
    assert!(report.note.contains("lease/8, newer than ours (lease/7)"), "{}", report.note);
    assert_eq!(deployment(&desk), "lease/8");
}

#[test]
fn the_next_term_goes_on() {
    let mut desk = Desk::onboarded(Epoch::new("lease", 8));
    desk.epoch = Epoch::new("lease", 9);
    ask_for_three_replicas(&mut desk);
    desk.settle();
    assert_eq!(desk.report().word(), "Done");
    assert_eq!(deployment(&desk), "lease/9");
}

#[test]
fn the_first_term_of_a_lease_made_anew_goes_on_with_what_the_old_lease_s_terms_wrote() {
    let mut desk = Desk::onboarded(Epoch::new("lease", 8));
    desk.epoch = Epoch::new("anew", 0);
    ask_for_three_replicas(&mut desk);
    desk.settle();
    assert_eq!(desk.report().word(), "Done");
    assert_eq!(deployment(&desk), "anew/0");
    let grant = desk.world().tenants["acme"].tenant.as_ref().unwrap().status.as_ref().unwrap().granted.clone().unwrap();
    assert_eq!((grant.lease.as_deref(), grant.epoch), (Some("anew"), 0));
}
