//! What a plan costs with ten thousand tenants: nothing new, one tenant changed, every tenant looked at again, every stack
//! rendered again, and in the middle of a rollout. Pure: no cluster, no I/O. `TENANTS` sets
//! another size.
mod fleet;

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};

use fleet::{Bench, Model, OBJECTS, ask, tenants};

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

/// The program's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

criterion_group!(benches, plans);
criterion_main!(benches);
