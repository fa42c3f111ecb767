//! Failures, halts, deadlines, and how a run goes on after them.
use leasehold::{
    api::{Amount, Phase},
    domain::report::WaitingOn,
    plan::rollout::EventReason,
};

use crate::cluster::{Cluster, policy, wave};

const FIRST: &str = "memcached-1.1.0-1";

/// Two canaries and three others, all asked to go to 1.1.0, the plan frozen.
fn begun() -> Cluster {
    let policy = policy(&[wave("canary"), wave("rest")]);
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b@canary", "c", "d", "e"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

#[test]
fn a_canary_that_fails_halts_the_run_and_the_others_stay_untouched() {
    let mut cluster = begun();
    cluster.fail("a");
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Halted);
    assert!(cluster.was_told(EventReason::WaveHalted));
    let halt = cluster.status(FIRST).halted.clone().expect("halted");
    assert!(halt.reason.contains("canary") && halt.reason.contains("a: CrashLoop"), "{}", halt.reason);
    cluster.after(86_400);
    assert_eq!(cluster.granted, ["a"]);
    assert_eq!(cluster.waits_on("c"), Some(WaitingOn::Budget));
    let stalled = cluster.status(FIRST).conditions.iter().any(|c| c.type_ == "Stalled" && c.status == "True");
    assert!(stalled, "kstatus calls it failed");
}

#[test]
fn a_halt_stays_when_the_tenant_heals_until_a_person_acts() {
    let mut cluster = begun();
    cluster.fail("a");
    cluster.settle();
    cluster.prove("a");
    cluster.after(3600);
    assert_eq!((cluster.phase(FIRST), cluster.granted.len()), (Phase::Halted, 1));
    cluster.edit(FIRST, |spec| spec.suspend = false);
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Running);
    assert!(cluster.was_told(EventReason::RolloutResumed));
    assert_eq!(cluster.moving(), ["b"]);
}

#[test]
fn an_edit_resumes_only_when_the_budget_holds_again() {
    let mut cluster = begun();
    cluster.fail("a");
    cluster.settle();
    cluster.edit(FIRST, |spec| spec.suspend = false);
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Halted, "nothing was raised");
    cluster.edit(FIRST, |spec| (spec.suspend, spec.additional_failures) = (true, 1));
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Halted, "suspended as well");
    cluster.edit(FIRST, |spec| spec.suspend = false);
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.moving()), (Phase::Running, vec!["b"]));
    cluster.fail("b");
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Halted, "the next failure halts again");
}

#[test]
fn a_resume_that_leaves_nothing_to_do_ends_the_run_unhalted() {
    let mut cluster = Cluster::new(policy(&[wave("rest")])).with(&["a"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster.fail("a");
    cluster.settle();
    cluster.edit(FIRST, |spec| spec.skip = vec!["a".into()]);
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), &cluster.status(FIRST).halted), (Phase::Succeeded, &None));
}

#[test]
fn a_skip_takes_the_failure_out_of_the_budget() {
    let mut cluster = begun();
    cluster.fail("a");
    cluster.settle();
    cluster.edit(FIRST, |spec| spec.skip = vec!["a".into()]);
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.moving()), (Phase::Running, vec!["b"]));
    assert_eq!((cluster.status(FIRST).failed, cluster.status(FIRST).skipped), (0, 1));
}

#[test]
fn a_deadline_halts_and_never_advances() {
    let mut cluster = begun();
    let decisions = cluster.after(599);
    assert_eq!(cluster.moving(), ["a"]);
    assert!(decisions.wake.is_some(), "it wakes for the deadline");
    cluster.wait(1);
    let decisions = cluster.tick();
    assert_eq!(decisions.failures[0].1.reason, "DeadlineExceeded");
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.granted.len()), (Phase::Halted, 1));
}

#[test]
fn nobody_is_granted_in_the_breath_in_which_a_deadline_passes() {
    let mut rest = wave("rest");
    (rest.max_concurrency, rest.max_failures) = (Some(Amount::Count(2)), Some(Amount::Count(0)));
    let mut cluster = Cluster::new(policy(&[rest])).with(&["a", "b", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    assert_eq!(cluster.moving(), ["a", "b"]);
    cluster.prove("b");
    cluster.wait(600);
    let decisions = cluster.tick();
    assert_eq!((decisions.failures.len(), decisions.grants.len()), (1, 0), "the failure breaches the budget");
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.version("c")), (Phase::Halted, "1.0.0"));
}

#[test]
fn a_failure_from_the_future_is_woken_for_after_the_clock_went_back() {
    let mut rest = wave("rest");
    rest.max_failures = Some(Amount::Count(1));
    let mut policy = policy(&[rest]);
    policy.limits.max_failures = Amount::Count(1);
    let mut cluster = Cluster::new(policy).with(&["a"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster.fail("a");
    let failed = cluster.now;
    let decisions = cluster.after(-30);
    assert_eq!(decisions.wake, Some(failed), "the soak will begin anew then");
}

#[test]
fn a_tenant_that_stays_unready_after_its_proof_fails_by_the_same_deadline() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.regress("a");
    cluster.settle();
    cluster.prove("b");
    cluster.after(599);
    assert_eq!(cluster.phase(FIRST), Phase::Running);
    cluster.after(1);
    assert_eq!(cluster.phase(FIRST), Phase::Halted);
}

#[test]
fn a_failure_within_the_budget_does_not_block_the_wave() {
    let mut rest = wave("rest");
    rest.max_failures = Some(Amount::Count(1));
    let mut policy = policy(&[rest]);
    policy.limits.max_failures = Amount::Count(1);
    let mut cluster = Cluster::new(policy).with(&["a", "b", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster.fail("a");
    cluster.settle();
    cluster.prove("b");
    cluster.settle();
    cluster.prove("c");
    cluster.after(0);
    cluster.after(60);
    assert_eq!(cluster.phase(FIRST), Phase::Succeeded);
    assert_eq!((cluster.status(FIRST).proven, cluster.status(FIRST).failed), (2, 1));
}
