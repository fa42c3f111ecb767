//! Records that others wrote, or that nobody should have written.
use leasehold::election::{Outcome, Reason, Timings};
use serde_json::json;

use crate::{
    sim::{Sim, seconds, setup},
    store::Store,
};

fn taken_after(spec: &serde_json::Value) -> f64 {
    let mut sim = Sim::new(Store::with(spec), [setup("a", Timings::default())]);
    let start = sim.now;
    sim.run_until("a leads", |s| s.leader() == Some(0));
    start.until(sim.now).as_secs_f64()
}

#[test]
fn n17_a_second_process_with_our_identity_is_a_stranger() {
    let timings = Timings::default();
    let mut twin = setup("a", timings);
    twin.nonce = "another-process".into();
    let mut sim = Sim::new(Store::default(), [setup("a", timings)]);
    sim.run_until("the first leads", |s| s.leader() == Some(0));
    sim.join(twin);
    sim.run_for(seconds(60.0));
    assert_eq!(sim.leader(), Some(0), "the twin does not renew the first one's Lease");
    assert_eq!(sim.store.transitions(), 0);
    sim.kill(0);
    sim.run_until("the twin leads", |s| s.leader() == Some(1));
    assert_eq!(sim.store.transitions(), 1);
}

#[test]
fn n17_a_twin_that_took_over_ends_the_first_ones_term() {
    let mut sim = Sim::new(Store::default(), [setup("a", Timings::default())]);
    sim.run_until("the first leads", |s| s.leader() == Some(0));
    sim.edit(|l| l["metadata"]["annotations"]["leasehold.dev/nonce"] = json!("another-process.1"));
    sim.run_for(seconds(0.01));
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Lost(Reason::EpochChanged)));
}

#[test]
fn n18_absent_zero_and_negative_durations_of_a_holder_get_our_own() {
    for duration in [json!(null), json!(0), json!(-5), json!("soon")] {
        let after = taken_after(&json!({"holderIdentity": "x", "leaseDurationSeconds": duration}));
        assert!((15.0..15.2).contains(&after), "{duration}: {after}");
    }
}

#[test]
fn n18_a_huge_duration_is_honoured_and_does_not_overflow() {
    let mut sim = Sim::new(
        Store::with(&json!({"holderIdentity": "x", "leaseDurationSeconds": i32::MAX})),
        [setup("a", Timings::default())],
    );
    sim.run_for(seconds(3600.0));
    assert_eq!(sim.leader(), None);
    // What an admin does about it helps within our own lease duration.
    sim.delete_lease();
    sim.run_for(seconds(15.1));
    assert_eq!(sim.leader(), Some(0));
}

#[test]
fn n19_transitions_stop_at_the_int32_limit() {
    let mut sim = Sim::new(Store::with(&json!({"leaseTransitions": i32::MAX})), [setup("a", Timings::default())]);
    sim.run_until("a leads", |s| s.leader() == Some(0));
    assert_eq!(sim.store.spec("leaseTransitions"), i32::MAX);
}

#[test]
fn n19_absent_and_negative_transitions_count_as_zero() {
    for transitions in [json!(null), json!(-1), json!(i32::MIN)] {
        let mut sim =
            Sim::new(Store::with(&json!({"leaseTransitions": transitions})), [setup("a", Timings::default())]);
        sim.run_until("a leads", |s| s.leader() == Some(0));
        assert_eq!(sim.store.spec("leaseTransitions"), 1);
    }
}

#[test]
fn foreign_fields_survive_a_whole_life() {
    let mut sim = Sim::new(
        Store::with(&json!({"strategy": "OldestEmulationVersion", "preferredHolder": "p", "future": {"x": [1, null]}})),
        [setup("a", Timings::default())],
    );
    let metadata = json!({"team": "storage"});
    sim.edit(|l| {
        l["metadata"]["labels"] = metadata.clone();
        l["metadata"]["annotations"] = metadata.clone();
        l["metadata"]["ownerReferences"] = json!([{"kind": "Deployment", "name": "op", "uid": "u"}]);
    });
    let foreign = |lease: &serde_json::Value| {
        let mut lease = lease.clone();
        for field in ["holderIdentity", "leaseDurationSeconds", "leaseTransitions", "acquireTime", "renewTime"] {
            lease["spec"].as_object_mut().expect("a spec").remove(field);
        }
        lease["metadata"]["annotations"].as_object_mut().expect("annotations").remove("leasehold.dev/nonce");
        lease["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
        lease["apiVersion"] = json!("coordination.k8s.io/v1");
        lease["kind"] = json!("Lease");
        lease
    };
    let before = foreign(&{
        let mut lease = sim.store.raw().clone();
        lease["metadata"]["annotations"]["leasehold.dev/nonce"] = json!("");
        lease
    });
    sim.run_until("a leads", |s| s.leader() == Some(0));
    sim.run_for(seconds(10.0));
    sim.shutdown(0);
    sim.run_until("the end", |s| s.candidates[0].outcome == Some(Outcome::Released));
    assert_eq!(foreign(sim.store.raw()), before);
}
