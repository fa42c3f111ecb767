//! `leasehold crds`: what a release's CustomResourceDefinitions would do to a fleet, and those of Leasehold's own kinds as files.
mod cluster;
mod course;
mod diff;
mod findings;
mod plan;
pub mod read;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use super::report;
use crate::api;

/// Exit code for what cannot be compared at all.
const BROKEN: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  # In a pull request of an operator: may a fleet go from these definitions to those?
  leasehold crds diff old/crds config/crd/bases

  # Against what the cluster has; a finding that somebody answers for
  leasehold crds diff cluster config/crd/bases --waive spec.size=maximum-tightened

  # For programs
  leasehold crds diff old.yaml new.yaml -o json | jq '.crds[].findings[]'

  # The steps that a release's definitions would take, before it is installed
  leasehold crds plan release-2.0.0.yaml

  # The same without a cluster, from the definitions of another release
  leasehold crds plan release-2.0.0.yaml --from release-1.1.0.yaml

  # The definitions of Leasehold's own kinds
  leasehold crds generate --dir crds

Exit code: 0 nothing refuses; 1 something does; 2 it cannot be said, and why. Nothing is written to a cluster.";

/// See what a release's CustomResourceDefinitions would do to a fleet: diff, plan.
///
/// All tenants share one set of definitions, while they run different versions of an operator. A change is safe at once, or waits
/// for the last tenant, or for a release that ends what others had; or it is refused, with the reason and what would avoid it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Crds {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Compare two sets of definitions, for a fleet in which old and new operators run against the same ones.
    ///
    /// OLD and NEW are each a file (YAML of one or more documents, or JSON), a folder, or the word `cluster`. OperatorReleases
    /// count as what they bring, and those on the NEW side waive what their annotation `leasehold.dev/waive` names. Of the cluster
    /// only definitions are looked at that the other side has.
    #[command(after_help = EXAMPLES)]
    Diff(diff::Diff),
    /// Show the steps that a release's definitions would take from what the cluster has.
    ///
    /// For each definition, from P0 to P8: what is written, which findings it takes, and what it waits for; then what needs a
    /// later release that says `contract: true`. Nothing is written.
    #[command(after_help = EXAMPLES)]
    Plan(plan::Plan),
    /// Write the definitions of Leasehold's own kinds, one YAML file a kind, as they are in crds/ and in the chart leasehold-crds.
    Generate {
        /// Where to write; without it everything goes to standard output.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

impl Crds {
    /// Compares, plans, or writes the definitions.
    ///
    /// # Errors
    /// A file cannot be written. What cannot be compared is said here, and ends with an exit code of its own.
    pub async fn run(self) -> Result<ExitCode, Box<dyn Error>> {
        let said = match &self.verb {
            Verb::Diff(diff) => diff.run().await,
            Verb::Plan(plan) => plan.run().await,
            Verb::Generate { dir } => return generate(dir.as_deref()),
        };
        Ok(said.unwrap_or_else(|error| {
            report(error.as_ref());
            ExitCode::from(BROKEN)
        }))
    }
}

fn generate(dir: Option<&Path>) -> Result<ExitCode, Box<dyn Error>> {
    for crd in api::crds() {
        let text = serde_saphyr::to_string(&serde_json::to_value(&crd)?)?;
        match dir {
            Some(dir) => {
                fs::create_dir_all(dir)?;
                fs::write(dir.join(format!("{}.yaml", crd.spec.names.plural)), text)?;
            }
            None => println!("---\n{text}"),
        }
    }
    Ok(ExitCode::SUCCESS)
}
