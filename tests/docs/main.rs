//! What the documentation says is so: its command lines are understood, its manifests are taken by an API server, and its
//! tutorial, run line by line, does what it tells.

#[path = "../support/mod.rs"]
mod support;

mod blocks;
mod commands;
mod manifests;
mod shell;
mod story;
