//! What acts on shared CRDs and on what is stored of them, against a real API server: nothing here is planned, each step is given.

#[path = "../support/mod.rs"]
mod support;

mod definitions;
mod expired;
mod judged;
mod owners;
mod pages;
mod scene;
