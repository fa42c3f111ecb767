//! The Lease on the wire, byte by byte: a real elector, a loopback server whose answers the test gives.
mod faults;
mod life;
mod process;
mod server;

use std::time::Duration;

use leasehold::election::{Elector, ElectorConfig, Leadership, Term, Timings};
use serde_json::{Value, json};
use server::{Exchange, Server, Watch};

/// Renewals come fast, so that tests are; terms are long, so that a busy machine does not end them.
fn config() -> ElectorConfig {
    let timings = Timings::new(Duration::from_secs(15), Duration::from_secs(9), Duration::from_millis(200));
    ElectorConfig::new("memcached.cache.example.com", "tenant-acme", "memcached-0_5f1c")
        .timings(timings.expect("valid"))
}

/// A Lease as another candidate has left it, with everything on it that is not ours.
fn free_lease() -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": "memcached.cache.example.com",
            "namespace": "tenant-acme",
            "uid": "5f1c7a2e-0000-4000-8000-000000000009",
            "resourceVersion": "1000",
            "creationTimestamp": "2026-07-08T01:02:03Z",
            "labels": {"team": "storage"},
            "annotations": {"example.com/owner": "someone"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "memcached", "uid": "d"}],
            "managedFields": [{"manager": "client-go", "operation": "Update", "fieldsV1": {"f:spec": {}}}],
        },
        "spec": {
            "holderIdentity": "",
            "leaseDurationSeconds": 1,
            "leaseTransitions": 41,
            "acquireTime": "2026-07-08T01:02:03.000000Z",
            "renewTime": "2026-07-08T01:02:03.000000Z",
            "strategy": "OldestEmulationVersion",
            "preferredHolder": "someone-else",
            "aFieldOfKubernetes140": {"nested": [1, 2.5, null]},
        },
    })
}

fn held_lease(holder: &str) -> Value {
    let mut lease = free_lease();
    lease["spec"]["holderIdentity"] = json!(holder);
    lease["spec"]["leaseDurationSeconds"] = json!(3600);
    lease
}

/// Digits as zeroes: what is left is the shape that Go insists on.
fn shape(stamp: &Value) -> String {
    let text = stamp.as_str().expect("a stamp");
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// Checks the stamps and takes them out, so that the rest can be compared whole.
fn without_stamps(body: &Value) -> Value {
    let mut body = body.clone();
    for stamp in ["acquireTime", "renewTime"] {
        assert_eq!(shape(&body["spec"][stamp]), "0000-00-00T00:00:00.000000Z");
        body["spec"][stamp] = json!("now");
    }
    body
}

/// An elector that has just won a Lease it created, at version 1.
async fn leading(server: &mut Server, config: ElectorConfig) -> (Elector, Term, Watch, Value) {
    let elector = Elector::start(server.kube(), config).await.expect("starts");
    server.expect_get().await.not_found();
    let stored = server.expect_post().await.store("1");
    let watch = server.expect_watch().await;
    let term = elector.lead().await.expect("wins");
    (elector, term, watch, stored)
}

/// Answers renewals with ever newer versions, as long as there are any.
async fn renew(server: &mut Server, times: u64, version: &mut u64) -> Value {
    let mut stored = Value::Null;
    for _ in 0..times {
        *version += 1;
        stored = server.expect_put().await.store(&version.to_string());
    }
    stored
}

/// Shuts down while the server goes on answering renewals; hands out the release, for the test to answer.
async fn release(server: &mut Server) -> Exchange {
    let mut version = 900_000;
    loop {
        let put = server.expect_put().await;
        if put.body["spec"]["holderIdentity"] == "" {
            return put;
        }
        version += 1;
        put.store(&version.to_string());
    }
}

fn is_standby(leadership: &Leadership, holder: &str) -> bool {
    matches!(leadership, Leadership::Standby { holder: Some(h), .. } if h == holder)
}
