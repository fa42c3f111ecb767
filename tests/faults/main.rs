//! What must hold whatever fails: real Leasehold processes, a real API server, a fault proxy in between whose log is the
//! oracle. Every test takes its turn on one cluster, because each Leasehold looks after all Tenants there are.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod crash;
mod crds;
mod end;
mod fencing;
mod lists;
mod oracle;
mod pause;
mod poison;
mod reign;
mod runner;
mod scene;
mod state;
