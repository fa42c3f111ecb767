//! Plans of fleets that change, and of fleets that are small.
use leasehold::{
    api::{Amount, Phase, PolicySpec, Unmatched},
    domain::report::WaitingOn,
    plan::rollout::{decide, preview},
};

use crate::{
    FIRST, begun,
    cluster::{Cluster, member, policy, wave},
};

fn of(policy: PolicySpec, count: usize) -> Cluster {
    let names: Vec<String> = (0..count).map(|n| format!("t{n:03}")).collect();
    let mut cluster = Cluster::new(policy).with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    cluster.ask(&[], "1.1.0");
    cluster
}

/// kubefleet #733, #845: a cluster joined, and the run failed for good.
#[test]
fn kubefleet_733_joiners_wait_and_leavers_are_skipped() {
    let mut cluster = begun();
    cluster.fleet.members.insert("joiner".into(), member("joiner", "1.0.0", cluster.now));
    cluster.ask(&["joiner"], "1.1.0");
    cluster.fleet.members.remove("b");
    cluster.after(10);
    assert_eq!(cluster.waits_on("joiner"), Some(WaitingOn::Queued));
    for name in ["a", "c"] {
        cluster.prove(name);
        cluster.settle();
        cluster.after(60);
    }
    assert_eq!((cluster.phase(FIRST), cluster.status(FIRST).skipped), (Phase::Succeeded, 1));
    assert_eq!(cluster.moving(), ["joiner"], "the next run");
    assert_eq!(cluster.fleet.rollouts["memcached-1.1.0-2"].spec.waves[0].members, ["joiner"]);
}

/// Azure/AKS #5338: one bad target stopped everyone.
#[test]
fn aks_5338_one_bad_tenant_within_the_budget_stops_nobody() {
    let mut rest = wave("rest");
    rest.max_failures = Some(Amount::Count(1));
    let mut policy = policy(&[rest]);
    policy.limits.max_failures = Amount::Count(1);
    let mut cluster = Cluster::new(policy).with(&["a", "b"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster.fail("a");
    cluster.settle();
    assert_eq!(cluster.moving(), ["b"]);
}

/// rancher/rancher #30661: "10 %" of few rounded to 1, and what was meant as nothing became something.
#[test]
fn rancher_30661_shares_are_rounded_down_and_frozen_as_numbers() {
    let mut rest = wave("rest");
    (rest.max_concurrency, rest.max_failures) = (Some(Amount::Percent(10)), Some(Amount::Percent(10)));
    let mut policy = policy(&[rest]);
    policy.limits.max_failures = Amount::Percent(50);
    for (count, failures) in [(1, 0), (9, 0), (10, 1), (19, 1), (20, 2)] {
        let plan = preview(&of(policy.clone(), count).fleet, jiff::Timestamp::UNIX_EPOCH)[0].spec.clone();
        assert_eq!(
            (plan.waves[0].max_failures, plan.waves[0].max_concurrency),
            (failures, failures.max(1)),
            "{count} tenants"
        );
        assert_eq!(plan.max_failures as usize, count / 2);
    }
}

/// kubefleet #638, fleet #2672, #3585: targets that match no wave were refused, or silently never updated.
#[test]
fn kubefleet_638_tenants_that_match_no_wave_are_counted_and_treated_as_the_policy_says() {
    let with = |unmatched| {
        let mut policy = policy(&[wave("canary"), wave("early")]);
        policy.unmatched = unmatched;
        let mut cluster = Cluster::new(policy).with(&["a@canary", "b@early", "c"]);
        cluster.ask(&[], "1.1.0");
        cluster.after(10);
        cluster
    };
    let last = with(Unmatched::LastWave);
    let plan = &last.fleet.rollouts["memcached-1.1.0-1"].spec;
    assert_eq!((plan.waves[1].members.to_vec(), plan.unmatched), (vec!["b".to_owned(), "c".into()], 1));
    let ignore = with(Unmatched::Ignore);
    let plan = &ignore.fleet.rollouts["memcached-1.1.0-1"].spec;
    assert_eq!((plan.waves[1].members.len(), plan.unmatched), (1, 1));
    assert_eq!(ignore.waits_on("c"), Some(WaitingOn::Inconclusive));
    let fail = with(Unmatched::Fail);
    assert!(fail.fleet.rollouts.is_empty());
    let note = &decide(&fail.fleet, fail.now).waits["a"].1;
    assert!(note.contains("1 tenants match no wave") && note.contains("(c)"), "{note}");
}
