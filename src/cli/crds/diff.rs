//! `leasehold crds diff OLD NEW`: what lies between two sets of definitions, for a fleet in which old and new operators run
//! against the same ones. A check of its own for pull requests: it needs no cluster unless one is named.
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use super::{cluster::Cluster, findings, read};
use crate::{
    cli::{
        connect::Connection,
        output,
        table::{Paint, Table, Tone, one_line},
    },
    domain::{crd::Definition, marks},
    plan::crds::{Finding, Findings, Verdict, Waivers, compare},
};

/// The word for what the cluster has.
const CLUSTER: &str = "cluster";

/// What is compared, with whom, and how it is printed.
#[derive(Debug, Args)]
pub struct Diff {
    /// File or folder (YAML, JSON; CustomResourceDefinitions and OperatorReleases), or `cluster`
    old: PathBuf,
    /// The same; `./cluster` for a folder of that name
    new: PathBuf,
    /// A finding that is answered for, as its <path>=<rule>; only of verdict Scan. May be repeated
    #[arg(long, value_name = "PATH=RULE")]
    waive: Vec<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    connection: Connection,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
}

/// What was found of all definitions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    crds: Vec<Compared>,
    /// Findings that refuse.
    refusing: usize,
    notes: Vec<String>,
}

/// One definition, held against another one of its name.
#[derive(Debug, Serialize)]
struct Compared {
    name: String,
    change: Change,
    #[serde(flatten)]
    findings: Findings,
}

/// What became of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Change {
    Same,
    Changed,
    Added,
    Removed,
}

/// Definitions by name.
type Side = BTreeMap<String, Value>;

impl Diff {
    /// Compares, and prints.
    ///
    /// # Errors
    /// Files that cannot be read, definitions that are none, and [`crate::cli::connect::Trouble`].
    pub async fn run(&self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let mut notes = Vec::new();
        let (old, new, mut waived) = self.sides(&mut notes).await?;
        waived.extend(self.waive.iter().cloned());
        let waivers =
            Waivers::parse(&waived.join(",")).map_err(|why| format!("--waive, or {}: {why}", marks::WAIVE))?;
        let report = Report::new(&old, &new, &waivers, notes)?;
        match self.output {
            Format::Json => output::print(&output::json(&report, false)?)?,
            Format::Table => {
                report.notes.iter().for_each(|note| eprintln!("note: {}", one_line(note)));
                let lines = report.lines(Paint::for_stdout());
                output::print(&lines.into_iter().map(|line| line + "\n").collect::<String>())?;
            }
        }
        Ok(if report.refusing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Both sides, and the waivers of the releases on the new one. Of the cluster only what the other side names is looked at:
    /// what else it has is somebody else's.
    async fn sides(&self, notes: &mut Vec<String>) -> Result<(Side, Side, Vec<String>), Box<dyn std::error::Error>> {
        let [old, new] = [&self.old, &self.new].map(|path| (path.as_os_str() != CLUSTER).then_some(path));
        let mut files = |path: Option<&PathBuf>| -> Result<Option<read::Brought>, read::ReadError> {
            let brought = path.map(|path| read::definitions(std::slice::from_ref(path))).transpose()?;
            notes.extend(brought.iter().flat_map(|brought| brought.notes.iter().cloned()));
            Ok(brought)
        };
        let (old, new) = (files(old)?, files(new)?);
        let waived = new.iter().flat_map(|new| &new.releases).filter_map(waivers_of).collect();
        let (old, new) = (old.map(|old| old.definitions), new.map(|new| new.definitions));
        let (old, new) = match (old, new) {
            (Some(old), Some(new)) => (old, new),
            (None, Some(new)) => (Cluster::of(&self.connection).await?.definitions(new.keys()).await?, new),
            (Some(old), None) => {
                let new = Cluster::of(&self.connection).await?.definitions(old.keys()).await?;
                (old, new)
            }
            (None, None) => return Err("OLD and NEW are the same cluster: name files for one of them".into()),
        };
        if old.is_empty() && new.is_empty() {
            return Err("there is no CustomResourceDefinition on either side".into());
        }
        Ok((old, new, waived))
    }
}

/// What a release answers for.
pub(super) fn waivers_of(release: &crate::api::OperatorRelease) -> Option<String> {
    release.metadata.annotations.as_ref()?.get(marks::WAIVE).cloned()
}

/// A definition as it is compared.
///
/// # Errors
/// Why it is none.
pub(super) fn definition(name: &str, object: &Value) -> Result<Definition, String> {
    Definition::parse(object).map_err(|why| format!("CustomResourceDefinition {name} {why}"))
}

/// What a definition that is only on one side is, as a finding.
fn alone(rule: &'static str, verdict: Verdict, why: &str) -> Findings {
    let finding =
        Finding { path: String::new(), version: String::new(), rule, verdict, why: why.into(), waived: false };
    Findings { all: vec![finding], ..Findings::default() }
}

impl Report {
    fn new(old: &Side, new: &Side, waivers: &Waivers, mut notes: Vec<String>) -> Result<Self, String> {
        let mut crds = Vec::new();
        for (name, object) in new {
            let wanted = definition(name, object)?;
            let (change, findings) = match old.get(name).map(|object| definition(name, object)).transpose()? {
                None => (Change::Added, alone("definition-added", Verdict::Ok, "only NEW has it: it is created")),
                Some(old) if old == wanted => (Change::Same, Findings::default()),
                Some(old) => (Change::Changed, compare(&old, &wanted, waivers)),
            };
            crds.push(Compared { name: name.clone(), change, findings });
        }
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            definition(name, &old[name])?;
            let why = "only OLD has it: it stays, with all its objects, until somebody deletes it";
            let findings = alone("definition-removed", Verdict::Contract, why);
            crds.push(Compared { name: name.clone(), change: Change::Removed, findings });
        }
        crds.sort_by(|a, b| a.name.cmp(&b.name));
        let changed = crds.iter().filter(|crd| crd.change == Change::Changed);
        notes.extend(findings::notes(&changed.map(|crd| (crd.name.as_str(), &crd.findings)).collect::<Vec<_>>()));
        let refusing = crds.iter().map(|crd| crd.findings.refusing().count()).sum();
        Ok(Self { crds, refusing, notes })
    }

    fn all(&self) -> impl Iterator<Item = &Finding> {
        self.crds.iter().flat_map(|crd| &crd.findings.all)
    }

    fn lines(&self, paint: Paint) -> Vec<String> {
        let mut table = Table::new(["VERDICT", "CRD", "VERSION", "PATH", "RULE", "WHY"]);
        let mut omitted = Vec::new();
        for Compared { name, findings, .. } in &self.crds {
            for finding in &findings.all {
                let Finding { path, version, rule, why, .. } = finding;
                table.row([findings::cell(finding), name.into(), version.into(), path.into(), rule.into(), why.into()]);
            }
            if findings.omitted > 0 {
                omitted.push(format!("... and {} more of {name}, none of them worse", findings.omitted));
            }
        }
        let mut lines = if self.all().next().is_some() { table.lines(paint) } else { Vec::new() };
        lines.extend(omitted);
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(findings::legend(self.all()));
        let tone = if self.refusing == 0 { Tone::Good } else { Tone::Bad };
        lines.push(paint.dress(tone, &self.summary()));
        lines
    }

    fn summary(&self) -> String {
        let compared = match self.crds.len() {
            1 => "1 definition".to_owned(),
            n => format!("{n} definitions"),
        };
        let counts = findings::counts(self.all());
        let counts = if counts.is_empty() { "no difference".to_owned() } else { counts };
        let refuses = match self.refusing {
            0 => "nothing refuses".to_owned(),
            1 => "1 finding refuses".to_owned(),
            n => format!("{n} findings refuse"),
        };
        format!("{compared}: {counts}; {refuses}")
    }
}
