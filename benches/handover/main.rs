//! How long nobody leads, on a real API server: tenants' operators while they are upgraded, on real pods, and Leasehold
//! itself when its leader is told to stop and when it crashes.
//!
//! `LEASEHOLD_BENCH_UPGRADES=20` upgrades of an operator whose standbys watch (the sample) and of one whose standbys poll
//! (client-go), both at 60/40/10 s; `LEASEHOLD_BENCH_GRACEFUL=20`, `LEASEHOLD_BENCH_CRASHES=5` changes of Leasehold's own
//! leader at 15/10/2 s. 0 leaves one out.
#[path = "../../tests/support/mod.rs"]
mod support;

mod own;
mod tenants;

use std::time::Duration;

/// For anything that has to come true.
const LONG: Duration = Duration::from_mins(3);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("| what | N | min | p50 | p99 | max | handovers |\n|---|---|---|---|---|---|---|");
    let upgrades = count("LEASEHOLD_BENCH_UPGRADES", 20);
    if upgrades > 0 {
        runtime.block_on(tenants::measure(upgrades));
    }
    runtime.block_on(own::measure(count("LEASEHOLD_BENCH_GRACEFUL", 20), count("LEASEHOLD_BENCH_CRASHES", 5)));
}

fn count(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text}: a number")),
        Err(_) => default,
    }
}

/// One line of the table. `times` in milliseconds.
fn row(what: &str, mut times: Vec<i64>, handovers: &str) {
    times.sort_unstable();
    let at = |of_hundred: usize| times[(times.len() * of_hundred).div_ceil(100).max(1) - 1];
    let (min, half, nearly_all, max) = (at(0), at(50), at(99), at(100));
    println!("| {what} | {} | {min} ms | {half} ms | {nearly_all} ms | {max} ms | {handovers} |", times.len());
}
