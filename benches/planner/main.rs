//! What a plan costs with ten thousand tenants: nothing new, one tenant changed, every tenant looked at again, every stack
//! rendered again, and in the middle of a rollout; and what a plan at rest allocates. Pure: no cluster, no I/O. `TENANTS` sets
//! another size.
#[allow(dead_code, reason = "shared with the suites `cli` and `tenant`, each of which uses a part")]
#[path = "../../tests/cli/model.rs"]
mod model;

use std::{collections::BTreeMap, hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use leasehold::{
    domain::{epoch::Epoch, world::World},
    plan::{Plan, Planner},
};
use model::Model;

const OBJECTS: &str = r#"
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

fn tenants() -> usize {
    std::env::var("TENANTS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000)
}

/// Applies all tenants at that version, as many at once as one file may hold.
fn ask(model: &mut Model, count: usize, version: &str) {
    let tenant = |n: usize| {
        format!(
            "---\napiVersion: leasehold.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: t{n:05}}}\nspec: {{operator: memcached, version: {version}}}\n"
        )
    };
    for part in (0..count).collect::<Vec<_>>().chunks(500) {
        model.apply(&part.iter().copied().map(tenant).collect::<String>());
    }
}

struct Bench {
    world: World,
    planner: Planner,
    now: Timestamp,
}

impl Bench {
    fn of(model: &mut Model) -> Self {
        let mut bench = Self { world: model.world().clone(), planner: Planner::default(), now: model.now };
        bench.plan();
        bench
    }

    fn plan(&mut self) -> Plan {
        self.planner.plan(&self.world, &BTreeMap::new(), &Epoch::default(), self.now)
    }
}

/// What a plan at rest asks of the allocator.
fn allocated(bench: &mut Bench) {
    bench.plan();
    let info = allocation_counter::measure(|| drop(black_box(bench.plan())));
    println!("a plan at rest: {} allocations, {} bytes", info.count_total, info.bytes_total);
}

fn plans(criterion: &mut Criterion) {
    let count = tenants();
    let mut group = criterion.benchmark_group(format!("{count} tenants"));
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    let mut model = Model::new(OBJECTS);
    ask(&mut model, count, "1.0.0");
    model.settle();
    model.wait(300);
    model.settle();

    let mut bench = Bench::of(&mut model);
    group.bench_function("unchanged", |b| b.iter(|| black_box(bench.plan())));
    group.bench_function("one tenant changed", |b| {
        b.iter(|| {
            bench.world.tenants.get_mut("t00000").expect("there are tenants");
            black_box(bench.plan())
        });
    });
    allocated(&mut bench);
    // What all depend on and nothing is rendered from, and what is in every stack.
    group.bench_function("every tenant anew", |b| {
        b.iter(|| {
            bench.world.fleet.max_concurrency ^= 1;
            black_box(bench.plan())
        });
    });
    group.bench_function("every stack rendered anew", |b| {
        b.iter(|| {
            let namespace = &mut bench.world.fleet.metrics_namespace;
            *namespace = if namespace == "here" { "there" } else { "here" }.into();
            black_box(bench.plan())
        });
    });

    ask(&mut model, count, "1.1.0");
    model.settle();
    model.wait(10);
    model.settle();
    let mut bench = Bench::of(&mut model);
    group.bench_function("in the middle of a rollout", |b| b.iter(|| black_box(bench.plan())));
    group.finish();
}

criterion_group!(benches, plans);
criterion_main!(benches);
