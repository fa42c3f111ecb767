//! `leasehold simulate FILE`: a scripted fleet, stepped through the real planner, without a cluster.
mod compact;
mod document;
mod event;
mod script;

use std::{fs, io, path::PathBuf, process::ExitCode};

use clap::Args;

pub use self::document::ScriptError;
use super::output;
use crate::simulate::{self, Script};

/// Exit code for a script that cannot be read, or does what cannot be done.
const BAD: u8 = 2;

const EXAMPLES: &str = r#"Examples:
  # Tell the story of a script
  leasehold simulate story.yaml

  # Of the fleet as it is: what would Friday's bump do?
  (cat bump.yaml; echo ---; kubectl get tenants,operatorreleases,rolloutpolicies,changewindows -o yaml) | leasehold simulate -

A script is one document of kind Simulation, and beside it, in any order, the objects that there are when the story begins: Tenants, OperatorReleases, RolloutPolicies, ChangeWindows, a FleetPolicy, as kubectl takes them. This is one:

  kind: Simulation
  title: A canary that crashes
  start: 2026-03-02T09:00:00Z              # UTC; a Monday
  releases:                                # short for OperatorReleases
  - {operator: memcached, versions: [1.0.0, 1.1.0, 1.1.1]}
  tenants:                                 # short for Tenants; they run when the story begins
  - {names: [acme, bolt], operator: memcached, version: 1.0.0, labels: {ring: canary}}
  - {names: "t-{01..20}", operator: memcached, version: 1.0.0}
  fates:                                   # what becomes of versions; else: Ready after 20s
  - {version: 1.1.0, tenants: [bolt], is: CrashLoop, after: 30s}
  events:                                  # at: a time, or so long after the start
  - {at: 1m, ask: {version: 1.1.0}}        # tenants: [...] or matchLabels: {...}; else all
  - {at: 10m, ask: {version: 1.1.1, tenants: [bolt]}}
  - {at: 2026-03-02T10:00:00Z, skip: {rollout: memcached-1.1.0-1, tenants: [bolt]}}

What can become of a version (is): Ready, NotReady, CrashLoop, ImagePull; and then: [{is: NotReady, after: 5m}, {is: Ready, after: 1m}].
What can happen (one an event):
  ask      {version, tenants, matchLabels}         tenants ask for a version
  apply    an object, or a list of objects         as kubectl apply
  edit     {object: Tenant/acme, merge: {...}}     as kubectl patch --type merge
  delete   Tenant/acme, or a list                  as kubectl delete
  suspend, abort, undo   the name of a Rollout
  resume   {rollout, additionalFailures}
  skip     {rollout, tenants}
  approve, reject        {rollout, wave, gate, by, comment}
  hold     {tenants, name, reason, until}, and release {tenants, name}
  stop     {reason}, and go {}                     the emergency brake
  fate     as one of fates, from then on
  newLeader {}                                     Leasehold's leader gives its Lease back
  crash    {afterWrites, leaderless}               it dies after so many more writes; 17s nobody leads

In the transcript `>` is what the script does; rollout and tenant what their events say; waits why tenants wait. The same script gives the same transcript.

Exit code: 0 told; 2 a script that cannot be read, or that does what cannot be done, with the line."#;

/// Tell what Leasehold would do with a scripted fleet, without a cluster.
///
/// Steps the operator's own planner through the script: waves, budgets, soaks, windows, approvals, failures, crashes of
/// Leasehold. Prints a transcript: when, what happened, who went, who waits and why. Reads the file and nothing else.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Simulate {
    /// The script; `-` for standard input
    file: PathBuf,
}

impl Simulate {
    /// Tells the story.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn run(&self) -> io::Result<ExitCode> {
        let name = self.file.display().to_string();
        let text = if name == "-" { io::read_to_string(io::stdin()) } else { fs::read_to_string(&self.file) };
        let told = match text {
            Ok(text) => tell(&name, &text),
            Err(why) => Err(format!("cannot read {name}: {why}")),
        };
        match told {
            Ok(transcript) => output::print(&transcript).map(|()| ExitCode::SUCCESS),
            Err(why) => {
                eprintln!("error: {why}");
                Ok(ExitCode::from(BAD))
            }
        }
    }
}

/// The transcript of a script. `name` is what errors call the file.
///
/// # Errors
/// What is wrong with the script, and where.
pub fn tell(name: &str, text: &str) -> Result<String, String> {
    let script = read(text).map_err(|error| format!("{name}: {error}"))?;
    simulate::tell(&script).map_err(|why| format!("{name}: {why}"))
}

/// Reads a script.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read(text: &str) -> Result<Script, ScriptError> {
    let documents = document::split(text)?;
    script::script(documents)
}
