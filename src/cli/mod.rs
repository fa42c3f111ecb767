//! The verbs of `leasehold` and `kubectl leasehold`, over the same observe → plan as the operator.
mod access;
mod connect;
mod crds;
mod definitions;
pub mod explain;
pub mod files;
pub mod fleet;
mod hold;
mod live;
mod new_release;
pub mod output;
mod person;
pub mod plan;
pub mod render;
pub mod rollout;
pub mod rollouts;
pub mod screen;
pub mod simulate;
pub mod status;
mod steps;
pub mod summary;
pub mod table;
pub mod tenant;
pub mod upgrades;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::run::{self, telemetry};

/// Fleet manager for the operator-per-tenant pattern on Kubernetes.
///
/// A Tenant is a customer. For each one Leasehold stamps out an operator stack of its own, keeps it from drifting, and moves
/// the fleet from one operator version to the next in waves.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the operator.
    Run(run::Options),
    Status(status::Status),
    Explain(explain::Explain),
    Plan(plan::PlanVerb),
    Rollout(rollout::RolloutVerb),
    Hold(hold::Hold),
    Release(hold::Release),
    Stop(hold::Stop),
    Go(hold::Go),
    Render(render::Render),
    Simulate(simulate::Simulate),
    Crds(crds::Crds),
}

/// Runs the verb that was asked for. `name` is how the program was called: `leasehold` or `kubectl leasehold`.
#[must_use]
pub fn main(name: &'static str) -> ExitCode {
    let command = command(name);
    let cli =
        match command.try_get_matches().and_then(|matches| <Cli as clap::FromArgMatches>::from_arg_matches(&matches)) {
            Ok(cli) => cli,
            Err(error) => error.exit(),
        };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let result = runtime.block_on(dispatch(cli.verb));
    // Whatever a library still has in the background ends with the process.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| fail(error.as_ref()))
}

/// The command line under the name by which it was called; so are its examples.
fn command(name: &'static str) -> clap::Command {
    spoken_as(<Cli as clap::CommandFactory>::command().name(name).bin_name(name), name)
}

fn spoken_as(command: clap::Command, name: &str) -> clap::Command {
    command.mut_subcommands(|verb| {
        let verb = spoken_as(verb, name);
        let Some(examples) = verb.get_after_help().map(ToString::to_string) else { return verb };
        verb.after_help(
            examples.replace("  leasehold ", &format!("  {name} ")).replace("<(leasehold ", &format!("<({name} ")),
        )
    })
}

async fn dispatch(verb: Verb) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match verb {
        Verb::Run(options) => {
            telemetry::start(options.log_format);
            Ok(run::run(options).await?)
        }
        Verb::Status(status) => status.run().await,
        Verb::Explain(explain) => explain.run().await,
        Verb::Plan(plan) => plan.run().await,
        Verb::Rollout(rollout) => rollout.run().await,
        Verb::Hold(hold) => hold.run().await,
        Verb::Release(release) => release.run().await,
        Verb::Stop(stop) => stop.run().await,
        Verb::Go(go) => go.run().await,
        Verb::Render(render) => render.run(),
        Verb::Simulate(simulate) => Ok(simulate.run()?),
        Verb::Crds(crds) => crds.run().await,
    }
}

/// An error as a person reads it: what was wrong, and what it came from.
fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    report(error);
    ExitCode::FAILURE
}

fn report(error: &(dyn std::error::Error + 'static)) {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  because: {cause}");
        source = cause.source();
    }
}
