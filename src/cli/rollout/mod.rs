//! `leasehold rollout`: to see a run, and to say a person's word to it.
mod decide;
mod show;
mod words;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub use self::show::{RolloutReport, WaitGroup};
use super::person::Saying;

const EXAMPLES: &str = r#"Examples:
  # All runs that are kept, the newest first
  leasehold rollout list

  # One run: its waves, and why the rest waits
  leasehold rollout status memcached-1.1.0-7

  # In a pipeline: wait until it is done; anything else is a failure
  leasehold rollout status memcached-1.1.0-7 --timeout 2h

  # Grant nobody for now, and go on
  leasehold rollout suspend memcached-1.1.0-7
  leasehold rollout resume memcached-1.1.0-7

  # After a halt: leave a tenant out, or tolerate one failure more
  leasehold rollout skip memcached-1.1.0-7 acme
  leasehold rollout resume memcached-1.1.0-7 --additional-failures 1

  # Open the gate that it waits at, or halt it there
  leasehold rollout approve memcached-1.1.0-7 --comment "canary looks well"
  leasehold rollout reject memcached-1.1.0-7 --comment "error rate is up"

  # End it where it is; or take back whom it moved
  leasehold rollout abort memcached-1.1.0-7
  leasehold rollout undo memcached-1.1.0-7

What is written is written with your own rights: patch rollouts, create rolloutapprovals (docs/cli.md). With --dry-run nothing is.

Exit code: 0 shown, or said; 1 not, and why. With --timeout: 0 only when the run has succeeded."#;

/// See a rollout, or say a word to it: suspend, resume, approve, reject, skip, abort, undo.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RolloutVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(show::List),
    Status(show::Status),
    Suspend(words::Suspend),
    Resume(words::Resume),
    Approve(decide::Approve),
    Reject(decide::Reject),
    Skip(words::Skip),
    Abort(words::Abort),
    Undo(words::Undo),
}

/// A run by its name.
#[derive(Args, Debug)]
pub struct Named {
    /// Name of the Rollout
    rollout: String,
    #[command(flatten)]
    saying: Saying,
}

impl RolloutVerb {
    /// Does it.
    ///
    /// # Errors
    /// [`super::connect::Trouble`], or standard output that cannot be written.
    pub async fn run(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        match self.verb {
            Verb::List(list) => list.run().await,
            Verb::Status(status) => status.run().await,
            Verb::Suspend(verb) => verb.run().await,
            Verb::Resume(verb) => verb.run().await,
            Verb::Approve(verb) => verb.run().await,
            Verb::Reject(verb) => verb.run().await,
            Verb::Skip(verb) => verb.run().await,
            Verb::Abort(verb) => verb.run().await,
            Verb::Undo(verb) => verb.run().await,
        }
    }
}
