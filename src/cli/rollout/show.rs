//! What there is to see of runs: the list, and one run with why its tenants wait.
use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::super::{
    connect::{Connection, Trouble, listed},
    fleet::{State, TenantRow},
    live::Live,
    output,
    person::Person,
    rollouts::{RolloutView, tone},
    steps,
    table::{Cell, Paint, Table, Tone, age, short},
};
use crate::api::{Phase, Rollout, RolloutStatus, Span};

/// How often a run is looked at again while nothing seems to change.
const TICK: Duration = Duration::from_secs(1);
const GAP: Duration = Duration::from_millis(200);

/// How runs are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
}

/// Show all rollouts that are kept, the newest first.
#[derive(Debug, Args)]
pub struct List {
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    connection: Connection,
}

/// Show one rollout: its waves, what it waits for, and why each of its tenants does.
#[derive(Debug, Args)]
pub struct Status {
    /// Name of the Rollout
    rollout: String,
    /// Wait so long for its end (90s, 2h), telling what changes; exit 0 only when it has succeeded
    #[arg(long, value_name = "TIME", value_parser = span)]
    timeout: Option<Span>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    connection: Connection,
}

fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned())
}

/// One run, and why its tenants wait.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutReport {
    #[serde(flatten)]
    pub rollout: RolloutView,
    pub waits: Vec<WaitGroup>,
}

/// Tenants that wait for the same thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitGroup {
    /// One word: `Soak`, `Approval`, `CrashLoop` ...
    pub reason: String,
    pub state: State,
    pub tenants: Vec<String>,
    /// Since when the first of them waits.
    pub since: Option<Timestamp>,
    /// Until when at the latest the last of them does.
    pub until: Option<Timestamp>,
    pub why: String,
    /// What ends it.
    pub ends: Option<&'static str>,
}

impl RolloutReport {
    /// The run with that status; `rows` are those of the whole fleet.
    #[must_use]
    pub fn new(rollout: &Rollout, status: Option<&RolloutStatus>, rows: &[TenantRow]) -> Self {
        let members: std::collections::HashSet<&str> =
            rollout.spec.waves.iter().flat_map(|wave| &wave.members).map(String::as_str).collect();
        let mut groups: BTreeMap<(&str, &str), WaitGroup> = BTreeMap::new();
        let waits = |row: &&TenantRow| matches!(row.state, State::Waiting | State::Blocked);
        for row in rows.iter().filter(|row| members.contains(row.name.as_str())).filter(waits) {
            let group = groups.entry((&row.reason, &row.note)).or_insert_with(|| WaitGroup::of(row));
            group.tenants.push(row.name.clone());
            group.since = [group.since, row.since].into_iter().flatten().min();
            group.until = group.until.max(row.until);
        }
        Self { rollout: RolloutView::new(rollout, status), waits: groups.into_values().collect() }
    }

    /// For a person.
    #[must_use]
    pub fn lines(&self, now: Timestamp, paint: Paint) -> Vec<String> {
        let mut lines = self.rollout.lines(now, paint);
        if self.waits.is_empty() {
            return lines;
        }
        lines.push(String::new());
        let mut table = Table::indented(["WAITING-ON", "TENANTS", "SINCE", "UNTIL", "WHY"]);
        for group in &self.waits {
            table.row(group.cells(now));
        }
        lines.extend(table.lines(paint));
        lines
    }
}

impl WaitGroup {
    fn of(row: &TenantRow) -> Self {
        Self {
            reason: row.reason.clone(),
            state: row.state,
            tenants: Vec::new(),
            since: row.since,
            until: row.until,
            why: row.note.clone(),
            ends: row.ends,
        }
    }

    fn cells(&self, now: Timestamp) -> Vec<Cell> {
        let tone = if self.state == State::Blocked { Tone::Bad } else { Tone::Busy };
        let ends = self.ends.map_or(String::new(), |ends| format!("; {ends}"));
        let since = self.since.map_or(String::new(), |at| format!("{} ago", age(at, now)));
        let until = self.until.map_or(String::new(), |at| format!("in {}", short(at.duration_since(now))));
        vec![
            Cell::new(&self.reason).toned(tone),
            Cell::new(steps::some(&self.tenants)),
            Cell::new(since),
            Cell::new(until),
            Cell::new(format!("{}{ends}", self.why)),
        ]
    }
}

impl List {
    pub async fn run(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let person = Person::of(&self.connection).await?;
        let mut rollouts: Vec<Rollout> = person.list().await?;
        rollouts.sort_by_key(|rollout| (std::cmp::Reverse(created(rollout)), rollout.metadata.name.clone()));
        match self.output {
            Format::Json => {
                let views: Vec<_> = rollouts.iter().map(|r| RolloutView::new(r, r.status.as_ref())).collect();
                output::print(&output::json(&views, false)?)?;
            }
            Format::Table => print(&list(&rollouts, Timestamp::now(), Paint::for_stdout()))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn created(rollout: &Rollout) -> Option<Timestamp> {
    rollout.metadata.creation_timestamp.as_ref().map(|at| at.0)
}

/// The table of runs, in that order.
fn list(rollouts: &[Rollout], now: Timestamp, paint: Paint) -> Vec<String> {
    if rollouts.is_empty() {
        return vec!["no rollouts: they are made when tenants ask for another version".to_owned()];
    }
    let headers = ["NAME", "OPERATOR", "TARGET", "PHASE", "WAVE", "PROVEN", "FAILED", "AGE", "MESSAGE"];
    let mut table = Table::new(headers);
    for rollout in rollouts {
        let status = rollout.status.clone().unwrap_or_default();
        let view = RolloutView::new(rollout, Some(&status));
        table.row([
            Cell::new(&view.name),
            Cell::new(&view.operator),
            Cell::new(&view.target),
            Cell::new(format!("{:?}", view.phase)).toned(tone(view.phase)),
            Cell::new(status.current_wave.unwrap_or_default()),
            Cell::new(format!("{}/{}", view.proven, view.members)),
            Cell::new(status.failed.to_string()),
            Cell::new(created(rollout).map_or(String::new(), |at| age(at, now))),
            Cell::new(&view.message),
        ]);
    }
    table.lines(paint)
}

fn print(lines: &[String]) -> std::io::Result<()> {
    output::print(&(lines.join("\n") + "\n"))
}

impl Status {
    pub async fn run(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let mut live = Live::open(&self.connection, self.timeout.is_some()).await?;
        live.notes.iter().for_each(|note| eprintln!("note: {note}"));
        let mut report = self.look(&mut live)?;
        let Some(timeout) = self.timeout else {
            self.print(&report)?;
            return Ok(ExitCode::SUCCESS);
        };
        let deadline = Instant::now() + timeout.get();
        let mut said = String::new();
        while !settled(report.rollout.phase) && Instant::now() < deadline {
            let line = format!("{:?}: {}", report.rollout.phase, report.rollout.message);
            if self.output == Format::Table && line != said {
                print(std::slice::from_ref(&line))?;
                said = line;
            }
            live.follow(GAP, TICK.min(deadline.saturating_duration_since(Instant::now()))).await?;
            report = self.look(&mut live)?;
        }
        self.print(&report)?;
        match report.rollout.phase {
            Phase::Succeeded => Ok(ExitCode::SUCCESS),
            phase if settled(phase) => Err(Trouble::Unclear(format!("{} is {phase:?}", self.rollout)).into()),
            phase => Err(Trouble::Unclear(format!("{} is {phase:?} after {timeout}: not done", self.rollout)).into()),
        }
    }

    fn look(&self, live: &mut Live) -> Result<RolloutReport, Trouble> {
        live.rollout(&self.rollout).ok_or_else(|| {
            let known: Vec<&String> = live.world().rollouts.keys().collect();
            Trouble::Absent { object: format!("Rollout {}", self.rollout), known: listed(&known) }
        })
    }

    fn print(&self, report: &RolloutReport) -> Result<(), Box<dyn std::error::Error>> {
        match self.output {
            Format::Json => Ok(output::print(&output::json(report, false)?)?),
            Format::Table => Ok(print(&report.lines(Timestamp::now(), Paint::for_stdout()))?),
        }
    }
}

/// Whether waiting longer is of no use: it has ended, or a person must act.
const fn settled(phase: Phase) -> bool {
    phase.ended() || matches!(phase, Phase::Halted)
}
