//! A gate that could never be asked is reported before anything moves.
use leasehold::{
    api::{ApprovalGate, CelGate, Gate, Gates, PrometheusGate, Scope},
    domain::report::WaitingOn,
    plan::rollout::decide,
};

use crate::{Cluster, before, begun, pace, policy, wave};

fn says(gate: Gate, words: &str) {
    let cluster = begun(before(gate));
    assert!(cluster.fleet.rollouts.is_empty(), "no run is frozen with it");
    let (wait, note) = &decide(&cluster.fleet, cluster.now).waits["c"];
    assert_eq!(wait.on, WaitingOn::Inconclusive);
    for part in ["RolloutPolicy default", "gate bad of wave canary cannot be asked", words] {
        assert!(note.contains(part), "{part}: {note}");
    }
}

fn cel(expression: &str) -> Gate {
    let gate = CelGate { expression: expression.into(), pace: pace(), ..CelGate::default() };
    Gate { name: "bad".into(), cel: Some(gate), ..Gate::default() }
}

fn prometheus(query: &str, scope: Scope) -> Gate {
    let gate = PrometheusGate { query: query.into(), scope, pace: pace(), ..PrometheusGate::default() };
    Gate { name: "bad".into(), prometheus: Some(gate), ..Gate::default() }
}

#[test]
fn an_expression_that_does_not_compile_starts_no_rollout() {
    says(cel("tenant.spec.replicas >"), "");
    says(cel("pods.all(p, p.ready)"), "there is no `pods`");
    says(cel("objects.exists(o, system(o))"), "there is no function `system`");
}

#[test]
fn a_query_that_could_not_be_filled_starts_no_rollout() {
    says(prometheus("up{t={{tenant}}}", Scope::Tenant), "inside quotes");
    says(prometheus("up{t=\"{{tenant}}\"}", Scope::Wave), "scope: Tenant");
}

#[test]
fn once_the_policy_is_corrected_the_rollout_starts() {
    let mut cluster = begun(before(cel("tenant.")));
    let mut corrected = wave("canary");
    corrected.gates = before(cel("true"));
    let corrected = policy(&[corrected, wave("rest")]);
    cluster.fleet.policies.insert("default".into(), corrected);
    cluster.settle();
    assert_eq!(cluster.fleet.rollouts.len(), 1);
    let _: &Cluster = &cluster;
}

/// An approval names a gate of a wave, and not which list it is in.
#[test]
fn one_name_before_and_after_a_wave_starts_nothing() {
    let people = Gate { name: "ok".into(), approval: Some(ApprovalGate {}), ..Gate::default() };
    let cluster = begun(Gates { before: vec![people.clone()], after: vec![people] });
    assert!(cluster.fleet.rollouts.is_empty());
    let note = &decide(&cluster.fleet, cluster.now).waits["a"].1;
    assert!(note.contains("gate ok of wave canary is in `before` and in `after`"), "{note}");
}
