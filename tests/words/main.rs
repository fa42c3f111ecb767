//! A person's words, said by the program itself to a real API server that serves Leasehold's kinds. No Leasehold runs: what is
//! looked at is what was written, and what the program says when it could not be.
#[path = "../support/mod.rs"]
mod support;

mod crds;
mod gates;
mod runs;
mod tenants;

use std::process::Command;

use serde_json::Value;
use support::{Cluster, Node, leasehold_binary};

/// What became of a command line.
pub struct Said {
    pub ok: bool,
    pub out: String,
    pub err: String,
}

/// A cluster with the kinds and their fleet.
async fn cluster() -> Cluster {
    let cluster = Cluster::shared(Node::None).await;
    cluster.apply_yaml(include_str!("../../crds/tenants.yaml")).await;
    for crd in [
        include_str!("../../crds/rollouts.yaml"),
        include_str!("../../crds/rolloutslices.yaml"),
        include_str!("../../crds/rolloutapprovals.yaml"),
        include_str!("../../crds/changewindows.yaml"),
    ] {
        cluster.apply_yaml(crd).await;
    }
    cluster
}

/// `leasehold` with these words, as the cluster's admin.
fn leasehold(cluster: &Cluster, words: &[&str]) -> Said {
    let mut command = Command::new(leasehold_binary());
    let output = command.args(words).env("KUBECONFIG", cluster.kubeconfig()).output().expect("it can be started");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it speaks UTF-8");
    Said { ok: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// What was said, and that it succeeded.
fn says(cluster: &Cluster, words: &[&str]) -> String {
    let said = leasehold(cluster, words);
    assert!(said.ok, "{words:?}: {}{}", said.out, said.err);
    said.out
}

/// What was said, and that it failed.
fn fails(cluster: &Cluster, words: &[&str]) -> String {
    let said = leasehold(cluster, words);
    assert!(!said.ok, "{words:?}: {}", said.out);
    said.err
}

/// An object as it is stored.
fn stored(cluster: &Cluster, kind: &str, name: &str) -> Value {
    serde_json::from_str(&cluster.kubectl(&["get", kind, name, "-o", "json"])).expect("JSON")
}

/// A Rollout with one wave and its gates, in that phase.
async fn rollout(cluster: &Cluster, name: &str, phase: &str) {
    let object = format!(
        "apiVersion: leasehold.dev/v1alpha1\nkind: Rollout\nmetadata: {{name: {name}}}\nspec: {{operator: memcached, \
         target: {{version: 1.1.0, digest: d}}, policy: default, sequence: 1, order: Name, maxConcurrency: 1, maxFailures: 0, \
         revisionHistoryLimit: 10, planHash: 0123456789abcdef, waves: [{{name: all, members: [acme, bolt], maxConcurrency: 1, \
         maxFailures: 0, progressDeadline: 10m, soak: 1m, gates: {{before: [{{name: start, approval: {{}}}}]}}}}]}}\n"
    );
    cluster.apply_yaml(&object).await;
    let halted = if phase == "Halted" {
        r#","halted":{"reason":"wave all: acme failed","at":"2026-03-02T09:00:00Z","generation":1}"#
    } else {
        ""
    };
    let status = format!(
        r#"{{"status":{{"observedGeneration":1,"phase":"{phase}","currentWave":"all","message":"so it is"{halted},"waves":[{{"name":"all","phase":"Pending"}}]}}}}"#
    );
    cluster.kubectl(&["patch", "rollout", name, "--subresource=status", "--type=merge", "-p", &status]);
}
