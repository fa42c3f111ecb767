//! The random schedules themselves.
use std::{
    env,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crate::schedule::Schedule;

/// Schedules in a default run.
const SCHEDULES: u64 = 10_000;
/// Where the seeds of a default run begin.
const FIRST: u64 = 1;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Runs one schedule; how often the engine looked, or what went wrong.
fn run(seed: u64, told: bool) -> Result<u64, String> {
    let mut schedule = Schedule::new(seed);
    schedule.told = told;
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let steps = schedule.rng.u32(10, 45);
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
        Ok(Ok(())) => Ok(schedule.ticks),
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
    let (next, looks) = (AtomicU64::new(FIRST), AtomicU64::new(0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= FIRST + count {
                return None;
            }
            match run(seed, false) {
                Ok(ticks) => looks.fetch_add(ticks, Ordering::Relaxed),
                Err(why) => {
                    next.store(FIRST + count, Ordering::Relaxed);
                    return Some((seed, why));
                }
            };
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
    println!("{count} schedules, {} looks of the engine, no violation", looks.into_inner());
}
