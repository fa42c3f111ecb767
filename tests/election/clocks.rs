//! Wall clocks decide nothing; the boot clock decides everything.
use leasehold::election::{
    BootInstant, Outcome, Reason, Timings,
    core::{Event, Phase, State, step},
};
use serde_json::json;

use crate::{
    sim::{Sim, led, seconds, setup},
    store::Store,
};

/// What the record's stamps say is the only thing a wrong wall clock can change.
fn with_stamps(stamp: &str) -> Sim {
    let spec = json!({"holderIdentity": "x", "leaseDurationSeconds": 15, "leaseTransitions": 3,
        "acquireTime": stamp, "renewTime": stamp});
    Sim::new(Store::with(&spec), [setup("a", Timings::default())])
}

fn is_taken_after_fifteen_seconds(mut sim: Sim) {
    sim.run_for(seconds(14.9));
    assert_eq!(sim.leader(), None);
    sim.run_for(seconds(0.3));
    assert_eq!(sim.leader(), Some(0));
}

#[test]
fn n10_a_wall_clock_set_forward_changes_nothing() {
    is_taken_after_fifteen_seconds(with_stamps("2026-01-01T00:00:00.000000Z"));
}

#[test]
fn n11_a_wall_clock_set_backward_changes_nothing() {
    is_taken_after_fifteen_seconds(with_stamps("2026-12-31T23:59:59.999999Z"));
}

#[test]
fn n12_a_foreign_renew_time_in_2099_or_1970_is_not_compared_with_a_clock() {
    is_taken_after_fifteen_seconds(with_stamps("2099-01-01T00:00:00.000000Z"));
    is_taken_after_fifteen_seconds(with_stamps("1970-01-01T00:00:00.000000Z"));
}

#[test]
fn n13_a_jump_over_the_deadline_ends_the_term_before_anything_else_happens() {
    let mut sim = led();
    let woken = sim.now + seconds(3600.0);
    let leader = &mut sim.candidates[0].state;
    let actions = step(leader, Event::Tick, woken);
    assert!(matches!(leader.phase(), Phase::Ended(Outcome::Lost(Reason::Expired))));
    assert!(!actions.iter().any(|a| matches!(a, leasehold::election::core::Action::Send { .. })), "no I/O in between");
}

#[test]
fn n13_a_standby_that_slept_reads_before_it_takes() {
    let now = BootInstant::from_nanos(5);
    let mut state = State::new(setup("a", Timings::default()), now);
    let store = Store::held_by("x", 15);
    step(&mut state, Event::Watched(crate::store::present(&store)), now);
    let actions = step(&mut state, Event::Tick, now + seconds(3600.0));
    assert!(
        actions.iter().all(|a| !matches!(
            a,
            leasehold::election::core::Action::Send { request: leasehold::election::core::Request::Acquire { .. }, .. }
        )),
        "the holder may have renewed all the while: {actions:?}"
    );
}
