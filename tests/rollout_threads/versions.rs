//! What is deployed next, and what is not deployed again.
use leasehold::{
    api::{OnFailure, Phase},
    domain::report::WaitingOn,
};

use crate::{
    FIRST, SECOND, begun,
    cluster::{Cluster, policy, target, wave},
};

/// kargo #3016, argo-cd #5351: automation deploys again what was rolled back.
#[test]
fn kargo_3016_what_failed_here_is_not_granted_again_by_itself() {
    let mut cluster = Cluster::new(policy(&[wave("rest")])).with(&["a"]);
    cluster.member("a").rejected.push(target("1.1.0").digest);
    cluster.ask(&[], "1.1.0");
    cluster.after(3600);
    assert!(cluster.granted.is_empty() && cluster.fleet.rollouts.is_empty());
    assert_eq!(cluster.waits_on("a"), Some(WaitingOn::PathBlocked));
    cluster.member("a").rejected.clear();
    cluster.settle();
    assert_eq!(cluster.moving(), ["a"]);
}

/// The same, when the failure itself was taken back by the policy: Git goes on asking, and self-heal changes nothing.
#[test]
fn argo_cd_5351_self_heal_does_not_deploy_again_what_was_taken_back() {
    let mut policy = policy(&[wave("canary"), wave("rest")]);
    policy.on_failure = OnFailure::Rollback;
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster.fail("a");
    cluster.settle();
    cluster.prove("a");
    for _ in 0..5 {
        cluster.ask(&[], "1.1.0");
        cluster.after(3600);
    }
    assert_eq!((cluster.version("a"), cluster.version("b")), ("1.0.0", "1.0.0"));
    assert_eq!(cluster.granted, ["a", "a"], "there and back, once");
}

/// flagger #30, cluster-api #6651: a new revision inherited the progress of the old one.
#[test]
fn flagger_30_a_newer_target_starts_again_with_the_canary() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.after(60);
    assert_eq!(cluster.moving(), ["b"]);
    cluster.ask(&[], "1.2.0");
    cluster.after(10);
    assert_eq!(cluster.moving(), ["b"], "no further grant; what is in flight may finish");
    assert!(cluster.status(FIRST).message.contains("being superseded"));
    cluster.prove("b");
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Superseded);
    assert_eq!((cluster.phase(SECOND), cluster.moving()), (Phase::Running, vec!["a"]));
}

/// kargo #3050, tidb-operator #865: the failed state blocked the fix itself.
#[test]
fn kargo_3050_a_broken_tenant_takes_the_fix_while_its_old_run_is_halted() {
    let mut cluster = begun();
    cluster.fail("a");
    cluster.settle();
    cluster.ask(&["a"], "1.2.0");
    cluster.after(10);
    assert_eq!((cluster.version("a"), cluster.moving()), ("1.2.0", vec!["a"]));
    assert_eq!((cluster.phase(FIRST), cluster.phase(SECOND)), (Phase::Halted, Phase::Queued));
    cluster.prove("a");
    cluster.settle();
    cluster.after(60);
    assert_eq!(cluster.phase(SECOND), Phase::Succeeded);
    assert_eq!(cluster.phase(FIRST), Phase::Halted, "the others still ask for 1.1.0: a person must act");
    assert_eq!((cluster.version("b"), cluster.version("c")), ("1.0.0", "1.0.0"));
}
