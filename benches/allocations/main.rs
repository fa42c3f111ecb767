//! What a plan at rest asks of the allocator, with ten thousand tenants. By itself: an allocator that counts takes time. `TENANTS`
//! sets another size.
#[path = "../planner/fleet.rs"]
mod fleet;

use std::hint::black_box;

use fleet::{Bench, Model, OBJECTS, ask, tenants};

fn main() {
    let mut model = Model::new(OBJECTS);
    ask(&mut model, tenants(), "1.0.0");
    model.settle();
    model.wait(300);
    model.settle();
    let mut bench = Bench::of(&mut model);
    bench.plan();
    let info = allocation_counter::measure(|| drop(black_box(bench.plan())));
    println!("a plan at rest: {} allocations, {} bytes", info.count_total, info.bytes_total);
}
