//! Ten thousand tenants. How long a pass takes is printed, never asserted: that is what benchmarks are for.
use std::time::Duration;

use leasehold::{
    api::{Amount, PolicySpec},
    domain::fleet::Health,
    plan::rollout::{decide, invariants},
};
use rustix::time::{ClockId, clock_gettime};

use crate::cluster::{Cluster, policy, wave, writes};

const TENANTS: usize = 10_000;

fn fleet(policy: PolicySpec) -> Cluster {
    let names: Vec<String> = (0..TENANTS).map(|n| format!("tenant-{n:05}")).collect();
    Cluster::new(policy).with(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Processor time, the best of five: what a busy machine does not show.
fn timed<T>(what: &str, work: impl Fn() -> T) -> T {
    let clock = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("no negative time");
    let least = (0..5).map(|_| {
        let start = clock();
        let result = work();
        let taken = clock().saturating_sub(start);
        drop(result);
        taken
    });
    println!("{what}, {TENANTS} tenants: {:?}", least.min().unwrap_or_default());
    work()
}

#[test]
fn ten_thousand_tenants_in_one_run() {
    let mut rest = wave("rest");
    rest.max_concurrency = Some(Amount::Percent(10));
    let mut policy = policy(&[rest]);
    policy.limits.max_concurrency = Amount::Percent(10);
    let mut cluster = fleet(policy);
    cluster.fleet.max_concurrency = 5_000;
    assert!(writes(&timed("at rest", || decide(&cluster.fleet, cluster.now))).is_empty());
    cluster.ask(&[], "1.1.0");
    cluster.wait(10);
    let frozen = timed("freezing the plan", || decide(&cluster.fleet, cluster.now));
    assert_eq!(frozen.create[0].spec.waves[0].members.len(), TENANTS);
    cluster.tick();
    cluster.tick();
    let first = timed("the first grants", || decide(&cluster.fleet, cluster.now));
    assert_eq!(first.grants.len(), 1_000);
    assert!(timed("the check of them", || invariants::check(&cluster.fleet, &first, cluster.now)).is_empty());
    cluster.tick();
    for name in cluster.moving().iter().map(ToString::to_string).collect::<Vec<_>>() {
        cluster.member(&name).health = Health::Proven;
    }
    let next = timed("in the middle", || decide(&cluster.fleet, cluster.now));
    assert_eq!((next.grants.len(), next.waits.len()), (1_000, TENANTS - 2_000));
    assert_eq!(next.status["memcached-1.1.0-1"].proven, 1_000);
}
