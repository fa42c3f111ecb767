//! N44: every order in which messages can arrive, be lost, be late, arrive twice, and processes stop, resume or die,
//! for two and three candidates up to a bound. In each reachable state: at most one valid term, no write over a Lease
//! that is somebody else's, epochs that only grow.
//!
//! Time moves in steps. Within a step everything that is on its way arrives, in any order, mixed in any way with timers
//! and with what the watch shows. A fault (drop, delay, duplicate, crash, pause, stale news) costs one of a budget; what
//! is late may arrive at any later moment, also after its sender has given up, or died.
mod search;
mod world;

use std::{thread, time::Duration};

use leasehold::election::Timings;

use self::search::Search;
use crate::sim::{seconds, timings};

pub struct Bounds {
    candidates: usize,
    timings: Timings,
    quantum: Duration,
    horizon: Duration,
    faults: u8,
    shutdowns: bool,
    watches: bool,
}

/// As tight as three steps can be told apart: a renewal every two, a term of three, a Lease of four.
fn bounds(candidates: usize, horizon: f64, faults: u8) -> Bounds {
    let (timings, quantum) = (timings(4, 3.0, 2.0), seconds(1.0));
    Bounds { candidates, timings, quantum, horizon: seconds(horizon), faults, shutdowns: false, watches: false }
}

/// Prints what was searched; `cargo test --test election explore -- --nocapture` shows it.
fn explore(what: &str, bounds: Bounds) {
    // The search recurses once per event of a schedule.
    let search = thread::Builder::new().stack_size(256 << 20).spawn(|| Search::run(bounds));
    let search = search.expect("a thread").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    println!("{what}: {} states, {} steps, up to {} handovers", search.seen.len(), search.steps, search.handovers);
    assert!(search.handovers >= 1, "the bounds must leave room for a successor");
}

/// `ELECTION_DEPTH=1` searches further, for minutes.
fn deeper() -> bool {
    std::env::var_os("ELECTION_DEPTH").is_some()
}

#[test]
fn n44_two_candidates_that_watch_one_fault() {
    let horizon = if deeper() { 10.0 } else { 8.0 };
    explore("two that watch, one fault", Bounds { watches: true, ..bounds(2, horizon, 1) });
}

#[test]
fn n44_two_candidates_that_watch_and_are_told_to_stop_one_fault() {
    let horizon = if deeper() { 6.0 } else { 4.0 };
    let bounds = Bounds { watches: true, shutdowns: true, ..bounds(2, horizon, 1) };
    explore("two that watch and are told to stop, one fault", bounds);
}

#[test]
fn n44_two_candidates_that_poll_and_are_told_to_stop_two_faults() {
    let horizon = if deeper() { 8.0 } else { 5.0 };
    explore("two that poll and are told to stop, two faults", Bounds { shutdowns: true, ..bounds(2, horizon, 2) });
}

#[test]
fn n44_three_candidates_that_poll_one_fault() {
    let horizon = if deeper() { 9.0 } else { 6.0 };
    explore("three that poll and are told to stop, one fault", Bounds { shutdowns: true, ..bounds(3, horizon, 1) });
}

#[test]
fn n44_two_candidates_that_poll_more_faults() {
    let (horizon, faults) = if deeper() { (8.0, 3) } else { (7.0, 2) };
    explore("two that poll, more faults", bounds(2, horizon, faults));
}
