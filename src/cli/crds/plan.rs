//! `leasehold crds plan RELEASE`: the steps that the definitions of a release would take from what the cluster has, before
//! anything is written. Never writes.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use semver::Version;
use serde::Serialize;
use serde_json::Value;

use super::{
    cluster::Cluster,
    course::{Course, Ends},
    diff::{Format, definition, waivers_of},
    findings,
    read::{self, OfRelease},
};
use crate::{
    api::OperatorRelease,
    cli::{
        connect::Connection,
        output,
        table::{Cell, Paint, Table, Tone, one_line},
    },
    domain::{marks, world::World},
    observe,
    plan::crds::{Finding, Waivers},
};

/// Which release, from where, and how it is printed.
#[derive(Debug, Args)]
pub struct Plan {
    /// File with an OperatorRelease (and the ConfigMaps that it names), or the name of one in the cluster
    release: String,
    /// Begin at the definitions in this file or folder instead of the cluster's
    #[arg(long, value_name = "PATH")]
    from: Option<PathBuf>,
    /// A finding to answer for, as its <path>=<rule>, beside those that the release waives. May be repeated
    #[arg(long, value_name = "PATH=RULE")]
    waive: Vec<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    connection: Connection,
}

/// The way of all definitions of a release.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    release: String,
    operator: String,
    version: String,
    crds: Vec<Course>,
    /// Writes of definitions in total.
    writes: usize,
    refused: bool,
    notes: Vec<String>,
}

/// Definitions by name.
type Side = BTreeMap<String, Value>;

type Said<T> = Result<T, Box<dyn std::error::Error>>;

impl Plan {
    /// Plans, and prints.
    ///
    /// # Errors
    /// Files that cannot be read, definitions that are none, and [`crate::cli::connect::Trouble`].
    pub async fn run(&self) -> Said<ExitCode> {
        let file = Path::new(&self.release).exists() || self.release == "-";
        let cluster = if file && self.from.is_some() { None } else { Some(Cluster::of(&self.connection).await?) };
        let (release, wanted) = self.release(file, cluster.as_ref()).await?;
        let live = match (&self.from, &cluster) {
            (Some(from), _) => read::definitions(std::slice::from_ref(from))?.definitions,
            (None, Some(cluster)) => cluster.definitions(wanted.iter().map(|wanted| &wanted.name)).await?,
            (None, None) => Side::new(),
        };
        let report = self.report(&release, &wanted, &live)?;
        match self.output {
            Format::Json => output::print(&output::json(&report, false)?)?,
            Format::Table => {
                report.notes.iter().for_each(|note| eprintln!("note: {}", one_line(note)));
                let lines = report.lines(Paint::for_stdout());
                output::print(&lines.into_iter().map(|line| line + "\n").collect::<String>())?;
            }
        }
        Ok(if report.refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// The release, and what it brings. ConfigMaps that are not beside it in the file are asked for in the cluster.
    async fn release(&self, file: bool, cluster: Option<&Cluster>) -> Said<(OperatorRelease, Vec<OfRelease>)> {
        let (release, mut maps) = match cluster {
            Some(cluster) if !file => (cluster.release(&self.release).await?, Vec::new()),
            _ => {
                let read::Brought { mut releases, maps, .. } = read::objects(&[PathBuf::from(&self.release)])?;
                match (releases.pop(), releases.len()) {
                    (Some(release), 0) => (release, maps),
                    (None, _) => return Err(format!("there is no OperatorRelease in {}", self.release).into()),
                    _ => return Err(format!("{} has more than one OperatorRelease: name one", self.release).into()),
                }
            }
        };
        if let Some(cluster) = cluster.filter(|_| maps.is_empty()) {
            maps = cluster.config_maps(&release).await?;
        }
        let mut world = World { crd_maps: observe::crd_maps(&maps), ..World::default() };
        if let Some(cluster) = cluster {
            world.home = cluster.home().await.unwrap_or_default();
        }
        let wanted = read::of_release(&release, &world)?;
        Ok((release, wanted))
    }

    fn report(&self, release: &OperatorRelease, wanted: &[OfRelease], live: &Side) -> Said<Report> {
        let (operator, version) = (release.spec.operator.clone(), release.spec.version.clone());
        let waived: Vec<String> = waivers_of(release).into_iter().chain(self.waive.iter().cloned()).collect();
        let waivers =
            Waivers::parse(&waived.join(",")).map_err(|why| format!("--waive, or {}: {why}", marks::WAIVE))?;
        let (mut crds, mut notes) = (Vec::new(), Vec::new());
        for OfRelease { name, object, contract } in wanted {
            let target = definition(name, object)?;
            let found = live.get(name);
            let live = found.map(|object| definition(name, object)).transpose()?;
            let stored = found.map(stored_versions).unwrap_or_default();
            let ends = Ends {
                live: live.as_ref(),
                stored: &stored,
                target: &target,
                waivers: &waivers,
                contract: *contract,
                release: &format!("{operator} {version}"),
            };
            let course = Course::new(&ends);
            if self.from.is_none() {
                notes.extend(found.into_iter().flat_map(|live| kept_by(name, live, (&operator, &version))));
            }
            crds.push(course);
        }
        let changed = crds.iter().filter(|course: &&Course| !course.findings.all.is_empty());
        notes.extend(findings::notes(
            &changed.map(|course| (course.crd.as_str(), &course.findings)).collect::<Vec<_>>(),
        ));
        let writes = crds.iter().map(|course| course.writes).sum();
        let refused = crds.iter().any(|course| course.refused);
        let release = release.metadata.name.clone().unwrap_or_default();
        Ok(Report { release, operator, version, crds, writes, refused, notes })
    }
}

/// The versions that objects may be stored at; without a status, the storage version.
fn stored_versions(live: &Value) -> Vec<String> {
    let said = live.pointer("/status/storedVersions").and_then(Value::as_array);
    let versions = live.pointer("/spec/versions").and_then(Value::as_array);
    let storage = versions.into_iter().flatten().filter(|version| version["storage"] == true);
    match said.filter(|said| !said.is_empty()) {
        Some(said) => said.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        None => storage.filter_map(|version| version["name"].as_str()).map(ToOwned::to_owned).collect(),
    }
}

/// What keeps Leasehold from writing a definition, by its marks.
fn kept_by(name: &str, live: &Value, (operator, version): (&str, &str)) -> Vec<String> {
    let mut said = Vec::new();
    let mark = |of: &str, key: &str| live["metadata"][of][key].as_str().map(ToOwned::to_owned);
    if mark("labels", marks::SHARED_CRD).as_deref() != Some("true") {
        said.push(format!(
            "CustomResourceDefinition {name} is somebody else's: Leasehold writes it once it is handed over: kubectl label crd {name} {}=true",
            marks::SHARED_CRD
        ));
    }
    let unlocked = mark("annotations", marks::CRD_UNLOCKED).unwrap_or_default();
    let mut entries = unlocked.split(',').filter_map(|entry| entry.trim().split_once('='));
    let taken = entries.find(|(whose, _)| *whose == operator).and_then(|(_, taken)| Version::parse(taken).ok());
    if let (Some(taken), Ok(version)) = (taken, Version::parse(version))
        && version < taken
    {
        said.push(format!(
            "CustomResourceDefinition {name} was taken to {operator} {taken}: an older release is never merged into it any more"
        ));
    }
    said
}

impl Report {
    fn lines(&self, paint: Paint) -> Vec<String> {
        let mut lines = Vec::new();
        for course in &self.crds {
            lines.extend(course.lines(paint));
            lines.push(String::new());
        }
        let findings = self.crds.iter().flat_map(|course| &course.findings.all);
        lines.extend(findings::legend(findings));
        let writes = if self.writes == 1 { "1 write".to_owned() } else { format!("{} writes", self.writes) };
        let (tone, said) = if self.refused {
            (Tone::Bad, "refused: nothing is written, and no tenant is granted it".to_owned())
        } else {
            (Tone::Good, format!("{writes} of CustomResourceDefinitions in total"))
        };
        lines.push(paint.dress(tone, &format!("{} {}: {said}", self.operator, self.version)));
        lines
    }
}

impl Course {
    fn lines(&self, paint: Paint) -> Vec<String> {
        let title = format!("CustomResourceDefinition {}", self.crd);
        let mut lines = vec![paint.dress(Tone::Strong, &title)];
        let mut table = Table::indented(["STEP", "WRITES", "DOES", "WAITS FOR"]);
        for leg in &self.steps {
            let writes = if leg.writes == 0 { String::new() } else { leg.writes.to_string() };
            let waits = leg.waits_for.clone().unwrap_or_default();
            table.row([Cell::new(leg.step.name()), Cell::new(writes), Cell::new(&leg.does), Cell::new(waits)]);
        }
        lines.extend(table.lines(paint));
        let mut table = Table::indented(["TAKEN AT", "VERDICT", "VERSION", "PATH", "RULE", "WHY"]);
        let mut row = |at: String, finding: &Finding| {
            let Finding { path, version, rule, why, .. } = finding;
            let [path, version, why] = [path, version, why].map(Cell::new);
            table.row([Cell::new(at), findings::cell(finding), version, path, Cell::new(rule), why]);
        };
        for leg in &self.steps {
            for finding in &leg.findings {
                row(leg.step.name(), finding);
            }
        }
        let rest: Vec<&Finding> =
            if self.refused { self.findings.all.iter().collect() } else { self.kept.iter().collect() };
        let at = if self.refused { "never" } else { "later" };
        for finding in &rest {
            row(at.into(), finding);
        }
        if !rest.is_empty() || self.steps.iter().any(|leg| !leg.findings.is_empty()) {
            lines.extend(table.lines(paint));
        }
        if self.findings.omitted > 0 {
            lines.push(format!("  ... and {} more, none of them worse", self.findings.omitted));
        }
        lines
    }
}
