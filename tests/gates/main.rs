//! Gates that are asked: what each answer comes to, when it counts, and when it is too old; queries into which nothing can be
//! smuggled; expressions that cannot take for ever.
#[allow(dead_code, reason = "shared with the suite `planner`, each of which uses a part")]
#[path = "../planner/cluster.rs"]
mod cluster;

mod after;
mod before;
mod expressions;
mod freshness;
mod jobs;
mod listing;
mod policies;
mod queries;
mod replies;
mod servers;
mod turns;

use cluster::{Cluster, policy, wave};
use leasehold::{
    api::{CelGate, Gate, GateStatus, Gates, Pace, PrometheusGate, Scope, Span},
    domain::analysis::{self, Answer, Asked, Outcome},
    plan::rollout::decide,
};

/// The run whose gates are asked.
const RUN: &str = "memcached-1.1.0-1";

/// Every 30 seconds, for five minutes at most, with one failure tolerated.
fn pace() -> Pace {
    Pace { interval: Span::secs(30), deadline: Span::secs(300), failure_limit: 1 }
}

/// A gate that is asked once for the wave.
fn query(name: &str) -> Gate {
    let gate = PrometheusGate { query: "up".into(), scope: Scope::Wave, pace: pace(), ..PrometheusGate::default() };
    Gate { name: name.into(), prometheus: Some(gate), ..Gate::default() }
}

/// A gate that is asked about each tenant.
fn expression(name: &str) -> Gate {
    let gate = CelGate { expression: "true".into(), pace: pace(), ..CelGate::default() };
    Gate { name: name.into(), cel: Some(gate), ..Gate::default() }
}

/// Two canaries, one at a time, then `c`; the canaries behind these gates; all asked for 1.1.0 ten seconds ago.
fn begun(gates: Gates) -> Cluster {
    let mut canary = wave("canary");
    canary.gates = gates;
    let mut cluster = Cluster::new(policy(&[canary, wave("rest")])).with(&["a@canary", "b@canary", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

fn before(gate: Gate) -> Gates {
    Gates { before: vec![gate], after: Vec::new() }
}

fn after(gate: Gate) -> Gates {
    Gates { before: Vec::new(), after: vec![gate] }
}

/// What is asked at this moment.
fn asked(cluster: &Cluster) -> Vec<Asked> {
    decide(&cluster.fleet, cluster.now).asks
}

/// Whom the questions of this moment are about.
fn about(cluster: &Cluster) -> Vec<String> {
    asked(cluster).into_iter().map(|asked| asked.subject.unwrap_or_else(|| "wave".into())).collect()
}

fn put(cluster: &mut Cluster, asked: &Asked, outcome: Outcome) {
    let (value, message) = ("0.2".into(), "0.2 is what was measured".into());
    let answer = Answer { outcome, value, message, asked: cluster.now, at: cluster.now };
    analysis::answer(&mut cluster.fleet.analyses, asked, answer);
}

/// Answers everything that is asked at this moment, and lets that be recorded.
fn answer(cluster: &mut Cluster, outcome: Outcome) {
    let asks = asked(cluster);
    assert!(!asks.is_empty(), "nothing is asked");
    for asked in &asks {
        put(cluster, asked, outcome);
    }
    cluster.settle();
}

fn gate(cluster: &Cluster) -> &GateStatus {
    &cluster.status(RUN).waves[0].gates[0]
}

/// Proves both canaries, so that the wave soaks.
fn soak(cluster: &mut Cluster) {
    for name in ["a", "b"] {
        cluster.prove(name);
        cluster.settle();
    }
    cluster.wait(1);
    cluster.settle();
}
