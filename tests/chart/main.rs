//! What the chart makes the API server hold, whatever Leasehold's code does: its admission policies and its rights.

#[path = "../support/mod.rs"]
mod support;

mod beside;
mod definitions;
mod eviction;
mod marks;
mod rights;
mod shared_crds;
