//! The harness of the integration tests: `mod support;` in a test file.
//!
//! In: a cluster program (or `LEASEHOLD_E2E_KUBECONFIG`) and the binaries of this workspace.
//! Out: a [`Cluster`] with clients and its audit log, [`Process`]es under test, a [fault proxy](proxy) between the two,
//! and ways to wait for the world ([`eventually`], [`watch_until`]), so that no test ever sleeps.
//! Never: leaves a process, a file or a port behind, whatever way the test binary ends; see [`guardian`].
//!
//! What has to be built first (`make` does it): the cluster program `.build/bin/cluster` (or `LEASEHOLD_CLUSTER`) and, for
//! [`Node::Hollow`], the `hollow` binary of this workspace (or `LEASEHOLD_HOLLOW`).
#![allow(dead_code, unused_imports, reason = "each test binary uses a part of the harness")]

mod apply;
mod audit;
mod chart;
mod cluster;
pub mod definition;
mod guardian;
mod process;
mod prometheus;
pub mod proxy;
mod wait;

pub use apply::Manifest;
pub use audit::Audited;
pub use chart::chart;
pub use cluster::{CRASH_IMAGE, Cluster, FAIL_IMAGE, NEVER_READY_IMAGE, Node, USER_AGENT, beside_cluster_program};
pub use guardian::Guardian;
pub use process::{Launch, Leasehold, Process, hollow_binary, leasehold_binary};
pub use prometheus::Prometheus;
pub use wait::{eventually, watch_until};
