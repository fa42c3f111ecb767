//! Renewing, and what ends a term.
use leasehold::election::{Outcome, Reason, Timings, core::Answer};
use serde_json::json;

use crate::{
    sim::{Entry, Fate, Sim, Verb, led, seconds, setup},
    store::Store,
};

fn leading() -> Sim {
    let mut sim = Sim::new(Store::default(), [setup("a", Timings::default())]);
    sim.run_until("a leads", |s| s.leader() == Some(0));
    sim
}

fn lost(sim: &Sim, reason: Reason) {
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Lost(reason)), "{:#?}", sim.log);
    assert!(!sim.may_write(0));
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Release)), 0, "a lost term is never released");
}

#[test]
fn renew_keeps_acquire_time_and_transitions() {
    let mut sim = leading();
    sim.edit(|l| l["spec"]["acquireTime"] = json!("2026-05-05T05:05:05.000005Z"));
    let transitions = sim.store.transitions();
    sim.run_for(seconds(60.0));
    assert_eq!(sim.store.spec("acquireTime"), "2026-05-05T05:05:05.000005Z");
    assert_eq!(sim.store.transitions(), transitions);
    assert_eq!(sim.leader(), Some(0));
}

#[test]
fn renew_has_no_get_on_the_fast_path_and_one_write_per_retry_period() {
    let mut sim = leading();
    let before = sim.sent(0).len();
    sim.run_for(seconds(60.0));
    let sent = &sim.sent(0)[before..];
    assert!(sent.iter().all(|v| *v == Verb::Renew), "{sent:?}");
    assert!((29..=30).contains(&sent.len()), "{} renewals in 60 s", sent.len());
}

#[test]
fn renew_conflict_falls_back_to_get_and_goes_on() {
    let mut sim = leading();
    sim.candidates[0].watching = false;
    sim.edit(|l| l["metadata"]["labels"]["team"] = json!("storage"));
    let before = sim.sent(0).len();
    sim.run_for(seconds(3.0));
    assert_eq!(sim.sent(0)[before..], [Verb::Renew, Verb::Read, Verb::Renew]);
    assert_eq!(sim.leader(), Some(0));
    assert_eq!(sim.store.raw()["metadata"]["labels"]["team"], "storage");
}

#[test]
fn a_foreign_label_seen_by_the_watch_costs_no_conflict() {
    let mut sim = leading();
    sim.edit(|l| l["metadata"]["labels"]["team"] = json!("storage"));
    let before = sim.sent(0).len();
    sim.run_for(seconds(3.0));
    assert_eq!(sim.sent(0)[before..], [Verb::Renew]);
}

#[test]
fn conflicts_without_a_change_do_not_spin() {
    let mut sim = leading();
    for _ in 0..100 {
        sim.fault(0, Verb::Renew, Fate::Instead(Answer::Conflict));
    }
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    lost(&sim, Reason::Expired);
    assert!(sim.sent(0).len() < 16, "{} requests", sim.sent(0).len());
}

#[test]
fn n04_foreign_holder_ends_the_term_in_one_step() {
    // Seen by the watch: before any renewal, with no request at all.
    let mut sim = leading();
    let sent = sim.sent(0).len();
    sim.edit(|l| l["spec"]["holderIdentity"] = json!("thief"));
    sim.run_for(seconds(0.01));
    lost(&sim, Reason::ForeignHolder);
    assert_eq!(sim.sent(0).len(), sent);
    assert_eq!(sim.store.holder().as_deref(), Some("thief"));
}

#[test]
fn n04_foreign_holder_ends_the_term_with_the_read_that_shows_it() {
    let mut sim = leading();
    sim.candidates[0].watching = false;
    sim.edit(|l| l["spec"]["holderIdentity"] = json!("thief"));
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    lost(&sim, Reason::ForeignHolder);
    assert!(sim.sent(0).ends_with(&[Verb::Renew, Verb::Read]), "conflict, read, over");
}

#[test]
fn a_cleared_holder_ends_the_term() {
    let mut sim = leading();
    sim.edit(|l| l["spec"]["holderIdentity"] = json!(""));
    sim.run_for(seconds(0.01));
    lost(&sim, Reason::Cleared);
}

#[test]
fn n15_a_deleted_lease_ends_the_term() {
    for watching in [true, false] {
        let mut sim = leading();
        sim.candidates[0].watching = watching;
        sim.delete_lease();
        sim.run_for(seconds(if watching { 0.01 } else { 2.1 }));
        lost(&sim, Reason::Deleted);
        assert!(sim.store.lease.is_none(), "its holder does not re-create it");
    }
}

#[test]
fn n15_a_standby_leaves_a_deleted_lease_for_as_long_as_the_holder_may_believe() {
    let mut sim = led();
    sim.candidates[0].partitioned = true;
    let believed_until = sim.candidates[0].term.as_ref().expect("leads").until;
    sim.delete_lease();
    sim.run_until("b leads", |s| s.leader() == Some(1));
    assert!(sim.now >= believed_until);
    assert_eq!(sim.store.transitions(), 0);
}

#[test]
fn n16_a_lease_made_anew_by_another_ends_the_term() {
    for watching in [true, false] {
        let mut sim = leading();
        sim.candidates[0].watching = watching;
        sim.store.delete();
        sim.store
            .post(json!({"metadata": {"name": "x"}, "spec": {"holderIdentity": "other", "leaseDurationSeconds": 15}}));
        sim.broadcast();
        sim.run_for(seconds(2.1));
        lost(&sim, Reason::Replaced);
        assert_eq!(sim.store.holder().as_deref(), Some("other"));
    }
}

#[test]
fn n16_a_lease_made_anew_in_our_own_name_ends_the_term_too() {
    let mut sim = leading();
    let mut copy = sim.store.raw().clone();
    sim.store.delete();
    copy["metadata"]["uid"] = json!(null);
    sim.store.post(copy);
    sim.run_for(seconds(2.1));
    lost(&sim, Reason::Replaced);
}

#[test]
fn n14_two_changes_within_one_second_are_both_seen() {
    // A clock of whole seconds would take the thief's Lease, given back at once, for the old one.
    let mut sim = leading();
    sim.candidates[0].watching = false;
    let original = sim.store.raw()["spec"].clone();
    sim.edit(|l| l["spec"]["holderIdentity"] = json!("thief"));
    sim.edit(|l| {
        l["spec"] = original;
        l["spec"]["leaseTransitions"] = json!(2);
    });
    sim.run_for(seconds(2.1));
    lost(&sim, Reason::EpochChanged);
}

#[test]
fn n05_slow_answers_within_the_attempt_timeout_only_shift_the_renewals() {
    let mut sim = leading();
    for _ in 0..10 {
        sim.fault(0, Verb::Renew, Fate::AnswerLate(seconds(3.0)));
    }
    sim.run_for(seconds(30.0));
    assert_eq!(sim.leader(), Some(0));
}

#[test]
fn n05_validity_counts_from_the_send_not_from_the_answer() {
    let mut sim = leading();
    sim.candidates[0].watching = false;
    sim.fault(0, Verb::Renew, Fate::AnswerLate(seconds(3.0)));
    sim.next_renewal(0);
    let sent = sim.now;
    sim.run_for(seconds(3.005));
    assert_eq!(sim.candidates[0].term.as_ref().expect("leads").until, sent + seconds(10.0));
}

#[test]
fn n06_an_answer_after_its_deadline_is_not_heard() {
    let mut sim = leading();
    sim.candidates[0].watching = false;
    for _ in 0..10 {
        sim.fault(0, Verb::Renew, Fate::AnswerLate(seconds(3.5)));
        sim.fault(0, Verb::Read, Fate::AnswerLate(seconds(3.5)));
    }
    let until = sim.candidates[0].term.as_ref().expect("leads").until;
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    lost(&sim, Reason::Expired);
    assert_eq!(sim.now, until, "no renewal was answered in time, so none counts");
}

#[test]
fn n08_a_renewal_that_committed_without_an_answer_is_recognised() {
    for fate in [Fate::AnswerReset, Fate::AnswerLost, Fate::Twice] {
        let mut sim = leading();
        sim.candidates[0].watching = false;
        sim.fault(0, Verb::Renew, fate);
        sim.run_for(seconds(9.0));
        assert_eq!(sim.leader(), Some(0));
        assert!(sim.sent(0).contains(&Verb::Read), "the next renewal met a conflict, a read told");
    }
}

#[test]
fn n42_rights_taken_away_and_given_back_in_time_cost_nothing() {
    let mut sim = leading();
    // At 2, 4 and 6 s; the try at 8 s saves the term.
    for _ in 0..3 {
        sim.fault(0, Verb::Renew, Fate::Instead(Answer::Refused));
    }
    sim.run_for(seconds(60.0));
    assert_eq!(sim.leader(), Some(0));
}

#[test]
fn n42_rights_taken_away_for_good_end_the_term_at_its_deadline() {
    let mut sim = leading();
    let until = sim.candidates[0].term.as_ref().expect("leads").until;
    for _ in 0..20 {
        sim.fault(0, Verb::Renew, Fate::Instead(Answer::Refused));
    }
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    lost(&sim, Reason::Expired);
    assert_eq!(sim.now, until);
}

#[test]
fn n41_a_restored_etcd_ends_the_term() {
    let mut sim = leading();
    let snapshot = sim.store.clone();
    sim.run_for(seconds(11.0));
    assert_eq!(sim.leader(), Some(0));
    sim.store.restore(&snapshot);
    sim.run_for(seconds(2.1));
    lost(&sim, Reason::RevisionWentBack);
}

#[test]
fn an_old_watch_event_does_not_end_a_term() {
    let mut sim = Sim::new(Store::held_by("x", 15), [setup("a", Timings::default())]);
    let old = crate::store::present(&sim.store);
    sim.run_until("a leads", |s| s.leader() == Some(0));
    sim.tell(0, leasehold::election::core::Event::Watched(old));
    assert_eq!(sim.leader(), Some(0));
}
