//! Shared CRDs move with the fleet: the sample operator's kind, which all tenants share, goes from release to release while
//! users of every tenant write objects of it through the versions that are served. Real pods; `LEASEHOLD_E2E_NODE=hollow`
//! runs the same stories without, and then nobody reconciles.
//!
//! Every story has a cluster of its own, because there is only one such definition in a cluster.

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "what the end-to-end stories have in common; these here need a part of it")]
#[path = "../e2e/fleet.rs"]
mod fleet;
#[allow(dead_code, reason = "the same")]
#[path = "../e2e/looks.rs"]
mod looks;
#[allow(dead_code, reason = "the same")]
#[path = "../e2e/runs.rs"]
mod runs;

mod barrier;
mod kept;
mod log;
mod new_version;
mod older;
mod optional_field;
mod refused;
mod scene;
mod user;
mod writer;
