//! `kubectl leasehold`: the same command line as a kubectl plugin.
use std::process::ExitCode;

fn main() -> ExitCode {
    leasehold::cli::main("kubectl leasehold")
}
