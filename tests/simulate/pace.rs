//! Three hundred tenants through the whole planner: how often a Rollout is written.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use leasehold::{
    api::{Phase, RolloutStatus},
    cli::simulate::read,
    simulate::{Act, Cluster, Write},
};

const TENANTS: usize = 300;

const FLEET: &str = "kind: Simulation
title: Three hundred
start: 2026-03-02T09:00:00Z
releases:
- {operator: memcached, versions: [1.0.0, 1.1.0]}
tenants:
- {names: [NAMES], operator: memcached, version: 1.0.0}
---
kind: RolloutPolicy
metadata: {name: default}
spec:
  limits: {maxConcurrency: 25, maxFailures: 0}
  waves: [{name: all, soak: {duration: 10s}}]
";

fn names() -> Vec<String> {
    (0..TENANTS).map(|n| format!("t-{n:03}")).collect()
}

/// The status without what only counts.
fn latches(status: &RolloutStatus) -> impl PartialEq + use<> {
    let waves: Vec<_> =
        status.waves.iter().map(|w| (w.phase, w.started_at, w.soaking_since, w.regressed_since, w.ended_at)).collect();
    let times = (status.started_at, status.ended_at, status.observed_generation);
    (status.phase, status.halted.clone(), status.current_wave.clone(), waves, times)
}

#[test]
fn a_rollout_is_written_once_a_second_where_only_its_counters_change() {
    let script = read(&FLEET.replace("NAMES", &names().join(", "))).unwrap();
    let mut cluster = Cluster::new(script.start - SignedDuration::from_hours(1));
    for object in script.objects {
        cluster.put(object);
    }
    let mut written: BTreeMap<String, Timestamp> = BTreeMap::new();
    let (mut counts, mut asked) = (0, false);
    loop {
        let plan = cluster.plan();
        let (wake, samples) = (plan.wake, plan.samples.clone());
        let writes = cluster.writes(plan);
        let still = !cluster.sample(&samples) && writes.is_empty();
        for write in writes {
            if let Write::Rollout(name, status, _) = &write {
                let before = cluster.world.rollouts[name].status.clone().unwrap_or_default();
                if latches(&before) == latches(status) {
                    let since = written.get(name).map_or(SignedDuration::MAX, |last| cluster.now.duration_since(*last));
                    assert!(since >= SignedDuration::from_secs(1), "counted again after {since:?}");
                    counts += 1;
                }
                written.insert(name.clone(), cluster.now);
            }
            cluster.apply(write);
        }
        if !still {
            continue;
        }
        match [wake, cluster.next_due()].into_iter().flatten().min() {
            Some(next) => cluster.wait_until(next),
            None if asked => break,
            None => {
                let tenants = names().into_iter().collect();
                cluster.act(&Act::Ask { tenants, version: "1.1.0".into() }).unwrap();
                asked = true;
            }
        }
    }
    let status = cluster.world.rollouts["memcached-1.1.0-1"].status.clone().unwrap();
    assert_eq!((status.phase, status.proven, status.in_flight), (Phase::Succeeded, 300, 0));
    assert!(counts > 5, "{counts}: nothing was tested");
}
