//! `leasehold crds generate`: the CustomResourceDefinitions as files.
pub mod read;

use std::{fs, path::PathBuf, process::ExitCode};

use crate::api;
use clap::{Args, Subcommand};

/// Work with the CustomResourceDefinitions of Leasehold's own kinds.
#[derive(Debug, Args)]
pub struct Crds {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write one YAML file a kind, as they are in crds/ and in the chart leasehold-crds.
    Generate {
        /// Where to write; without it everything goes to standard output.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

impl Crds {
    /// Writes the definitions.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn run(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let Verb::Generate { dir } = self.verb;
        for crd in api::crds() {
            let text = serde_saphyr::to_string(&serde_json::to_value(&crd)?)?;
            match &dir {
                Some(dir) => {
                    fs::create_dir_all(dir)?;
                    fs::write(dir.join(format!("{}.yaml", crd.spec.names.plural)), text)?;
                }
                None => println!("---\n{text}"),
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
