//! Going back: by policy when a budget is breached, or because a person undoes a run. A run of its own, budgeted, along
//! legal steps only, and remembered, so that no automation deploys the same again.
use leasehold::{
    api::{ApprovalGate, CelGate, Gate, Gates, OnFailure, Phase},
    domain::report::WaitingOn,
    plan::rollout::EventReason,
};

use crate::cluster::{Cluster, member, policy, target, wave};

const FIRST: &str = "memcached-1.1.0-1";
const BACK: &str = "memcached-1.0.0-2";

fn begun(on_failure: OnFailure) -> Cluster {
    let mut policy = policy(&[wave("canary"), wave("rest")]);
    policy.on_failure = on_failure;
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b@canary", "c", "d"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

/// Takes the way back of 1.1.0 away.
fn no_way_back(cluster: &mut Cluster) {
    let key = ("memcached".to_owned(), "1.1.0".to_owned());
    cluster.fleet.releases.get_mut(&key).unwrap().rollback_to = None;
}

#[test]
fn a_breached_budget_takes_back_whom_the_run_moved_and_nobody_goes_there_again() {
    let mut cluster = begun(OnFailure::Rollback);
    cluster.prove("a");
    cluster.settle();
    cluster.fail("b");
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::RolledBack);
    assert!(cluster.was_told(EventReason::RolloutRolledBack));
    let plan = &cluster.fleet.rollouts[BACK].spec;
    assert_eq!((plan.rollback_of.as_deref(), plan.on_failure), (Some(FIRST), OnFailure::Halt), "not taken back itself");
    assert_eq!(plan.waves[0].members, ["a", "b"], "those that it moved");
    for name in ["b", "a"] {
        assert_eq!(cluster.version(name), "1.0.0", "{name}: {:?}", cluster.granted);
        cluster.prove(name);
        cluster.settle();
    }
    cluster.after(60);
    assert_eq!(cluster.phase(BACK), Phase::Succeeded);
    cluster.after(86_400);
    assert_eq!(cluster.granted, ["a", "b", "b", "a"], "Git still asks for 1.1.0, and nobody goes");
    assert_eq!(cluster.waits_on("a"), Some(WaitingOn::PathBlocked), "remembered with the tenant");
    assert_eq!(cluster.waits_on("c"), Some(WaitingOn::Suspended), "and with the run for those who never went");
}

/// Neither a person nor an answer stands in the way of going back, nor a gate that could never be asked.
#[test]
fn nobody_waits_at_a_gate_to_go_back() {
    let person = Gate { name: "look".into(), approval: Some(ApprovalGate {}), ..Gate::default() };
    let expression = |text: &str| CelGate { expression: text.into(), ..CelGate::default() };
    let asked = |text: &str| Gate { name: "asked".into(), cel: Some(expression(text)), ..Gate::default() };
    for gate in [person, asked("false"), asked("tenant.")] {
        let mut cluster = begun(OnFailure::Rollback);
        let mut canary = wave("canary");
        canary.gates = Gates { before: vec![gate.clone()], after: vec![gate] };
        let gated = policy(&[canary, wave("rest")]);
        cluster.fleet.policies.insert("default".into(), gated);
        cluster.prove("a");
        cluster.settle();
        cluster.fail("b");
        cluster.settle();
        for name in ["b", "a"] {
            assert_eq!(cluster.version(name), "1.0.0", "{name}: {:?}", cluster.granted);
            cluster.prove(name);
            cluster.settle();
        }
        cluster.after(60);
        assert_eq!(cluster.phase(BACK), Phase::Succeeded);
    }
}

#[test]
fn a_newcomer_does_not_try_what_had_to_be_taken_back() {
    let mut cluster = begun(OnFailure::Rollback);
    cluster.fail("a");
    cluster.settle();
    cluster.fleet.members.insert("new".into(), member("new", "1.0.0", cluster.now));
    cluster.ask(&["new"], "1.1.0");
    cluster.after(3600);
    assert_eq!((cluster.version("new"), cluster.waits_on("new")), ("1.0.0", Some(WaitingOn::Suspended)));
}

#[test]
fn another_version_and_a_cleared_memory_are_free_to_go() {
    let mut cluster = begun(OnFailure::Rollback);
    cluster.fail("a");
    cluster.settle();
    cluster.prove("a");
    cluster.settle();
    cluster.after(60);
    cluster.ask(&["c"], "1.2.0");
    cluster.after(10);
    assert_eq!(cluster.version("c"), "1.2.0", "the target changed");
    cluster.prove("c");
    cluster.settle();
    cluster.after(60);
    cluster.member("a").rejected.clear();
    cluster.after(10);
    assert_eq!(cluster.version("a"), "1.1.0", "a person cleared it");
}

/// A grant whose answer is not here yet counts as given, and what the tenant is to remember was in that very write: between
/// the two a run was made to what had just been taken back.
#[test]
fn a_tenant_that_does_not_remember_yet_is_not_planned_for_what_it_was_taken_back_from() {
    let mut cluster = begun(OnFailure::Rollback);
    cluster.prove("a");
    cluster.settle();
    cluster.fail("b");
    cluster.settle();
    cluster.member("b").rejected.clear();
    cluster.after(60);
    assert_eq!(cluster.fleet.rollouts.len(), 2, "{:?}", cluster.fleet.rollouts.keys());
    assert_eq!(cluster.phase(BACK), Phase::Running);
}

#[test]
fn a_way_back_that_is_no_legal_one_is_refused_and_the_run_halts() {
    let mut cluster = begun(OnFailure::Rollback);
    no_way_back(&mut cluster);
    cluster.fail("a");
    cluster.after(3600);
    assert_eq!((cluster.phase(FIRST), cluster.version("a")), (Phase::Halted, "1.1.0"));
    let message = &cluster.status(FIRST).message;
    assert!(message.contains("going back is refused") && message.contains("no way back from 1.1.0"), "{message}");
}

#[test]
fn those_in_flight_finish_before_anybody_goes_back() {
    let mut rest = wave("rest");
    rest.max_concurrency = Some(leasehold::api::Amount::Count(2));
    let mut policy = policy(&[rest]);
    policy.on_failure = OnFailure::Rollback;
    let mut cluster = Cluster::new(policy).with(&["a", "b", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster.fail("a");
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.moving()), (Phase::Halted, vec!["b"]));
    assert!(cluster.status(FIRST).message.contains("going back"), "{}", cluster.status(FIRST).message);
    cluster.prove("b");
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.version("c")), (Phase::RolledBack, "1.0.0"));
}

#[test]
fn a_person_who_resumes_before_it_is_over_stops_the_going_back() {
    let mut rest = wave("rest");
    rest.max_concurrency = Some(leasehold::api::Amount::Count(2));
    let mut policy = policy(&[rest]);
    policy.on_failure = OnFailure::Rollback;
    let mut cluster = Cluster::new(policy).with(&["a", "b", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster.fail("a");
    cluster.settle();
    cluster.edit(FIRST, |spec| spec.additional_failures = 1);
    cluster.prove("b");
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.moving()), (Phase::Running, vec!["c"]));
}

#[test]
fn a_suspension_comes_before_the_policy_and_an_undo_before_a_suspension() {
    let mut cluster = begun(OnFailure::Rollback);
    cluster.edit(FIRST, |spec| spec.suspend = true);
    cluster.fail("a");
    cluster.after(3600);
    assert_eq!((cluster.phase(FIRST), cluster.version("a")), (Phase::Halted, "1.1.0"));
    cluster.edit(FIRST, |spec| spec.undo = true);
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.version("a")), (Phase::RolledBack, "1.0.0"));
}

#[test]
fn an_undo_works_in_the_middle_and_after_the_end() {
    let mut cluster = begun(OnFailure::Halt);
    cluster.prove("a");
    cluster.settle();
    cluster.edit(FIRST, |spec| spec.undo = true);
    cluster.settle();
    assert_eq!(cluster.moving(), ["b"], "what is in flight may finish");
    cluster.prove("b");
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.version("a")), (Phase::RolledBack, "1.0.0"));

    let mut cluster = begun(OnFailure::Halt);
    for name in ["a", "b", "c", "d"] {
        cluster.prove(name);
        cluster.settle();
        cluster.after(60);
    }
    assert_eq!(cluster.phase(FIRST), Phase::Succeeded);
    cluster.edit(FIRST, |spec| spec.undo = true);
    cluster.settle();
    assert_eq!(cluster.fleet.rollouts[BACK].spec.waves[0].members, ["a", "b"], "through waves again");
    assert_eq!((cluster.phase(FIRST), cluster.moving()), (Phase::Succeeded, vec!["a"]));
}

#[test]
fn a_newer_wish_outranks_the_going_back() {
    let mut cluster = begun(OnFailure::Rollback);
    cluster.prove("a");
    cluster.settle();
    cluster.fail("b");
    cluster.ask(&["b"], "1.2.0");
    cluster.after(10);
    assert_eq!((cluster.phase(FIRST), cluster.moving()), (Phase::RolledBack, vec!["b"]));
    assert_eq!(cluster.version("b"), "1.2.0", "the fix that a person asked for");
    cluster.prove("b");
    cluster.settle();
    cluster.after(60);
    assert_eq!(cluster.version("a"), "1.0.0", "one run after the other");
    assert_eq!(cluster.fleet.members["a"].rejected, [target("1.1.0").digest]);
}
