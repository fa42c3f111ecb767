//! When a standby takes the Lease, and when it does not.
use leasehold::election::{Timings, core::Answer, record::NONCE_ANNOTATION};
use serde_json::json;

use crate::{
    sim::{Entry, Fate, Sim, Verb, seconds, setup, timings},
    store::Store,
};

fn alone(store: Store) -> Sim {
    Sim::new(store, [setup("a", Timings::default())])
}

fn leads_within(sim: &mut Sim, limit: f64) {
    sim.run_for(seconds(limit));
    assert_eq!(sim.leader(), Some(0), "{:#?}", sim.log);
    assert_eq!(sim.store.holder().as_deref(), Some("a"));
}

#[test]
fn acquire_no_object_creates_it_with_zero_transitions() {
    let mut sim = alone(Store::default());
    leads_within(&mut sim, 0.2);
    assert_eq!(sim.sent(0), [Verb::Read, Verb::Create]);
    assert_eq!(sim.store.spec("leaseTransitions"), 0);
    assert_eq!(sim.store.spec("leaseDurationSeconds"), 15);
    assert_eq!(sim.store.spec("acquireTime"), sim.store.spec("renewTime"));
    assert_eq!(sim.store.raw()["metadata"]["annotations"][NONCE_ANNOTATION], "nonce-a.1");
}

#[test]
fn acquire_empty_spec_is_free() {
    let mut sim = alone(Store::with(&json!({})));
    leads_within(&mut sim, 0.2);
    assert_eq!(sim.sent(0), [Verb::Read, Verb::Acquire]);
    assert_eq!(sim.store.transitions(), 1, "one more per acquisition of a Lease that exists");
}

#[test]
fn acquire_unheld_keeps_counting_transitions() {
    let mut sim = alone(Store::with(&json!({"leaseDurationSeconds": 15, "leaseTransitions": 7})));
    leads_within(&mut sim, 0.2);
    assert_eq!(sim.store.transitions(), 8);
}

#[test]
fn acquire_empty_holder_is_free_at_once() {
    let spec = json!({"holderIdentity": "", "leaseDurationSeconds": 1, "leaseTransitions": 4,
        "renewTime": "2099-01-01T00:00:00.000000Z"});
    let mut sim = alone(Store::with(&spec));
    leads_within(&mut sim, 0.2);
    assert_eq!(sim.store.transitions(), 5);
}

#[test]
fn acquire_led_unexpired_is_left_alone() {
    let mut sim = alone(Store::held_by("x", 15));
    sim.run_for(seconds(14.99));
    assert_eq!(sim.leader(), None);
    assert!(sim.sent(0).iter().all(|v| *v == Verb::Read), "a standby writes nothing");
}

#[test]
fn acquire_led_expired_since_observation_is_read_afresh_and_taken() {
    let mut sim = alone(Store::held_by("x", 15));
    leads_within(&mut sim, 15.2);
    assert!(sim.sent(0).ends_with(&[Verb::Read, Verb::Acquire]));
    assert_eq!(sim.store.transitions(), 4);
}

#[test]
fn acquire_uses_the_records_own_duration() {
    let mut short = alone(Store::held_by("x", 3));
    short.run_for(seconds(2.99));
    assert_eq!(short.leader(), None);
    leads_within(&mut short, 0.2);

    let mut long = alone(Store::held_by("x", 40));
    long.run_for(seconds(39.9));
    assert_eq!(long.leader(), None);
    leads_within(&mut long, 0.3);
}

#[test]
fn expiry_counts_from_the_last_change_seen_not_from_the_first() {
    let mut sim = alone(Store::held_by("x", 15));
    sim.run_for(seconds(10.0));
    sim.edit(|l| l["spec"]["renewTime"] = json!("2026-01-01T00:00:10.000000Z"));
    sim.run_for(seconds(14.9));
    assert_eq!(sim.leader(), None);
    leads_within(&mut sim, 0.3);
}

#[test]
fn a_renewal_found_by_the_last_read_starts_the_wait_again() {
    let mut sim = alone(Store::held_by("x", 15));
    sim.candidates[0].watching = false;
    sim.run_for(seconds(14.995));
    sim.edit(|l| l["spec"]["renewTime"] = json!("2026-01-01T00:00:14.000000Z"));
    sim.run_for(seconds(14.9));
    assert_eq!(sim.leader(), None);
    leads_within(&mut sim, 0.3);
}

#[test]
fn the_expired_lease_of_a_holder_that_renews_in_the_last_instant_is_not_taken() {
    let mut sim = alone(Store::held_by("x", 15));
    sim.run_until("the try", |s| s.sent(0).contains(&Verb::Acquire));
    // The write is on its way; the holder's renewal is faster.
    sim.edit(|l| l["spec"]["renewTime"] = json!("2026-01-01T00:00:15.000000Z"));
    sim.run_for(seconds(14.0));
    assert_eq!(sim.leader(), None);
    assert_eq!(sim.store.holder().as_deref(), Some("x"));
}

#[test]
fn a_win_that_is_answered_after_its_validity_is_not_a_win() {
    let mut sim = alone(Store::default());
    sim.fault(0, Verb::Create, Fate::AnswerLate(seconds(11.0)));
    sim.candidates[0].watching = false;
    sim.run_until("the try", |s| s.sent(0).contains(&Verb::Create));
    sim.pause(0);
    sim.run_for(seconds(12.0));
    sim.resume(0);
    sim.run_until("a second acquisition", |s| s.leader() == Some(0));
    assert_eq!(sim.store.transitions(), 1, "a new epoch for the term that was opened");
}

#[test]
fn a_refused_try_is_repeated_once_per_retry_period() {
    let mut sim = alone(Store::default());
    for _ in 0..3 {
        sim.fault(0, Verb::Create, Fate::Instead(Answer::Refused));
    }
    sim.run_for(seconds(1.9));
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Create)), 1);
    sim.run_until("it leads", |s| s.leader() == Some(0));
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Create)), 4);
}

#[test]
fn a_failed_try_does_not_make_it_read_in_a_loop_once_the_watch_has_named_a_holder() {
    let mut sim = alone(Store::default());
    sim.fault(0, Verb::Create, Fate::Lost);
    sim.run_until("the try", |s| s.sent(0).contains(&Verb::Create));
    sim.store = Store::held_by("faster", 15);
    sim.broadcast();
    sim.run_for(seconds(14.0));
    let sent = sim.sent(0).len();
    assert!(sent < 14, "{sent} requests");
    assert_eq!(sim.leader(), None);
}

#[test]
fn n22_twenty_standbys_one_free_lease_one_winner_few_requests() {
    let names: Vec<_> = (0..20).map(|i| format!("candidate-{i}")).collect();
    let mut sim = Sim::new(Store::held_by("x", 15), names.iter().map(|n| setup(n, Timings::default())));
    sim.run_for(seconds(1.0));
    let before = sim.log.len();
    sim.edit(|l| l["spec"]["holderIdentity"] = json!(""));
    sim.run_for(seconds(1.0));
    let sent = sim.log[before..].iter().filter(|(_, e)| matches!(e, Entry::Sent(..))).count();
    let opened = sim.log.iter().filter(|(_, e)| matches!(e, Entry::Opened(..))).count();
    assert_eq!(opened, 1);
    assert!(sent <= 40, "{sent} requests for 20 standbys");
    assert!(sim.leader().is_some());
}

#[test]
fn n22_twenty_started_at_once_without_a_watch_one_winner_few_requests() {
    let names: Vec<_> = (0..20).map(|i| format!("candidate-{i}")).collect();
    let mut sim = Sim::new(Store::default(), names.iter().map(|n| setup(n, Timings::default())));
    sim.run_for(seconds(0.3));
    let sent = sim.log.iter().filter(|(_, e)| matches!(e, Entry::Sent(..))).count();
    assert!(sent <= 40, "{sent} requests for 20 starting candidates");
    assert!(sim.leader().is_some());
}

#[test]
fn n23_a_silent_watch_costs_one_retry_period() {
    let mut sim = alone(Store::held_by("x", 15));
    sim.candidates[0].watching = false;
    sim.run_for(seconds(5.0));
    sim.edit(|l| l["spec"]["holderIdentity"] = json!(""));
    leads_within(&mut sim, 2.1);
}

#[test]
fn a_freed_lease_is_taken_within_the_jitter_when_the_watch_is_alive() {
    let mut sim = Sim::new(Store::held_by("x", 60), [setup("a", timings(60, 40.0, 10.0))]);
    sim.run_for(seconds(5.0));
    sim.edit(|l| l["spec"]["holderIdentity"] = json!(""));
    leads_within(&mut sim, 0.06);
}

#[test]
fn a_late_watch_event_does_not_turn_back_what_a_read_has_shown() {
    let mut sim = alone(Store::held_by("x", 15));
    let old = crate::store::present(&sim.store);
    sim.run_for(seconds(10.0));
    sim.edit(|l| l["spec"]["renewTime"] = json!("2026-01-01T00:00:10.000000Z"));
    sim.run_for(seconds(5.0));
    sim.tell(0, leasehold::election::core::Event::Watched(old));
    // The old news neither restarts the wait nor ends it.
    sim.run_for(seconds(9.9));
    assert_eq!(sim.leader(), None);
    leads_within(&mut sim, 0.3);
}
