//! Shutting down: cancel, drain, release, in this order, and the release never hits anybody else's Lease.
use leasehold::election::{Outcome, Reason, Timings, core::Answer};
use serde_json::json;

use crate::{
    sim::{Entry, Fate, Sim, Verb, led, seconds, setup},
    store::Store,
};

fn leading() -> Sim {
    let mut sim = Sim::new(Store::default(), [setup("a", Timings::default())]);
    sim.run_until("a leads", |s| s.leader() == Some(0));
    sim.run_for(seconds(5.0));
    sim
}

#[test]
fn release_writes_the_released_record() {
    let mut sim = leading();
    sim.edit(|l| {
        l["spec"]["leaseTransitions"] = json!(0);
        l["spec"]["acquireTime"] = json!("2026-05-05T05:05:05.000005Z");
    });
    sim.shutdown(0);
    sim.run_for(seconds(0.1));
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Released));
    assert_eq!(sim.store.spec("holderIdentity"), "");
    assert_eq!(sim.store.spec("leaseDurationSeconds"), 1);
    assert_eq!(sim.store.spec("leaseTransitions"), 0, "kept");
    assert_eq!(sim.store.spec("acquireTime"), "1970-01-01T00:00:00.000000Z", "both stamps are the time of the release");
    assert_eq!(sim.store.spec("renewTime"), "1970-01-01T00:00:00.000000Z");
}

#[test]
fn release_hands_over_at_once() {
    let mut sim = led();
    sim.shutdown(0);
    let asked = sim.now;
    sim.run_until("b leads", |s| s.leader() == Some(1));
    assert!(asked.until(sim.now) < seconds(0.06));
}

#[test]
fn release_acts_on_the_same_snapshot_that_it_judged() {
    // The read after a conflict shows our Lease; the thief is faster than the write that follows.
    let mut sim = leading();
    sim.candidates[0].watching = false;
    sim.edit(|l| l["metadata"]["labels"]["team"] = json!("storage"));
    sim.shutdown(0);
    sim.run_until("the second try", |s| s.count(&Entry::Sent(0, Verb::Release)) == 2);
    sim.edit(|l| l["spec"]["holderIdentity"] = json!("thief"));
    sim.run_for(seconds(1.0));
    assert_eq!(sim.store.holder().as_deref(), Some("thief"));
}

#[test]
fn release_retries_on_conflict() {
    let mut sim = leading();
    sim.candidates[0].watching = false;
    sim.edit(|l| l["metadata"]["labels"]["team"] = json!("storage"));
    sim.shutdown(0);
    sim.run_for(seconds(0.1));
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Released));
    assert!(sim.sent(0).ends_with(&[Verb::Release, Verb::Read, Verb::Release]));
    assert_eq!(sim.store.holder(), None);
}

#[test]
fn release_not_after_failed_renewal() {
    let mut sim = leading();
    sim.candidates[0].partitioned = true;
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Lost(Reason::Expired)));
    sim.candidates[0].partitioned = false;
    sim.shutdown(0);
    sim.run_for(seconds(5.0));
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Release)), 0);
    assert_eq!(sim.store.holder().as_deref(), Some("a"), "it runs out by itself");
}

#[test]
fn release_not_past_validity() {
    let mut sim = leading();
    sim.candidates[0].writes = 1;
    sim.shutdown(0);
    sim.pause(0);
    sim.run_for(seconds(11.0));
    sim.finish_writes(0);
    sim.resume(0);
    sim.run_for(seconds(0.1));
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::DrainTimedOut));
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Release)), 0);
}

#[test]
fn n09_a_release_that_committed_without_an_answer_is_recognised() {
    for fate in [Fate::AnswerReset, Fate::AnswerLost, Fate::Twice] {
        let mut sim = leading();
        sim.fault(0, Verb::Release, fate);
        sim.shutdown(0);
        sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
        assert_eq!(sim.candidates[0].outcome, Some(Outcome::Released));
        assert_eq!(sim.count(&Entry::Stored(0, Verb::Release)), 1);
    }
}

#[test]
fn n09_a_release_whose_successor_leads_already_leaves_it_alone() {
    let mut sim = led();
    sim.fault(0, Verb::Release, Fate::AnswerLost);
    sim.shutdown(0);
    sim.run_until("a ends", |s| s.candidates[0].outcome.is_some());
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Released));
    assert_eq!(sim.leader(), Some(1));
}

#[test]
fn a_release_that_is_lost_on_the_way_is_sent_again() {
    let mut sim = leading();
    sim.fault(0, Verb::Release, Fate::Lost);
    sim.shutdown(0);
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Released));
    assert_eq!(sim.store.holder(), None);
}

#[test]
fn n32_a_drain_that_hangs_means_no_release() {
    let mut sim = leading();
    sim.candidates[0].writes = 1;
    sim.shutdown(0);
    let asked = sim.now;
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::DrainTimedOut));
    assert!(asked.until(sim.now) <= seconds(5.0), "bounded by the drain timeout");
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Release)), 0);
    assert_eq!(sim.store.holder().as_deref(), Some("a"));
}

#[test]
fn n32_a_drain_is_bounded_by_the_term_as_well() {
    let mut patient = setup("a", Timings::default());
    patient.drain_timeout = seconds(3600.0);
    let mut sim = Sim::new(Store::default(), [patient]);
    sim.run_until("a leads", |s| s.leader() == Some(0));
    sim.candidates[0].writes = 1;
    let until = sim.candidates[0].term.as_ref().expect("leads").until;
    sim.shutdown(0);
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::DrainTimedOut));
    assert_eq!(sim.now, until);
}

#[test]
fn n33_the_release_waits_for_the_last_write() {
    let mut sim = leading();
    sim.candidates[0].writes = 1;
    sim.shutdown(0);
    assert!(!sim.may_write(0), "cancelled in the very step");
    sim.run_for(seconds(2.0));
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Release)), 0);
    sim.finish_writes(0);
    sim.run_for(seconds(0.1));
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Released));
    assert!(sim.at(&Entry::Cancelled(0)) < sim.at(&Entry::Sent(0, Verb::Release)));
}

#[test]
fn n34_told_to_stop_while_acquiring_it_finds_out_and_gives_back() {
    for fate in [Fate::Late(seconds(0.0)), Fate::AnswerReset, Fate::AnswerLost, Fate::Twice, Fate::Lost] {
        let mut sim = Sim::new(Store::default(), [setup("a", Timings::default())]);
        sim.candidates[0].watching = false;
        sim.fault(0, Verb::Create, fate.clone());
        sim.run_until("the try", |s| s.sent(0).contains(&Verb::Create));
        sim.shutdown(0);
        sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
        assert_eq!(sim.candidates[0].outcome, Some(Outcome::NotLeading), "{fate:?}");
        assert_eq!(sim.store.holder(), None, "{fate:?}: nobody has to wait for a Lease that nobody uses");
        assert!(sim.candidates[0].term.is_none());
    }
}

#[test]
fn n34_told_to_stop_after_a_try_of_unknown_end() {
    let mut sim = Sim::new(Store::default(), [setup("a", Timings::default())]);
    sim.candidates[0].watching = false;
    sim.fault(0, Verb::Create, Fate::AnswerReset);
    sim.run_until("the try", |s| s.store.lease.is_some());
    sim.run_until("the read", |s| s.sent(0).ends_with(&[Verb::Create, Verb::Read]));
    sim.shutdown(0);
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    assert_eq!(sim.store.holder(), None);
}

#[test]
fn n34_told_to_stop_while_a_lost_race_is_answered() {
    let mut sim = Sim::new(Store::default(), [setup("a", Timings::default())]);
    sim.fault(0, Verb::Create, Fate::Late(seconds(1.0)));
    sim.run_until("the try", |s| s.sent(0).contains(&Verb::Create));
    sim.store = Store::held_by("b", 15);
    sim.shutdown(0);
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::NotLeading));
    assert_eq!(sim.store.holder().as_deref(), Some("b"));
}

#[test]
fn n35_told_to_stop_twice_changes_nothing() {
    let mut sim = leading();
    sim.candidates[0].writes = 1;
    sim.shutdown(0);
    sim.run_for(seconds(1.0));
    sim.shutdown(0);
    sim.finish_writes(0);
    sim.run_for(seconds(0.001));
    sim.shutdown(0);
    sim.run_for(seconds(0.1));
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Released));
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Release)), 1);
}

#[test]
fn n36_a_standby_that_is_told_to_stop_ends_at_once_and_writes_nothing() {
    let mut sim = Sim::new(Store::held_by("x", 15), [setup("a", Timings::default())]);
    sim.run_for(seconds(3.0));
    let before = sim.sent(0).len();
    sim.shutdown(0);
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::NotLeading));
    sim.run_for(seconds(60.0));
    assert_eq!(sim.sent(0).len(), before);
    assert_eq!(sim.store.holder().as_deref(), Some("x"));
}

#[test]
fn a_foreign_holder_seen_while_draining_is_a_loss_and_stays_untouched() {
    let mut sim = leading();
    sim.candidates[0].writes = 1;
    sim.shutdown(0);
    sim.edit(|l| l["spec"]["holderIdentity"] = json!("thief"));
    sim.run_for(seconds(0.1));
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Lost(Reason::ForeignHolder)));
    assert_eq!(sim.store.holder().as_deref(), Some("thief"));
}

#[test]
fn a_renewal_under_way_is_waited_for_before_the_release() {
    let mut sim = leading();
    sim.candidates[0].watching = false;
    sim.fault(0, Verb::Renew, Fate::AnswerLate(seconds(1.0)));
    let renewals = sim.count(&Entry::Stored(0, Verb::Renew));
    sim.run_until("a renewal stored", |s| s.count(&Entry::Stored(0, Verb::Renew)) > renewals);
    sim.shutdown(0);
    sim.run_for(seconds(1.5));
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Released));
    assert!(sim.sent(0).ends_with(&[Verb::Renew, Verb::Release]), "on the snapshot of the renewal, without a conflict");
}

#[test]
fn a_refused_release_is_tried_until_the_term_is_over() {
    let mut sim = leading();
    for _ in 0..50 {
        sim.fault(0, Verb::Release, Fate::Instead(Answer::Refused));
    }
    sim.shutdown(0);
    let until = sim.candidates[0].term.as_ref().expect("led").until;
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Lost(Reason::Expired)));
    assert_eq!(sim.now, until);
}
