//! The ten facts about CRDs that the steps of a shared CRD's upgrade rest on, each seen on the real API server.
//!
//! A test that fails says that an API server no longer does what a step guards against: read the step again before the
//! fact is struck out. What of a fact cannot be shown with one API server is said at its test.

#[path = "../support/mod.rs"]
mod support;

mod api;
mod flight;
mod reads;
mod writes;
