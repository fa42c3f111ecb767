//! `leasehold`: the operator and its command line.
use std::process::ExitCode;

/// After a burst the system's allocator keeps several times of what is in use; this one gives it back within a second (its
/// settings are in `.cargo/config.toml`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    leasehold::cli::main("leasehold")
}
