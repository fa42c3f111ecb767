//! The random schedules themselves, and those that found something.
use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::case::{Case, Seen};

/// Schedules in a default run.
const SCHEDULES: u64 = 10_000;
/// Where the seeds of a default run begin.
const FIRST: u64 = 1;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// What must happen now and then in that many schedules, or they prove nothing.
const MUST_HAPPEN: [&str; 36] = [
    "Grant",
    "GrantToBroken",
    "GrantBack",
    "GrantHop",
    "DeadlineExceeded",
    "TwoLeaders",
    "LateGrant",
    "RolloutStarted",
    "WaveStarted",
    "WaveSoakRestarted",
    "WavePromoted",
    "WaveHalted",
    "RolloutSuspended",
    "RolloutResumed",
    "RolloutSucceeded",
    "RolloutAborted",
    "RolloutSuperseded",
    "RolloutRolledBack",
    "WaitingOnSoak",
    "WaitingOnEvidence",
    "WaitingOnHold",
    "WaitingOnWindow",
    "WaitingOnApproval",
    "WaitingOnBudget",
    "WaitingOnConcurrency",
    "WaitingOnPriorWave",
    "WaitingOnCrdReady",
    "WaitingOnPathBlocked",
    "WaitingOnSuspended",
    "WaitingOnCoalescing",
    "WaitingOnQueued",
    "WaitingOnPaused",
    "GatePassed",
    "GateFailed",
    "GateInconclusive",
    "GateHalted",
];

#[test]
fn schedules_in_which_a_rule_was_broken_once_stay_fixed() {
    let lines = include_str!("regressions.txt").lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let case: Case = line.parse().unwrap_or_else(|why| panic!("regressions.txt: {line}: {why}"));
        assert_eq!(case.to_string(), line, "a line reads as it is written");
        if let Err(why) = case.run(false) {
            panic!("{line}: {why}");
        }
    }
}

#[test]
fn random_schedules_break_no_invariant() {
    let report = |seed: u64, why: String| {
        let (case, why) = Case::of(seed).shrunk(why);
        panic!(
            "seed {seed}: {why}\nprint it with LEASEHOLD_CASE='{case}'; add this line to tests/planner/regressions.txt"
        );
    };
    let alone = env::var("LEASEHOLD_CASE").ok().map(|line| line.parse().expect("a line of regressions.txt"));
    if let Some(case) = alone.or_else(|| number("LEASEHOLD_SEED").map(Case::of)) {
        if let Err(why) = case.run(true) {
            panic!("{case}: {why}");
        }
        return;
    }
    let count = number("LEASEHOLD_SCHEDULES").unwrap_or(SCHEDULES);
    let (next, sum) = (AtomicU64::new(FIRST), Mutex::new(Seen::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= FIRST + count {
                return None;
            }
            match Case::of(seed).run(false) {
                Ok(of_this) => {
                    let mut sum = sum.lock().expect("nobody panics with it");
                    for (word, times) in of_this {
                        *sum.entry(word).or_default() += times;
                    }
                }
                Err(why) => {
                    next.store(FIRST + count, Ordering::Relaxed);
                    return Some((seed, why));
                }
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<(u64, String)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("workers do not panic")).collect()
    });
    if let Some((seed, why)) = failures.into_iter().min() {
        report(seed, why);
    }
    let seen = sum.into_inner().expect("nobody panics with it");
    println!("{count} schedules, no violation: {seen:?}");
    let missing: Vec<&str> = MUST_HAPPEN.into_iter().filter(|word| !seen.contains_key(*word)).collect();
    assert!(count < SCHEDULES || missing.is_empty(), "never happened: {missing:?}");
}
