//! What a person says to a run, in every state that it can be in: the table of docs/rollouts.md is what really happens.
#[allow(dead_code, reason = "shared with the suite `planner`, each of which uses a part")]
#[path = "../planner/cluster.rs"]
mod cluster;

mod pairs;
mod table;

use cluster::{Cluster, policy, wave};
use leasehold::{
    api::{Amount, OnFailure, Phase},
    domain::fleet::Standing,
};

/// The run that is spoken to.
const RUN: &str = "memcached-1.1.0-1";
/// The run that waits behind it, where that one is spoken to.
const QUEUED: &str = "memcached-1.2.0-2";

type Act = fn(&mut Cluster, &str);

/// Two canaries at once, then two others; all asked for 1.1.0, the canaries on their way.
fn begun(on_failure: OnFailure) -> Cluster {
    let mut canary = wave("canary");
    canary.max_concurrency = Some(Amount::Count(2));
    let mut policy = policy(&[canary, wave("rest")]);
    policy.on_failure = on_failure;
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b@canary", "c", "d", "z"]);
    cluster.ask(&["a", "b", "c", "d"], "1.1.0");
    cluster.after(10);
    cluster
}

fn proven(cluster: &mut Cluster, names: &[&str]) {
    for name in names {
        cluster.prove(name);
        cluster.settle();
    }
}

/// Every state of a run, how it is reached, and which run is in it.
fn states() -> Vec<(&'static str, Cluster, &'static str)> {
    let reach = |on_failure, act: fn(&mut Cluster)| {
        let mut cluster = begun(on_failure);
        act(&mut cluster);
        cluster.settle();
        cluster
    };
    let halt = OnFailure::Halt;
    vec![
        (
            "queued",
            reach(halt, |cluster| {
                cluster.ask(&["z"], "1.2.0");
                cluster.after(10);
            }),
            QUEUED,
        ),
        ("running", reach(halt, |_| ()), RUN),
        ("soaking", reach(halt, |cluster| proven(cluster, &["a", "b"])), RUN),
        (
            "halted",
            reach(halt, |cluster| {
                cluster.fail("a");
                proven(cluster, &["b"]);
            }),
            RUN,
        ),
        ("suspended", reach(halt, |cluster| cluster.edit(RUN, |spec| spec.suspend = true)), RUN),
        ("being superseded", reach(halt, |cluster| cluster.ask(&["c", "d"], "1.2.0")), RUN),
        ("going back", reach(OnFailure::Rollback, |cluster| cluster.fail("a")), RUN),
        (
            "Succeeded",
            reach(halt, |cluster| {
                proven(cluster, &["a", "b"]);
                cluster.after(60);
                proven(cluster, &["c", "d"]);
                cluster.after(60);
            }),
            RUN,
        ),
        ("Aborted", reach(halt, |cluster| cluster.edit(RUN, |spec| spec.abort = true)), RUN),
        (
            "Superseded",
            reach(halt, |cluster| {
                cluster.ask(&["c", "d"], "1.2.0");
                proven(cluster, &["a", "b"]);
            }),
            RUN,
        ),
        (
            "RolledBack",
            reach(OnFailure::Rollback, |cluster| {
                cluster.fail("a");
                proven(cluster, &["b"]);
            }),
            RUN,
        ),
    ]
}

/// The same cluster again: what is done to one does not show in the other.
fn copy(cluster: &Cluster) -> Cluster {
    let (told, granted) = (cluster.told.clone(), cluster.granted.clone());
    Cluster { fleet: cluster.fleet.clone(), now: cluster.now, told, granted }
}

/// Every verb.
const VERBS: [(&str, Act); 9] = [
    ("suspend", |cluster, run| cluster.edit(run, |spec| spec.suspend = true)),
    ("resume", |cluster, run| cluster.edit(run, |spec| spec.suspend = false)),
    ("resume, one more may fail", |cluster, run| {
        cluster.edit(run, |spec| (spec.suspend, spec.additional_failures) = (false, 1));
    }),
    ("skip a", |cluster, run| cluster.edit(run, |spec| spec.skip = vec!["a".into()])),
    ("abort", |cluster, run| cluster.edit(run, |spec| spec.abort = true)),
    ("undo", |cluster, run| cluster.edit(run, |spec| spec.undo = true)),
    ("c, d ask for newer", |cluster, _| cluster.ask(&["c", "d"], "1.3.0")),
    ("all ask for the old", |cluster, _| cluster.ask(&[], "1.0.0")),
    ("hold c", |cluster, _| cluster.member("c").standing = Standing::Held(vec!["audit".into()])),
];

/// The state in a word: the phase, or how it winds down.
fn word(cluster: &Cluster, run: &str) -> String {
    let status = cluster.status(run);
    match status.phase {
        Phase::Running if status.message.contains("being superseded") => "being superseded".into(),
        Phase::Running | Phase::Halted | Phase::Suspended if status.message.contains("going back:") => {
            "going back".into()
        }
        phase => format!("{phase:?}"),
    }
}
