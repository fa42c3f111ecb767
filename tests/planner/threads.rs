//! What went wrong elsewhere, each by the thread that tells of it.
use leasehold::{
    api::{Amount, Phase, WavePhase},
    domain::{
        fleet::{Health, Standing},
        report::WaitingOn,
    },
    plan::rollout::EventReason,
};

use crate::cluster::{Cluster, member, policy, target, wave};

const FIRST: &str = "memcached-1.1.0-1";
const SECOND: &str = "memcached-1.2.0-2";

fn begun() -> Cluster {
    let policy = policy(&[wave("canary"), wave("rest")]);
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

/// argo-cd #29410, #29347, #22558: the next step opened on the health of the old revision.
#[test]
fn argo_cd_29410_being_well_on_the_old_revision_opens_nothing() {
    let mut cluster = begun();
    assert_eq!(cluster.moving(), ["a"]);
    let old = cluster.fleet.members["a"].granted.clone();
    cluster.prove("a");
    cluster.member("a").granted.as_mut().unwrap().target = target("1.0.0");
    cluster.after(3600);
    assert_eq!(cluster.granted, ["a", "a"], "proven on 1.0.0 says nothing about 1.1.0: granted again, wave not passed");
    assert_eq!(cluster.status(FIRST).waves[0].phase, WavePhase::Running);
    assert_eq!(old.unwrap().target, target("1.1.0"));
}

/// open-cluster-management #1201, #1237: a soak from a condition's time that had not moved; all clusters at once.
#[test]
fn ocm_1201_the_soak_is_counted_from_the_proof_and_not_from_the_tenants_old_times() {
    let mut cluster = begun();
    cluster.after(590);
    cluster.prove("a");
    cluster.settle();
    assert!(cluster.moving().is_empty(), "granted long ago, proven just now");
    cluster.after(59);
    assert!(cluster.moving().is_empty());
    cluster.after(1);
    assert_eq!(cluster.moving(), ["b"]);
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

/// argo-cd #19535, #12459: stuck after the work was done, because an edge was missed.
#[test]
fn argo_cd_19535_a_missed_edge_is_made_up_for() {
    let mut cluster = begun();
    for name in ["a", "b", "c"] {
        cluster.member(name).granted.as_mut().unwrap().target = target("1.1.0");
        cluster.prove(name);
    }
    cluster.settle();
    cluster.after(60);
    cluster.after(60);
    assert_eq!(cluster.phase(FIRST), Phase::Succeeded);
}

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

/// argo-cd #11817, fleet #2891: gates checked in one place only.
#[test]
fn argo_cd_11817_holds_and_suspension_are_read_again_at_each_grant() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.wait(60);
    cluster.tick();
    cluster.edit(FIRST, |spec| spec.suspend = true);
    cluster.settle();
    assert!(cluster.moving().is_empty(), "suspended between the wave's opening and its first grant");
    cluster.edit(FIRST, |spec| spec.suspend = false);
    cluster.member("b").standing = Standing::Held(vec!["now".into()]);
    cluster.settle();
    assert_eq!(cluster.moving(), ["c"]);
}

/// kubefleet's `TimedWait` never looks again, and a stop restarts it and counts the stopped time.
#[test]
fn kubefleet_timed_wait_a_soak_starts_again_after_a_regression() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.after(59);
    cluster.regress("a");
    cluster.settle();
    assert!(cluster.was_told(EventReason::WaveSoakRestarted));
    cluster.prove("a");
    cluster.after(1);
    cluster.after(59);
    assert!(cluster.moving().is_empty());
    cluster.after(1);
    assert_eq!(cluster.moving(), ["b"]);
}

#[test]
fn kubefleet_timed_wait_a_suspension_neither_restarts_the_soak_nor_counts() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.after(40);
    cluster.edit(FIRST, |spec| spec.suspend = true);
    cluster.settle();
    cluster.after(3600);
    cluster.edit(FIRST, |spec| spec.suspend = false);
    cluster.settle();
    cluster.after(19);
    assert!(cluster.moving().is_empty());
    cluster.after(1);
    assert_eq!(cluster.moving(), ["b"]);
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

/// flagger #724, argo-rollouts #4461: the deadline never fired.
#[test]
fn argo_rollouts_4461_a_deadline_fires_even_when_the_run_is_over_or_gone() {
    let mut cluster = begun();
    cluster.edit(FIRST, |spec| spec.abort = true);
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Aborted);
    cluster.fleet.rollouts.remove(FIRST);
    cluster.after(600);
    assert!(
        matches!(&cluster.fleet.members["a"].health, Health::Failed { reason, .. } if reason == "DeadlineExceeded")
    );
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
