//! A fleet for the benches of the planner: so many tenants on a model of a cluster, and a planner that has planned once.
#[allow(dead_code, reason = "shared with the suites `cli` and `tenant`, each of which uses a part")]
#[path = "../../tests/cli/model.rs"]
mod model;

use std::collections::BTreeMap;

use jiff::Timestamp;
use leasehold::{
    domain::{epoch::Epoch, world::World},
    plan::{Plan, Planner},
};
pub use model::Model;

pub const OBJECTS: &str = r#"
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-1.0.0}
spec: {operator: memcached, version: 1.0.0, image: "example.com/memcached:1.0.0", leaderElection: {id: memcached.example.com}}
---
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-1.1.0}
spec: {operator: memcached, version: 1.1.0, image: "example.com/memcached:1.1.0", leaderElection: {id: memcached.example.com}}
"#;

pub fn tenants() -> usize {
    std::env::var("TENANTS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000)
}

/// Applies all tenants at that version, as many at once as one file may hold.
pub fn ask(model: &mut Model, count: usize, version: &str) {
    let tenant = |n: usize| {
        format!(
            "---\napiVersion: leasehold.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: t{n:05}}}\nspec: {{operator: memcached, version: {version}}}\n"
        )
    };
    for part in (0..count).collect::<Vec<_>>().chunks(500) {
        model.apply(&part.iter().copied().map(tenant).collect::<String>());
    }
}

pub struct Bench {
    pub world: World,
    planner: Planner,
    now: Timestamp,
}

impl Bench {
    pub fn of(model: &mut Model) -> Self {
        let mut bench = Self { world: model.world().clone(), planner: Planner::default(), now: model.now };
        bench.plan();
        bench
    }

    pub fn plan(&mut self) -> Plan {
        self.planner.plan(&self.world, &BTreeMap::new(), &Epoch::default(), self.now)
    }
}
