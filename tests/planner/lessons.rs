//! Evidence, soaks and fixes: what must hold beside what went wrong elsewhere (the suite `rollout_threads`).
use leasehold::api::{Amount, Phase};

use crate::cluster::{Cluster, policy, wave};

const FIRST: &str = "memcached-1.1.0-1";

fn begun() -> Cluster {
    let policy = policy(&[wave("canary"), wave("rest")]);
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

#[test]
fn a_revert_by_the_user_frees_the_operator_also_from_a_halt() {
    let mut cluster = begun();
    cluster.fail("a");
    cluster.settle();
    cluster.ask(&[], "1.0.0");
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Superseded);
    cluster.after(10);
    let back = "memcached-1.0.0-2";
    assert_eq!(cluster.moving(), ["a"], "the failed canary goes back by a run of its own");
    assert_eq!(cluster.fleet.rollouts[back].spec.waves[0].members, ["a"]);
    cluster.prove("a");
    cluster.settle();
    cluster.after(60);
    assert_eq!(cluster.phase(back), Phase::Succeeded);
}

#[test]
fn a_tenant_that_was_broken_before_is_not_charged() {
    let mut cluster = Cluster::new(policy(&[wave("rest")])).with(&["a", "b"]);
    cluster.fail("a");
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster.fail("a");
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Running);
    assert_eq!(cluster.moving(), ["b"]);
    cluster.fail("b");
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Halted, "the one that was well is charged");
}

#[test]
fn a_failure_within_the_budget_starts_the_soak_again() {
    let mut canary = wave("canary");
    canary.max_failures = Some(Amount::Count(1));
    let mut policy = policy(&[canary, wave("rest")]);
    policy.limits.max_failures = Amount::Count(1);
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b@canary", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    for name in ["a", "b"] {
        cluster.prove(name);
        cluster.settle();
    }
    cluster.after(50);
    cluster.fail("a");
    cluster.settle();
    cluster.after(59);
    assert!(cluster.moving().is_empty());
    cluster.after(1);
    assert_eq!(cluster.moving(), ["c"]);
}

#[test]
fn a_clock_that_goes_back_does_not_shorten_a_soak() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.after(30);
    cluster.after(-3600);
    cluster.after(59);
    assert!(cluster.moving().is_empty(), "29 + 59 s of the new clock are not trusted");
    cluster.after(1);
    assert_eq!(cluster.moving(), ["b"]);
}

/// A canary is there to tell, also after its wave is done.
#[test]
fn a_canary_that_fails_later_halts_the_waves_after_it() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.after(60);
    assert_eq!(cluster.moving(), ["b"]);
    cluster.fail("a");
    cluster.prove("b");
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.version("c")), (Phase::Halted, "1.0.0"));
}
