//! `leasehold`: the operator and its command line.
use std::process::ExitCode;

fn main() -> ExitCode {
    leasehold::cli::main("leasehold")
}
