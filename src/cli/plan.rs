//! `leasehold plan`: what the leader would do now, from the same planner over the live cluster. Never writes.
use std::{collections::BTreeSet, process::ExitCode};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    connect::Connection,
    fleet::{FleetView, State, TenantRow},
    live::Live,
    output,
    rollouts::RolloutView,
    steps,
    summary::Summary,
    table::{Cell, Paint, Table, Tone, one_line, short},
};
use crate::{
    api::Rollout,
    domain::world::World,
    plan::{Plan, Planner, rollout},
};

const EXAMPLES: &str = "\
Examples:
  # What happens next, wave by wave, and why the rest waits
  leasehold plan

  # Before a bump: change the Tenants in a test cluster, then look who would go first
  leasehold plan --context staging

  # The order of the canary wave
  leasehold plan -o json | jq '.rollouts[].waves[0].tenants'

The next step of a tenant is one of several: after each the World is looked at again and the next one is decided. Rollouts are shown as they would be frozen now; tenants that change meanwhile join them.

Exit code: 0 shown; 1 not shown. Nothing is written, whoever runs this.";

/// Show what would happen now, wave by wave, and why the rest waits.
///
/// Reads everything that Leasehold reads, makes the same plan, and prints it. Never writes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanVerb {
    /// How to print
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    output: PlanFormat,
    #[command(flatten)]
    connection: Connection,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    Table,
    /// One JSON document, every tenant in it.
    Json,
}

/// A plan, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanView {
    pub summary: Summary,
    pub rollouts: Vec<PlannedRollout>,
    pub tenants: Vec<PlannedTenant>,
    /// What is done with CustomResourceDefinitions that all tenants share.
    pub crds: Vec<String>,
    pub problems: Vec<String>,
}

/// A run, and whether it is there yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedRollout {
    pub when: When,
    #[serde(flatten)]
    pub rollout: RolloutView,
}

/// When a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum When {
    /// It is there.
    Active,
    /// It is created now.
    Now,
    /// Its tenants wait for more tenants to change, or for another run.
    Later,
}

/// A tenant and its next step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTenant {
    #[serde(flatten)]
    pub row: TenantRow,
    /// Kind of the next write, one word.
    pub step: Option<&'static str>,
    /// The next write in words, unless it only writes down what is seen.
    pub next_step: Option<String>,
}

impl PlanVerb {
    /// Plans, and prints.
    ///
    /// # Errors
    /// [`super::connect::Trouble`], or standard output that cannot be written.
    pub async fn run(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let mut live = Live::open(&self.connection, false).await?.whole()?;
        let plan = live.plan();
        let now = Timestamp::now();
        let view = PlanView::new(live.world(), live.planner(), &plan, now);
        live.notes.iter().for_each(|note| eprintln!("note: {note}"));
        match self.output {
            PlanFormat::Json => output::print(&output::json(&view, false)?)?,
            PlanFormat::Table => {
                let lines = view.lines(now, Paint::for_stdout());
                output::print(&lines.into_iter().map(|line| line + "\n").collect::<String>())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl PlanView {
    /// What that plan of that World says.
    #[must_use]
    pub fn new(world: &World, planner: &Planner, plan: &Plan, now: Timestamp) -> Self {
        let FleetView { summary, tenants, problems, .. } = FleetView::planned(world, planner);
        let step = |row: TenantRow| {
            let step = planner.next(&row.name).and_then(|next| next.step.as_ref());
            let tenant = world.tenants.get(&row.name).and_then(|seen| seen.tenant.as_deref());
            let next_step = step.zip(tenant).and_then(|(step, tenant)| steps::describe(step, tenant));
            PlannedTenant { step: step.map(crate::plan::tenant::Step::name), next_step, row }
        };
        let crds = plan.crds.iter().filter_map(steps::describe_crd).collect();
        Self {
            summary,
            rollouts: rollouts(planner, plan, now),
            tenants: tenants.into_iter().map(step).collect(),
            crds,
            problems,
        }
    }

    /// The plan for a person: runs wave by wave, then every tenant that something happens to or that waits.
    #[must_use]
    pub fn lines(&self, now: Timestamp, paint: Paint) -> Vec<String> {
        let mut lines = Vec::new();
        for planned in &self.rollouts {
            lines.extend(planned.lines(now, paint));
            lines.push(String::new());
        }
        let (busy, calm): (Vec<_>, Vec<_>) =
            self.tenants.iter().partition(|t| t.next_step.is_some() || t.row.state != State::Done);
        if !busy.is_empty() {
            let mut table = Table::new(["NAME", "VERSION", "DESIRED", "STATUS", "NEXT-STEP", "UNTIL", "WHY"]);
            for tenant in &busy {
                table.row(tenant.cells(now));
            }
            lines.extend(table.lines(paint));
            lines.push(String::new());
        }
        lines.extend(self.crds.iter().cloned());
        let rest = match (busy.len(), calm.len()) {
            (_, 0) => String::new(),
            (0, _) => "; nothing to do".to_owned(),
            (_, calm) => format!("; nothing to do for {calm}"),
        };
        lines.push(paint.dress(Tone::Strong, &format!("{}{rest}", self.summary)));
        lines.extend(self.problems.iter().map(|problem| paint.dress(Tone::Bad, &one_line(problem))));
        lines
    }
}

/// Runs that are there, with what this plan makes of them; runs that are created now; runs that would come later.
fn rollouts(planner: &Planner, plan: &Plan, now: Timestamp) -> Vec<PlannedRollout> {
    let view = |when, rollout: &Rollout| {
        let name = rollout.metadata.name.as_deref().unwrap_or_default();
        let status = plan.rollouts.status.get(name).or(rollout.status.as_ref());
        PlannedRollout { when, rollout: RolloutView::new(rollout, status).with_tenants(rollout) }
    };
    let active = planner.fleet().rollouts.values().filter(|r| !r.status.as_ref().is_some_and(|s| s.phase.ended()));
    let created: BTreeSet<&String> = plan.rollouts.create.iter().flat_map(members).collect();
    let preview = rollout::preview(planner.fleet(), now);
    // A preview knows no waiting: what is created now is in it again.
    let later = preview.iter().filter(|rollout| members(rollout).any(|member| !created.contains(member)));
    let mut rollouts: Vec<_> = active.map(|rollout| view(When::Active, rollout)).collect();
    rollouts.extend(plan.rollouts.create.iter().map(|rollout| view(When::Now, rollout)));
    rollouts.extend(later.map(|rollout| view(When::Later, rollout)));
    rollouts
}

fn members(rollout: &Rollout) -> impl Iterator<Item = &String> {
    rollout.spec.waves.iter().flat_map(|wave| &wave.members)
}

impl PlannedRollout {
    fn lines(&self, now: Timestamp, paint: Paint) -> Vec<String> {
        let RolloutView { name, operator, target, policy, members, .. } = &self.rollout;
        let title = match self.when {
            When::Active => return [self.rollout.lines(now, paint), self.waves(paint)].concat(),
            When::Now => format!("Rollout {name} is created now"),
            When::Later => {
                "A Rollout, once its tenants have stopped changing and no other one is in the way".to_owned()
            }
        };
        let title = format!("{title}: {operator} to {target} by RolloutPolicy {policy}, {members} tenants");
        [vec![paint.dress(Tone::Strong, &title)], self.waves(paint)].concat()
    }

    /// The frozen plan: who goes in which wave, within which budgets.
    fn waves(&self, paint: Paint) -> Vec<String> {
        let mut table =
            Table::indented(["WAVE", "TENANTS", "AT-ONCE", "MAY-FAIL", "DEADLINE", "SOAK", "IN THIS ORDER"]);
        for wave in &self.rollout.waves {
            table.row([
                Cell::new(&wave.name),
                Cell::new(wave.members.to_string()),
                Cell::new(wave.max_concurrency.to_string()),
                Cell::new(wave.max_failures.to_string()),
                Cell::new(wave.progress_deadline.to_string()),
                Cell::new(wave.soak.to_string()),
                Cell::new(steps::some(&wave.tenants)),
            ]);
        }
        table.lines(paint)
    }
}

impl PlannedTenant {
    fn cells(&self, now: Timestamp) -> Vec<Cell> {
        let text = |text: Option<&String>| Cell::new(text.map_or("", String::as_str));
        let until = self.row.until.map(|at| short(at.duration_since(now)));
        vec![
            Cell::new(&self.row.name),
            text(self.row.version.as_ref()),
            Cell::new(&self.row.desired),
            Cell::new(&self.row.status).toned(self.row.tone()),
            text(self.next_step.as_ref()),
            text(until.as_ref()),
            Cell::new(&self.row.note),
        ]
    }
}
