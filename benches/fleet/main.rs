//! Figures of a whole fleet on a real API server, as ratios against a bare client in the same run.
//!
//! The bare client sends the very same objects with server-side apply and nothing else: the floor. Everything is read from
//! the API server's own audit log, so neither side is measured by itself. `LEASEHOLD_BENCH_N=100,300` says how many tenants.
//! Pods are hollow: what is measured is the control plane and us, not a container runtime.
#[path = "../../tests/support/mod.rs"]
mod support;

mod bare;
mod fleet;
mod log;
mod wall;

use std::time::{Duration, Instant};

use fleet::Fleet;
use log::{Span, millis};
use support::{Cluster, Leasehold, Node, eventually};

const LONG: Duration = Duration::from_mins(10);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let sizes = std::env::var("LEASEHOLD_BENCH_N").unwrap_or_else(|_| "100,300".into());
    println!("| N | figure | Leasehold | bare client, or critical path | ratio |\n|---|---|---|---|---|");
    for n in sizes.split(',').filter_map(|n| n.trim().parse().ok()) {
        runtime.block_on(measure(n));
    }
}

fn row(
    n: usize,
    figure: &str,
    ours: impl std::fmt::Display,
    bare: impl std::fmt::Display,
    ratio: impl std::fmt::Display,
) {
    println!("| {n} | {figure} | {ours} | {bare} | {ratio} |");
}

async fn measure(n: usize) {
    let floor = {
        let cluster = Cluster::start(Node::Hollow).await;
        bare::run(&cluster, n).await
    };
    let cluster = Cluster::start(Node::Hollow).await;
    let fleet = Fleet::prepare(&cluster, n).await;
    let ours = Leasehold::start(&cluster, &["run", "--listen", "127.0.0.1:0"]);
    fleet.led().await;
    let base = memory(ours.pid());

    let from = log::now();
    fleet.onboard("1.0.0").await;
    fleet.all_at("1.0.0", LONG).await;
    let span = Span::since(&cluster, &from);
    let (took, requests, writes) = (span.objects_present(), span.ours().len(), span.our_writes().len());
    row(
        n,
        "all objects present",
        format!("{:.2} s", took.as_secs_f64()),
        format!("{:.2} s", floor.create.as_secs_f64()),
        ratio(took, floor.create),
    );
    per_tenant(n, "onboarding", requests, writes);
    row(n, "onboarding: processor time a tenant", processor_time(ours.pid(), n), "", "");

    at_rest(&cluster, n).await;
    let full = memory(ours.pid());
    row(n, "resident memory, base", format!("{base} KiB"), "", "");
    row(n, "resident memory a tenant, at rest", format!("{} KiB", full.saturating_sub(base) / n as u64), "", "");
    drift(&cluster, &fleet, n).await;

    let from = log::now();
    fleet.bump("1.1.0").await;
    fleet.all_at("1.1.0", LONG).await;
    let span = Span::since(&cluster, &from);
    let took = span.change();
    row(
        n,
        "fleet-wide change of image, sent",
        format!("{:.2} s", took.as_secs_f64()),
        format!("{:.2} s", floor.change.as_secs_f64()),
        ratio(took, floor.change),
    );
    per_tenant(n, "change of image", span.ours().len(), span.our_writes().len());

    let (took, path) = wall::run(&cluster, &fleet).await;
    row(
        n,
        "rollout of two waves against its critical path",
        format!("{:.2} s", took.as_secs_f64()),
        format!("{:.2} s", path.as_secs_f64()),
        ratio(took, path),
    );

    restart(&cluster, &fleet, ours, n).await;
}

fn per_tenant(n: usize, what: &str, requests: usize, writes: usize) {
    // In hundredths, so that no number of requests is too large for it.
    let each = |count: usize| format!("{}.{:02}", count / n, count * 100 / n % 100);
    row(n, &format!("{what}: requests a tenant, events aside"), each(requests), "", "");
    row(n, &format!("{what}: writes a tenant"), each(writes), "", "");
}

fn ratio(ours: Duration, floor: Duration) -> String {
    format!("{:.2} ×", ours.as_secs_f64() / floor.as_secs_f64())
}

/// Ten renewals of our own Lease, and what else was asked for meanwhile.
async fn at_rest(cluster: &Cluster, n: usize) {
    let from = log::now();
    let renewals =
        || Span::since(cluster, &from).all().iter().filter(|r| log::is_own_lease(r) && r.verb == "update").count();
    eventually("ten renewals", LONG, async || renewals() >= 10).await;
    let span = Span::since(cluster, &from);
    row(n, "at rest: requests but watches and our own Lease, over ten renewals", span.ours().len(), "", "");
}

/// One field of a Role is edited in each of up to 100 tenants, one after the other.
async fn drift(cluster: &Cluster, fleet: &Fleet<'_>, n: usize) {
    let mut times = Vec::new();
    for tenant in 0..n.min(100) {
        let from = fleet.edit_role(tenant).await;
        let repaired = eventually("the repair", LONG, async || Span::since(cluster, &from).repair_of(tenant)).await;
        times.push(millis(&from, &repaired));
    }
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    row(n, "drift repaired, p50 / p99", format!("{:.0} / {:.0} ms", at(50), at(99)), "", "");
}

/// Told to stop, and started again with nothing to do.
async fn restart(cluster: &Cluster, fleet: &Fleet<'_>, ours: Leasehold, n: usize) {
    ours.stop();
    ours.wait(LONG).await;
    let from = log::now();
    let began = Instant::now();
    let again = Leasehold::start(cluster, &["run", "--listen", "127.0.0.1:0"]);
    fleet.led_by(&again.pod).await;
    let led = began.elapsed();
    at_rest(cluster, n).await;
    row(n, "restart: until it leads", format!("{:.2} s", led.as_secs_f64()), "", "");
    row(n, "restart: writes but the Lease", Span::since(cluster, &from).our_writes().len(), "", "");
}

/// Processor time so far in milliseconds for each of `n`, user and system. Linux counts in hundredths of a second.
fn processor_time(pid: u32, n: usize) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    let tenths = ticks * 100 / n as u64;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}

/// Resident memory in KiB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
