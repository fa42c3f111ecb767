//! Partitions, pauses, lost and late messages: between two candidates there is never a second valid term.
use leasehold::election::{Outcome, Reason, Timings};

use crate::{
    sim::{Entry, Fate, Sim, Verb, led, seconds, setup},
    store::Store,
};

#[test]
fn n01_a_partitioned_leader_is_over_a_renew_deadline_after_its_last_send() {
    let mut sim = led();
    sim.next_renewal(0);
    let sent = sim.now;
    sim.run_for(seconds(1.0));
    sim.candidates[0].partitioned = true;
    sim.run_until("the end", |s| s.candidates[0].outcome.is_some());
    assert_eq!(sim.now, sent + seconds(10.0), "t_send + R, always");
    assert_eq!(sim.at(&Entry::Cancelled(0)), Some(sim.now));
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Release)), 0);
    sim.run_until("b leads", |s| s.leader() == Some(1));
    assert!(
        sent.until(sim.now) >= seconds(15.0) && sent.until(sim.now) < seconds(15.5),
        "crash: L after the last renewal"
    );
}

#[test]
fn n02_stopped_and_resumed_the_old_leader_leaves_its_successor_alone() {
    let mut sim = led();
    sim.pause(0);
    sim.run_until("b leads", |s| s.leader() == Some(1));
    let (holder, transitions) = (sim.store.holder(), sim.store.transitions());
    // SIGTERM is handled before anything else that waited.
    sim.resume(0);
    sim.shutdown(0);
    sim.run_for(seconds(5.0));
    assert_eq!(sim.candidates[0].outcome, Some(Outcome::Lost(Reason::Expired)));
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Release)), 0);
    assert_eq!((sim.store.holder(), sim.store.transitions()), (holder, transitions));
    assert_eq!(sim.leader(), Some(1));
}

#[test]
fn n03_stopped_with_a_renewal_on_its_way_the_successor_stays_untouched() {
    for fate in [Fate::Late(seconds(20.0)), Fate::AnswerLate(seconds(20.0)), Fate::Twice, Fate::Lost] {
        let mut sim = led();
        sim.fault(0, Verb::Renew, fate);
        sim.next_renewal(0);
        sim.pause(0);
        sim.run_until("b leads", |s| s.leader() == Some(1));
        sim.run_for(seconds(10.0));
        sim.resume(0);
        sim.shutdown(0);
        sim.run_for(seconds(5.0));
        assert_eq!(sim.leader(), Some(1));
        assert_eq!(sim.store.holder().as_deref(), Some("b"));
    }
}

#[test]
fn n03_stopped_with_a_release_on_its_way_the_successor_stays_untouched() {
    for late in [0.0, 20.0] {
        let mut sim = led();
        sim.fault(0, Verb::Release, Fate::Late(seconds(late)));
        sim.shutdown(0);
        sim.run_until("the release", |s| s.sent(0).last() == Some(&Verb::Release));
        sim.pause(0);
        sim.run_until("b leads", |s| s.leader() == Some(1));
        sim.run_for(seconds(30.0));
        sim.resume(0);
        sim.run_for(seconds(1.0));
        assert_eq!(sim.leader(), Some(1));
        assert_eq!(sim.store.transitions(), 1);
    }
}

#[test]
fn n03_stopped_between_drain_and_release_the_release_is_not_sent() {
    let mut sim = led();
    sim.candidates[0].writes = 1;
    sim.shutdown(0);
    sim.pause(0);
    sim.candidates[0].writes = 0;
    sim.run_until("b leads", |s| s.leader() == Some(1));
    sim.finish_writes(0);
    sim.resume(0);
    sim.run_for(seconds(1.0));
    assert_eq!(sim.count(&Entry::Sent(0, Verb::Release)), 0);
    assert_eq!(sim.leader(), Some(1));
}

#[test]
fn n07_an_acquisition_that_committed_without_an_answer_counts_from_its_send() {
    for fate in [Fate::AnswerReset, Fate::AnswerLost, Fate::Twice] {
        let mut sim = Sim::new(Store::default(), [setup("a", Timings::default())]);
        sim.candidates[0].watching = false;
        sim.fault(0, Verb::Create, fate);
        sim.run_until("the try", |s| s.sent(0).contains(&Verb::Create));
        let sent = sim.now;
        sim.run_until("a leads", |s| s.leader() == Some(0));
        assert_eq!(sim.candidates[0].term.as_ref().expect("leads").until, sent + seconds(10.0));
        assert_eq!(sim.count(&Entry::Stored(0, Verb::Create)), 1);
        assert_eq!(sim.store.transitions(), 0, "recognised, not taken a second time");
    }
}

#[test]
fn n07_a_try_that_lands_after_it_was_given_up_is_recognised_by_its_nonce() {
    let mut sim = Sim::new(Store::default(), [setup("a", Timings::default())]);
    // Longer than the attempt timeout of 3.3 s and the read that follows, shorter than R.
    sim.fault(0, Verb::Create, Fate::Late(seconds(4.0)));
    sim.run_until("a leads", |s| s.leader() == Some(0));
    sim.run_for(seconds(60.0));
    assert_eq!(sim.leader(), Some(0));
}

#[test]
fn n25_hung_requests_are_bounded_and_the_third_try_saves_the_term() {
    let mut sim = led();
    sim.fault(0, Verb::Renew, Fate::Lost);
    sim.fault(0, Verb::Renew, Fate::Lost);
    sim.run_for(seconds(30.0));
    assert_eq!(sim.leader(), Some(0));
}

#[test]
fn n37_in_the_model_a_graceful_handover_takes_the_jitter_and_three_messages() {
    for i in 0..50u32 {
        let mut sim = led();
        sim.run_for(seconds(0.1) * i);
        sim.shutdown(0);
        let asked = sim.now;
        sim.run_until("b leads", |s| s.leader() == Some(1));
        assert!(asked.until(sim.now) < seconds(0.06));
    }
}

#[test]
fn n38_in_the_model_a_crash_is_over_between_l_minus_p_and_l_plus_half_a_second() {
    for i in 0..50u32 {
        let mut sim = led();
        sim.run_for(seconds(0.07) * i);
        sim.kill(0);
        let killed = sim.now;
        sim.run_until("b leads", |s| s.leader() == Some(1));
        let gap = killed.until(sim.now);
        assert!(gap >= seconds(13.0) && gap <= seconds(15.5), "{gap:?}");
    }
}

#[test]
fn a_killed_leaders_renewal_that_lands_late_prolongs_its_lease_and_nothing_else() {
    let mut sim = led();
    sim.fault(0, Verb::Renew, Fate::Late(seconds(12.0)));
    sim.next_renewal(0);
    sim.kill(0);
    sim.run_until("b leads", |s| s.leader() == Some(1));
    sim.run_for(seconds(30.0));
    assert_eq!(sim.leader(), Some(1));
}
