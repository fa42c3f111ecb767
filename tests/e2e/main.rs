//! Leasehold on a real API server, from end to end: each test is a story about a few tenants of an operator of its own.
//!
//! `LEASEHOLD_E2E_NODE=hollow` runs the same stories without containers. Tests share one cluster and one Leasehold
//! process, and keep to tenants of their own; one that stops processes or counts requests starts a cluster for itself.

#[path = "../support/mod.rs"]
mod support;

mod fleet;
mod looks;
mod runs;

mod adopt;
mod bad_input;
mod counts;
mod drift;
mod gates;
mod handover;
mod offboard;
mod onboard;
mod paused;
mod polling;
mod prune;
mod status_lost;
mod unlabelled;
mod waves;
