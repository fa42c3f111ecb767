//! `leasehold explain TENANT`: why a tenant is where it is; what it waits for, since when, until when, and what ends it.
//! From the tenant's one report, as everything else that is said of it.
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    connect::Connection,
    fleet::{State, TenantRow},
    live::Live,
    output,
    rollouts::RolloutView,
    status,
    table::{Cell, Paint, Table, Tone, age, short},
    tenant::TenantView,
};
use crate::{
    api::Rollout,
    domain::world::World,
    plan::{Plan, Planner},
};

const EXAMPLES: &str = "\
Examples:
  # Why is acme not on the new version yet?
  leasehold explain acme

  # For programs: the reason, since, until, and what ends it
  leasehold explain acme -o json | jq '{reason, since, until, ends}'

Exit code: 0 explained; 1 not. How the tenant is does not change it.";

/// Explain why a tenant is where it is: what it waits for, since when, until when, and what ends it.
///
/// Asks the operator's own planner about the live cluster. Never writes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Explain {
    /// Name of the Tenant
    tenant: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// Why a tenant is where it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    #[serde(flatten)]
    pub row: TenantRow,
    /// What Leasehold would do next for it.
    pub next_step: Option<String>,
    /// The run that is to take it where it asks to go.
    pub rollout: Option<Place>,
}

/// A tenant's place in a run that has not ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    pub name: String,
    pub target: String,
    pub phase: crate::api::Phase,
    pub message: String,
    pub wave: String,
    /// Which of the waves that is, from 1.
    pub wave_number: usize,
    pub waves: usize,
    /// Its turn in the wave, from 1, and of how many.
    pub turn: usize,
    pub members: usize,
}

impl Explain {
    /// Looks, and prints.
    ///
    /// # Errors
    /// [`super::connect::Trouble`], or standard output that cannot be written.
    pub async fn run(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let mut live = Live::open(&self.connection, false).await?;
        let Some(explained) = live.explain(&self.tenant) else {
            return Err(status::nobody(&self.tenant, live.world()).into());
        };
        live.notes.iter().for_each(|note| eprintln!("note: {note}"));
        match self.output {
            Format::Json => output::print(&output::json(&explained, false)?)?,
            Format::Text => {
                let lines = explained.lines(Timestamp::now(), Paint::for_stdout());
                output::print(&lines.into_iter().map(|line| line + "\n").collect::<String>())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Explained {
    /// The tenant of that name; with a planner and its plan as it is now, without as Leasehold last wrote it down.
    #[must_use]
    pub fn new(name: &str, world: &World, planned: Option<(&Planner, &Plan)>) -> Option<Self> {
        let TenantView { row, next_step, .. } = TenantView::new(name, world, planned.map(|(planner, _)| planner))?;
        let open = |rollout: &&Rollout| rollout.status.as_ref().is_none_or(|status| !status.phase.ended());
        let mut runs: Vec<&Rollout> = world.rollouts.values().filter(open).collect();
        // The one that moves it, or will first.
        runs.sort_by_key(|run| (run.spec.target.version != row.desired, run.spec.sequence));
        let status = |run: &Rollout| {
            let name = run.metadata.name.clone().unwrap_or_default();
            planned.and_then(|(_, plan)| plan.rollouts.status.get(&name)).or(run.status.as_ref()).cloned()
        };
        let place = |run: &&Rollout| Place::of(name, &RolloutView::new(run, status(run).as_ref()).with_tenants(run));
        let rollout = runs.iter().filter(|_| row.state != State::Done).find_map(place);
        Some(Self { row, next_step, rollout })
    }

    /// For a person.
    #[must_use]
    pub fn lines(&self, now: Timestamp, paint: Paint) -> Vec<String> {
        let row = &self.row;
        let runs = row.version.as_ref().map_or("runs nothing yet".to_owned(), |version| format!("runs {version}"));
        let asks = match &row.version {
            Some(version) if *version == row.desired => String::new(),
            _ => format!(" and asks for {}", row.desired),
        };
        let title = format!("Tenant {} of {} {runs}{asks}: ", row.name, row.operator);
        let mut lines = vec![paint.dress(Tone::Strong, &title) + &paint.dress(row.tone(), &self.headline())];
        let mut table = Table::indented(["", ""]);
        for (label, text) in self.facts(now) {
            table.row([Cell::new(format!("{label}:")), Cell::new(text)]);
        }
        lines.extend(table.lines(paint));
        lines
    }

    fn headline(&self) -> String {
        let reason = &self.row.reason;
        match self.row.state {
            State::Done => "as it asks".into(),
            State::Moving => format!("on its way ({reason})"),
            State::Waiting => format!("waits for {reason}"),
            State::Blocked => format!("stalled, a person must act ({reason})"),
        }
    }

    fn facts(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let row = &self.row;
        let seconds = |at: Timestamp| crate::api::Time::seconds(at).0;
        let since = row.since.map(|at| format!("{}, {} ago", seconds(at), age(at, now)));
        let until = row.until.map(|at| format!("{} at the latest, in {}", seconds(at), short(at.duration_since(now))));
        let run = self
            .rollout
            .as_ref()
            .map(|place| format!("{} to {}, {:?}: {}", place.name, place.target, place.phase, place.message));
        let wave = self.rollout.as_ref().map(|place| {
            let Place { wave, wave_number, waves, turn, members, .. } = place;
            format!("{wave} ({wave_number} of {waves}), {turn} of {members} in it")
        });
        let facts = [
            ("Why", Some(row.note.clone())),
            ("Since", since),
            ("Until", until),
            ("Ends", row.ends.map(|ends| ends.strip_prefix("ends ").unwrap_or(ends).to_owned())),
            ("Next step", self.next_step.clone()),
            ("Rollout", run),
            ("Wave", wave),
        ];
        facts.into_iter().filter_map(|(label, text)| Some((label, text.filter(|text| !text.is_empty())?))).collect()
    }
}

impl Place {
    fn of(tenant: &str, run: &RolloutView) -> Option<Self> {
        let (at, wave) =
            run.waves.iter().enumerate().find(|(_, wave)| wave.tenants.iter().any(|name| name == tenant))?;
        let turn = wave.tenants.iter().position(|name| name == tenant)?;
        Some(Self {
            name: run.name.clone(),
            target: run.target.clone(),
            phase: run.phase,
            message: run.message.clone(),
            wave: wave.name.clone(),
            wave_number: at + 1,
            waves: run.waves.len(),
            turn: turn + 1,
            members: wave.tenants.len(),
        })
    }
}
