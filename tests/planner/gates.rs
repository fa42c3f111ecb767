//! Gates that people open: bound to one gate of one rollout and to its very plan, and read again at each grant.
use leasehold::{
    api::{ApprovalGate, ApprovalSpec, Decision, Gate, Gates, Phase, WavePhase},
    domain::report::WaitingOn,
    plan::rollout::decide,
};

use crate::cluster::{Cluster, policy, wave};

const RUN: &str = "memcached-1.1.0-1";

fn gate(name: &str) -> Vec<Gate> {
    vec![Gate { name: name.into(), approval: Some(ApprovalGate {}), ..Gate::default() }]
}

/// The canary may go when `start` is opened, the others when `look` is.
fn begun() -> Cluster {
    let (mut canary, rest) = (wave("canary"), wave("rest"));
    canary.gates = Gates { before: gate("start"), after: gate("look") };
    let mut cluster = Cluster::new(policy(&[canary, rest])).with(&["a@canary", "b", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

fn decision(cluster: &Cluster, gate: &str, decision: Decision) -> ApprovalSpec {
    ApprovalSpec {
        rollout: RUN.into(),
        wave: "canary".into(),
        gate: gate.into(),
        plan_hash: cluster.fleet.rollouts[RUN].spec.plan_hash.clone(),
        decision,
        approver: "ann".into(),
        comment: "looked at it".into(),
    }
}

fn approve(cluster: &mut Cluster, gate: &str) {
    let approval = decision(cluster, gate, Decision::Approve);
    cluster.fleet.approvals.insert(gate.into(), approval);
    cluster.settle();
}

#[test]
fn nobody_goes_before_the_gate_before_the_wave_is_opened() {
    let mut cluster = begun();
    cluster.after(86_400);
    assert!(cluster.moving().is_empty());
    assert_eq!(cluster.status(RUN).waves[0].phase, WavePhase::Pending);
    let note = &decide(&cluster.fleet, cluster.now).waits["a"].1;
    let hash = &cluster.fleet.rollouts[RUN].spec.plan_hash;
    assert!(note.contains("RolloutApproval of start") && note.contains(hash) && hash.len() == 16, "{note}");
    assert_eq!((cluster.waits_on("a"), cluster.waits_on("b")), (Some(WaitingOn::Approval), Some(WaitingOn::Approval)));
    assert!(cluster.status(RUN).message.contains("waits for a RolloutApproval of start"));
    approve(&mut cluster, "start");
    assert_eq!(cluster.moving(), ["a"]);
}

#[test]
fn the_next_wave_waits_for_the_gate_after_the_soak() {
    let mut cluster = begun();
    approve(&mut cluster, "start");
    cluster.prove("a");
    cluster.settle();
    assert_eq!(cluster.waits_on("b"), Some(WaitingOn::Soak));
    cluster.after(86_400);
    assert_eq!(
        (cluster.waits_on("b"), cluster.status(RUN).waves[0].phase),
        (Some(WaitingOn::Approval), WavePhase::Soaking)
    );
    approve(&mut cluster, "look");
    assert_eq!(cluster.moving(), ["b"]);
}

#[test]
fn an_approval_ahead_of_time_is_no_leave_to_skip_the_soak() {
    let mut cluster = begun();
    approve(&mut cluster, "start");
    approve(&mut cluster, "look");
    cluster.prove("a");
    cluster.settle();
    cluster.after(59);
    assert!(cluster.moving().is_empty());
    cluster.after(1);
    assert_eq!(cluster.moving(), ["b"]);
}

#[test]
fn a_decision_about_anything_else_opens_nothing() {
    let mut cluster = begun();
    let right = decision(&cluster, "start", Decision::Approve);
    let wrong = [
        ApprovalSpec { rollout: "memcached-1.1.0-2".into(), ..right.clone() },
        ApprovalSpec { wave: "rest".into(), ..right.clone() },
        ApprovalSpec { gate: "look".into(), ..right.clone() },
        ApprovalSpec { plan_hash: "0123456789abcdef".into(), ..right },
    ];
    for (n, approval) in wrong.into_iter().enumerate() {
        cluster.fleet.approvals.insert(format!("wrong-{n}"), approval);
    }
    cluster.after(3600);
    assert!(cluster.moving().is_empty());
}

#[test]
fn a_decision_that_is_taken_away_closes_the_gate_again() {
    let mut rest = wave("rest");
    rest.gates = Gates { before: gate("start"), after: Vec::new() };
    let mut cluster = Cluster::new(policy(&[rest])).with(&["a", "b"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    let approval = ApprovalSpec { wave: "rest".into(), ..decision(&cluster, "start", Decision::Approve) };
    cluster.fleet.approvals.insert("start".into(), approval);
    cluster.settle();
    assert_eq!(cluster.moving(), ["a"]);
    cluster.fleet.approvals.clear();
    cluster.prove("a");
    cluster.after(3600);
    assert_eq!(cluster.granted, ["a"], "it is read again at each grant");
    assert_eq!(cluster.waits_on("b"), Some(WaitingOn::Approval));
}

#[test]
fn a_no_halts_and_outranks_a_yes_until_a_person_takes_it_back() {
    let mut cluster = begun();
    approve(&mut cluster, "start");
    cluster.prove("a");
    cluster.settle();
    let no = decision(&cluster, "look", Decision::Reject);
    cluster.fleet.approvals.insert("no".into(), no);
    approve(&mut cluster, "look");
    assert_eq!(cluster.phase(RUN), Phase::Halted);
    let reason = &cluster.status(RUN).halted.as_ref().unwrap().reason;
    assert!(reason.contains("gate look of wave canary was refused by ann: looked at it"), "{reason}");
    cluster.fleet.approvals.remove("no");
    cluster.after(3600);
    assert_eq!(cluster.phase(RUN), Phase::Halted, "latched");
    cluster.edit(RUN, |spec| spec.suspend = false);
    cluster.settle();
    cluster.after(60);
    assert_eq!(cluster.moving(), ["b"]);
}

#[test]
fn the_hash_is_of_the_plan() {
    let hash = |version: &str, concurrency: u32| {
        let mut rest = wave("rest");
        rest.max_concurrency = Some(leasehold::api::Amount::Count(concurrency));
        let mut cluster = Cluster::new(policy(&[rest])).with(&["a", "b"]);
        cluster.ask(&[], version);
        cluster.after(10);
        cluster.fleet.rollouts.values().next().unwrap().spec.plan_hash.clone()
    };
    assert_eq!(hash("1.1.0", 1), hash("1.1.0", 1));
    assert!(hash("1.1.0", 1) != hash("1.2.0", 1) && hash("1.1.0", 1) != hash("1.1.0", 2));
}
