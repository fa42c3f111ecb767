//! `leasehold`: the operator and its command line.
use std::process::ExitCode;

/// A fleet's churn leaves holes that the system's allocator never gives back: half of the process would be holes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    leasehold::cli::main("leasehold")
}
