//! The command line: what it prints of a fleet, and the program itself where it needs no cluster.
mod crds;
#[allow(dead_code, reason = "shared with the suite `tenant`, each of which uses a part")]
mod model;
mod new_release;
mod pages;
mod program;
mod rendering;
