//! World and Plan → what `status` shows of a fleet: one row a tenant, all of it from the tenant's one report. Pure.
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    definitions::DefinitionView,
    rollouts::RolloutView,
    summary::Summary,
    table::{Cell, Paint, Table, Tone, age, one_line, short},
    upgrades::Upgrades,
};
use crate::{
    api::{Leader, Tenant, TenantStatus},
    domain::{
        report::{Reason, Report, Verdict, WaitingOn},
        world::World,
    },
    plan::{Planner, tenant::Next},
};

/// The fleet at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetView {
    pub summary: Summary,
    /// Runs that have not ended.
    pub rollouts: Vec<RolloutView>,
    /// Changes of shared CRDs that some tenant asks for and that are not through.
    pub definitions: Vec<DefinitionView>,
    pub tenants: Vec<TenantRow>,
    /// What is wrong with anything but a tenant.
    pub problems: Vec<String>,
}

/// One tenant. What the printer columns of `kubectl get tenants` show, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantRow {
    pub name: String,
    pub operator: String,
    /// The version that is proven to run.
    pub version: Option<String>,
    pub desired: String,
    pub wave: Option<String>,
    pub ready: bool,
    pub status: String,
    pub state: State,
    /// One word: `Done`, `Upgrading`, `PriorWave`, `CrashLoop` ...
    pub reason: String,
    /// What it means and what to do.
    pub note: String,
    /// Since when it waits.
    pub since: Option<Timestamp>,
    /// Until when at the latest.
    pub until: Option<Timestamp>,
    /// What ends a wait.
    pub ends: Option<&'static str>,
    pub namespace: String,
    pub leader: Option<Leader>,
    pub created: Option<Timestamp>,
}

/// Where a tenant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum State {
    /// What was asked for runs.
    Done,
    /// At work; nobody needs to act.
    Moving,
    /// Nothing moves until something else happens.
    Waiting,
    /// A person must act.
    Blocked,
}

impl FleetView {
    /// The fleet as the planner sees it, after a plan of this World.
    #[must_use]
    pub fn planned(world: &World, planner: &Planner) -> Self {
        let rows = world.tenants.iter().filter_map(|(name, seen)| {
            let (tenant, next) = (seen.tenant.as_deref()?, planner.next(name)?);
            Some(TenantRow::planned(name, tenant, next))
        });
        let catalog = planner.catalog();
        let broken = catalog.broken.iter().map(|(name, why)| format!("OperatorRelease {name} cannot be used: {why}"));
        let not_ready = catalog.releases.values().filter_map(|release| {
            let why = release.facts.not_ready.as_ref()?;
            Some(format!("OperatorRelease {} cannot be granted: {why}", release.name))
        });
        Self::new(world, rows.collect(), broken.chain(not_ready).collect())
    }

    /// The fleet as Leasehold last wrote it down: for who may not read the stacks.
    #[must_use]
    pub fn recorded(world: &World) -> Self {
        let rows =
            world.tenants.iter().filter_map(|(name, seen)| Some(TenantRow::recorded(name, seen.tenant.as_deref()?)));
        let stalled = world.releases.iter().filter_map(|(name, release)| {
            let conditions = &release.status.as_ref()?.conditions;
            let stalled = conditions.iter().find(|c| c.type_ == "Stalled" && c.status == "True")?;
            Some(format!("OperatorRelease {name} cannot be granted: {}", stalled.message))
        });
        Self::new(world, rows.collect(), stalled.collect())
    }

    fn new(world: &World, tenants: Vec<TenantRow>, releases: Vec<String>) -> Self {
        let active =
            world.rollouts.values().filter(|rollout| !rollout.status.as_ref().is_some_and(|s| s.phase.ended()));
        let rollouts: Vec<_> = active.map(|rollout| RolloutView::new(rollout, rollout.status.as_ref())).collect();
        let asked: BTreeSet<_> = tenants.iter().map(|tenant| (&*tenant.operator, &*tenant.desired)).collect();
        let wanted = world
            .crd_upgrades
            .values()
            .filter(|upgrade| asked.contains(&(&*upgrade.spec.operator, &*upgrade.spec.version)));
        let definitions = wanted.filter_map(|upgrade| DefinitionView::of(upgrade)).collect();
        let undecodable = world.undecodable.iter().map(|((kind, name), found)| {
            format!("{kind} {name} cannot be read and is left alone until it is corrected: {}", found.error)
        });
        let problems = undecodable.chain(releases).collect();
        let upgrades = Upgrades::of(world.tenants.values().filter_map(|seen| seen.tenant.as_deref()));
        let summary = Summary { upgrades, ..Summary::new(&tenants, rollouts.len()) };
        Self { summary, rollouts, definitions, tenants, problems }
    }

    /// What stands above the tenants.
    #[must_use]
    pub fn head(&self, now: Timestamp, paint: Paint) -> Vec<String> {
        let mut lines = Vec::new();
        for rollout in &self.rollouts {
            lines.extend(rollout.lines(now, paint));
            lines.push(String::new());
        }
        for definition in &self.definitions {
            lines.extend(definition.lines(now, paint));
            lines.push(String::new());
        }
        lines
    }

    /// The tenants, headers first, one line each.
    #[must_use]
    pub fn table(&self, wide: bool, now: Timestamp, paint: Paint) -> Vec<String> {
        let narrow = ["NAME", "OPERATOR", "VERSION", "DESIRED", "WAVE", "READY", "STATUS", "AGE"];
        let more = ["NAMESPACE", "LEADER", "TRANSITIONS", "WHY"];
        let mut table = Table::new(narrow.into_iter().chain(more.into_iter().filter(|_| wide)));
        for tenant in &self.tenants {
            table.row(tenant.cells(wide, now));
        }
        table.lines(paint)
    }

    /// What stands below the tenants: the summary, and what else is wrong.
    #[must_use]
    pub fn foot(&self, paint: Paint) -> Vec<String> {
        let mut lines = vec![paint.dress(Tone::Strong, &self.summary.to_string())];
        lines.extend(self.summary.upgrades.iter().map(ToString::to_string));
        lines.extend(self.problems.iter().map(|problem| paint.dress(Tone::Bad, &one_line(problem))));
        lines
    }

    /// The whole page.
    #[must_use]
    pub fn lines(&self, wide: bool, now: Timestamp, paint: Paint) -> Vec<String> {
        let mut lines = self.head(now, paint);
        if !self.tenants.is_empty() {
            lines.extend(self.table(wide, now, paint));
            lines.push(String::new());
        }
        lines.extend(self.foot(paint));
        lines
    }
}

impl TenantRow {
    #[must_use]
    pub fn planned(name: &str, tenant: &Tenant, next: &Next) -> Self {
        let Report { verdict, note } = &next.report;
        let wait = if let Verdict::Waiting(wait) = verdict { Some(wait) } else { None };
        let state = match verdict {
            Verdict::Done => State::Done,
            Verdict::Moving(_) => State::Moving,
            Verdict::Waiting(_) => State::Waiting,
            Verdict::Blocked(_) => State::Blocked,
        };
        let status = next.status(tenant).cloned().unwrap_or_default();
        let row = Self::new(name, tenant, &status, state, next.report.word(), note.clone());
        let stalled = status.conditions.iter().find(|c| c.type_ == "Stalled").map(|c| c.last_transition_time.0);
        let (since, until) = wait.map_or((stalled, None), |wait| (wait.since, wait.until));
        let ends = match verdict {
            Verdict::Waiting(wait) => Some(wait.on.ends()),
            Verdict::Blocked(Reason::PathBlocked) => Some(WaitingOn::PathBlocked.ends()),
            Verdict::Done | Verdict::Moving(_) | Verdict::Blocked(_) => None,
        };
        Self { since, until, ends, ..row }
    }

    #[must_use]
    pub fn recorded(name: &str, tenant: &Tenant) -> Self {
        let none = TenantStatus::default();
        let status = tenant.status.as_ref().unwrap_or(&none);
        let holds = |kind: &str| status.conditions.iter().find(|c| c.type_ == kind && c.status == "True");
        let (state, condition) = match (holds("Stalled"), holds("Reconciling"), holds("Ready")) {
            (Some(stalled), _, _) => (State::Blocked, Some(stalled)),
            (_, Some(c), _) if status.summary.starts_with("Waiting") => (State::Waiting, Some(c)),
            (_, Some(c), _) => (State::Moving, Some(c)),
            (_, _, Some(ready)) => (State::Done, Some(ready)),
            _ => (State::Moving, None),
        };
        let (reason, note) = condition
            .map_or(("Unseen".to_owned(), "no leader of Leasehold has looked at it yet".to_owned()), |c| {
                (c.reason.clone(), c.message.clone())
            });
        Self::new(name, tenant, status, state, reason, note)
    }

    fn new(name: &str, tenant: &Tenant, status: &TenantStatus, state: State, reason: String, note: String) -> Self {
        Self {
            name: name.into(),
            operator: tenant.spec.operator.clone(),
            version: status.running.as_ref().map(|running| running.version.clone()),
            desired: tenant.spec.version.clone(),
            wave: status.granted.as_ref().and_then(|granted| granted.wave.clone()),
            ready: status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True"),
            status: status.summary.clone(),
            state,
            reason,
            note,
            since: None,
            until: None,
            ends: None,
            namespace: tenant.target_namespace(),
            leader: status.leader.clone(),
            created: tenant.metadata.creation_timestamp.as_ref().map(|at| at.0),
        }
    }

    /// The tone of its state.
    #[must_use]
    pub const fn tone(&self) -> Tone {
        match self.state {
            State::Done => Tone::Good,
            State::Moving | State::Waiting => Tone::Busy,
            State::Blocked => Tone::Bad,
        }
    }

    /// Why it is not done: the note, since when, until when at the latest, and what ends it.
    fn why(&self, now: Timestamp) -> String {
        if self.state == State::Done {
            return String::new();
        }
        let since = self.since.map_or(String::new(), |at| format!("; since {}", age(at, now)));
        let until = self.until.map_or(String::new(), |at| format!("; at most {} more", short(at.duration_since(now))));
        let ends = self.ends.map_or(String::new(), |ends| format!("; {ends}"));
        format!("{}{since}{until}{ends}", self.note)
    }

    /// Its row in the table.
    #[must_use]
    pub fn cells(&self, wide: bool, now: Timestamp) -> Vec<Cell> {
        let text = |text: &Option<String>| Cell::new(text.as_deref().unwrap_or_default());
        let mut cells = vec![
            Cell::new(&self.name),
            Cell::new(&self.operator),
            text(&self.version),
            Cell::new(&self.desired),
            text(&self.wave),
            Cell::new(if self.ready { "True" } else { "False" }),
            Cell::new(&self.status).toned(self.tone()),
            Cell::new(self.created.map_or(String::new(), |at| age(at, now))),
        ];
        if wide {
            let leader = |of: fn(&Leader) -> String| Cell::new(self.leader.as_ref().map_or(String::new(), of));
            cells.push(Cell::new(&self.namespace));
            cells.push(leader(|leader| leader.identity.clone()));
            cells.push(leader(|leader| leader.transitions.to_string()));
            cells.push(Cell::new(self.why(now)));
        }
        cells
    }
}
