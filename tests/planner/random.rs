//! The random schedules themselves.
use std::{
    collections::BTreeMap,
    env,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::schedule::Schedule;

type Seen = BTreeMap<String, u64>;

/// Schedules in a default run.
const SCHEDULES: u64 = 10_000;
/// Where the seeds of a default run begin.
const FIRST: u64 = 1;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// What must happen now and then in that many schedules, or they prove nothing.
const MUST_HAPPEN: [&str; 30] = [
    "Grant",
    "GrantToBroken",
    "GrantBack",
    "GrantHop",
    "DeadlineExceeded",
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
];

/// Runs one schedule; what happened in it, or what went wrong.
fn run(seed: u64, told: bool) -> Result<Seen, String> {
    let mut schedule = Schedule::new(seed);
    schedule.told = told;
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let steps = schedule.rng.u32(10, 45);
        schedule.bump_many();
        for step in 0..steps {
            let millis = if schedule.rng.percent(70) { 8_000 } else { 60_000 };
            let millis = i64::try_from(schedule.rng.below(millis)).unwrap();
            schedule.pass(millis);
            schedule.event();
            schedule.tick().map_err(|why| format!("step {step}: {why}"))?;
        }
        schedule.come_to_rest()
    }));
    match result {
        Ok(Ok(())) => {
            schedule.seen.insert("Look".into(), schedule.ticks);
            Ok(schedule.seen)
        }
        Ok(Err(why)) => Err(why),
        Err(_) => Err("it panicked".into()),
    }
}

#[test]
fn random_schedules_break_no_invariant() {
    let report = |seed: u64, why: &str| panic!("seed {seed}: {why}\nrun it alone with LEASEHOLD_SEED={seed}");
    if let Some(seed) = number("LEASEHOLD_SEED") {
        run(seed, true).unwrap_or_else(|why| report(seed, &why));
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
            match run(seed, false) {
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
        report(seed, &why);
    }
    let seen = sum.into_inner().expect("nobody panics with it");
    println!("{count} schedules, no violation: {seen:?}");
    let missing: Vec<&str> = MUST_HAPPEN.into_iter().filter(|word| !seen.contains_key(*word)).collect();
    assert!(count < SCHEDULES || missing.is_empty(), "never happened: {missing:?}");
}
