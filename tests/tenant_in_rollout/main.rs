//! One tenant between its own spec and the rollouts that move it: the real observer and the real planner, over a cluster
//! of a few dozen lines.
#[allow(dead_code, reason = "shared with the suite `cli`, each of which uses a part")]
#[path = "../cli/model.rs"]
mod model;

mod back;
mod claim;
mod lost;
mod own_edit;
mod paused;
mod settings;

use leasehold::api::Condition;
use model::{Model, fleet_of, tenant};

const OBJECTS: &str = r#"
apiVersion: leasehold.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: default}
spec:
  coalesce: {quietPeriod: 10s, maxWait: 1m}
  order: Name
  limits: {maxConcurrency: 25, maxFailures: 0}
  waves:
  - {name: canary, take: 1, maxFailures: 0, progressDeadline: 2m, soak: {duration: 1m}}
  - {name: everyone, maxConcurrency: 2, maxFailures: 0, progressDeadline: 10m, soak: {duration: 0s}}
---
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-1.0.0}
spec: {operator: memcached, version: 1.0.0, image: "example.com/memcached:1.0.0", leaderElection: {id: memcached.example.com}}
---
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-1.1.0}
spec: {operator: memcached, version: 1.1.0, upgradesFrom: ">=1.0.0", image: "example.com/memcached:1.1.0", leaderElection: {id: memcached.example.com}}
---
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-1.2.0}
spec: {operator: memcached, version: 1.2.0, rollbackTo: ">=1.0.0", image: "example.com/memcached-bad:1.2.0", leaderElection: {id: memcached.example.com}}
"#;

const TENANTS: [&str; 3] = ["acme", "bolt", "cern"];
/// A tenant's own edit after which none of its pods becomes ready.
const STARVED: &str = "resources: {requests: {cpu: 50m, memory: 1Mi}, limits: {cpu: 200m, memory: 1Mi}}";

fn fleet(version: &str) -> String {
    fleet_of(&TENANTS, version)
}

/// Three tenants that run 1.0.0.
fn running() -> Model {
    Model::running(OBJECTS, &TENANTS)
}

/// All asked to go to that version, the canary granted.
fn begun(version: &str) -> Model {
    let mut model = running();
    model.apply(&fleet(version));
    model.settle();
    after(&mut model, 10);
    model
}

fn after(model: &mut Model, seconds: i64) {
    model.wait(seconds);
    model.settle();
}

fn granted(model: &Model, name: &str) -> String {
    model.tenant(name).status.and_then(|s| s.granted).map(|g| g.version).unwrap_or_default()
}

fn summary(model: &Model, name: &str) -> String {
    model.tenant(name).status.map(|s| s.summary).unwrap_or_default()
}

fn condition(model: &Model, name: &str, kind: &str) -> Option<Condition> {
    model.tenant(name).status?.conditions.into_iter().find(|c| c.type_ == kind)
}
