//! How a plan is frozen: who is in which wave, and what shares come to.
use leasehold::{
    api::{Amount, Order, PolicySpec},
    plan::rollout::{decide, preview},
};

use crate::cluster::{Cluster, policy, wave};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("t{n:03}")).collect()
}

fn fleet(policy: PolicySpec, count: usize) -> Cluster {
    let names = names(count);
    let mut cluster = Cluster::new(policy).with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    cluster.ask(&[], "1.1.0");
    cluster
}

#[test]
fn the_built_in_policy_is_one_tenant_then_a_tenth_then_the_rest() {
    let mut cluster = fleet(PolicySpec::built_in(), 40);
    cluster.fleet.policies.clear();
    let plan = &preview(&cluster.fleet, cluster.now)[0].spec;
    let sizes: Vec<usize> = plan.waves.iter().map(|wave| wave.members.len()).collect();
    assert_eq!(sizes, [1, 3, 36]);
    let concurrency: Vec<u32> = plan.waves.iter().map(|wave| wave.max_concurrency).collect();
    assert_eq!(concurrency, [1, 1, 3], "a tenth, rounded down, at least 1");
}

#[test]
fn three_tolerated_failures_are_breached_by_the_fourth() {
    let mut rest = wave("rest");
    (rest.max_concurrency, rest.max_failures) = (Some(Amount::Count(9)), Some(Amount::Count(3)));
    let mut policy = policy(&[rest]);
    policy.limits.max_failures = Amount::Count(3);
    let mut cluster = fleet(policy, 9);
    cluster.after(10);
    for name in ["t000", "t001", "t002"] {
        cluster.fail(name);
    }
    cluster.settle();
    assert!(cluster.status("memcached-1.1.0-1").halted.is_none());
    cluster.fail("t003");
    cluster.settle();
    assert!(cluster.status("memcached-1.1.0-1").halted.is_some());
}

#[test]
fn take_leaves_the_rest_to_later_waves_and_an_empty_wave_is_dropped() {
    let (mut first, mut tenth) = (wave("rest"), wave("rest"));
    (first.name, first.take) = ("first".into(), Some(Amount::Count(2)));
    (tenth.name, tenth.take) = ("tenth".into(), Some(Amount::Percent(10)));
    let cluster = fleet(policy(&[first, tenth, wave("nobody"), wave("rest")]), 9);
    let plan = &preview(&cluster.fleet, cluster.now)[0].spec;
    let waves: Vec<(&str, usize)> = plan.waves.iter().map(|wave| (&*wave.name, wave.members.len())).collect();
    assert_eq!(waves, [("first", 2), ("rest", 7)], "a tenth of 7 is nobody");
}

#[test]
fn a_tenant_belongs_to_the_first_wave_that_selects_it() {
    let mut both = wave("rest");
    both.name = "again".into();
    let mut cluster = Cluster::new(policy(&[wave("canary"), both, wave("rest")])).with(&["a@canary", "b"]);
    cluster.ask(&[], "1.1.0");
    let plan = &preview(&cluster.fleet, cluster.now)[0].spec;
    let waves: Vec<&[String]> = plan.waves.iter().map(|wave| &*wave.members).collect();
    assert_eq!(waves, [["a"], ["b"]]);
}

#[test]
fn the_seeded_order_changes_from_run_to_run_so_that_no_customer_is_always_first() {
    let order = |version: &str, order| {
        let mut policy = policy(&[wave("rest")]);
        policy.order = order;
        let mut cluster = fleet(policy, 20);
        cluster.ask(&[], version);
        preview(&cluster.fleet, cluster.now)[0].spec.waves[0].members.clone()
    };
    assert_eq!(order("1.1.0", Order::Name), names(20));
    assert_eq!(order("1.1.0", Order::Seed), order("1.1.0", Order::Seed));
    assert_ne!(order("1.1.0", Order::Seed), order("1.2.0", Order::Seed));
    assert_ne!(order("1.1.0", Order::Seed), names(20));
}

#[test]
fn the_preview_is_what_will_be_frozen() {
    let mut cluster = fleet(PolicySpec::built_in(), 25);
    let seen = preview(&cluster.fleet, cluster.now);
    assert!(decide(&cluster.fleet, cluster.now).create.is_empty(), "still coalescing");
    cluster.wait(10);
    assert_eq!(decide(&cluster.fleet, cluster.now).create, seen);
}

#[test]
fn names_fit_dns() {
    let mut cluster = Cluster::new(policy(&[wave("rest")])).with(&["a"]);
    let facts = cluster.fleet.releases[&("memcached".to_owned(), "1.1.0".to_owned())].clone();
    let version = "1.1.0-RC.1+build.5";
    let target = crate::cluster::target(version);
    let facts = leasehold::domain::fleet::ReleaseFacts { target, ..facts };
    cluster.fleet.releases.insert(("memcached".into(), version.into()), facts);
    cluster.ask(&[], version);
    cluster.after(10);
    assert_eq!(cluster.fleet.rollouts.keys().next().unwrap(), "memcached-1.1.0-rc.1-build.5-1");
}
