//! A Rollout and its status → what is shown of it, wave by wave.
use jiff::Timestamp;
use serde::Serialize;

use super::table::{Cell, Paint, Table, Tone, age, one_line, short};
use crate::api::{Phase, PlannedWave, Rollout, RolloutStatus, Span, WavePhase, WaveStatus};

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutView {
    pub name: String,
    pub operator: String,
    /// The version its tenants move to.
    pub target: String,
    pub policy: String,
    pub phase: Phase,
    /// What goes on, or what it waits for and what to do.
    pub message: String,
    pub halted_since: Option<Timestamp>,
    pub members: u32,
    pub proven: u32,
    pub waves: Vec<WaveView>,
}

/// One wave.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WaveView {
    pub name: String,
    pub phase: WavePhase,
    pub members: u32,
    pub in_flight: u32,
    pub proven: u32,
    pub failed: u32,
    pub left_out: u32,
    pub max_concurrency: u32,
    pub max_failures: u32,
    pub progress_deadline: Span,
    pub soak: Span,
    /// When a soak that runs will be over.
    pub soak_ends: Option<Timestamp>,
    /// Its tenants in the order in which they go; only where they are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
}

impl RolloutView {
    /// The run with that status; without one nobody has looked at it yet.
    #[must_use]
    pub fn new(rollout: &Rollout, status: Option<&RolloutStatus>) -> Self {
        let spec = &rollout.spec;
        let none = RolloutStatus::default();
        let status = status.unwrap_or(&none);
        let of = |wave: &PlannedWave| status.waves.iter().find(|w| w.name == wave.name).cloned().unwrap_or_default();
        let waves: Vec<WaveView> = spec.waves.iter().map(|wave| WaveView::new(wave, &of(wave))).collect();
        Self {
            name: rollout.metadata.name.clone().unwrap_or_default(),
            operator: spec.operator.clone(),
            target: spec.target.version.clone(),
            policy: spec.policy.clone(),
            phase: status.phase,
            message: status.message.clone(),
            halted_since: status.halted.as_ref().map(|halt| halt.at.0),
            members: waves.iter().map(|wave| wave.members).sum(),
            proven: status.proven,
            waves,
        }
    }

    /// The same with the names of its tenants.
    #[must_use]
    pub fn with_tenants(mut self, rollout: &Rollout) -> Self {
        for (view, wave) in self.waves.iter_mut().zip(&rollout.spec.waves) {
            view.tenants = wave.members.to_vec();
        }
        self
    }

    /// A title, a row a wave, and what goes on.
    #[must_use]
    pub fn lines(&self, now: Timestamp, paint: Paint) -> Vec<String> {
        let Self { name, operator, target, proven, members, .. } = self;
        let title = format!("Rollout {name}: {operator} to {target}, {proven} of {members} proven, ");
        let since = self.halted_since.map_or(String::new(), |at| format!(" since {}", age(at, now)));
        let phase = paint.dress(tone(self.phase), &format!("{:?}{since}", self.phase));
        let mut lines = vec![paint.dress(Tone::Strong, &title) + &phase];
        let mut table = Table::indented(["WAVE", "PHASE", "PROVEN", "IN-FLIGHT", "FAILED", "LEFT-OUT", "SOAK"]);
        for wave in &self.waves {
            table.row(wave.cells(now));
        }
        lines.extend(table.lines(paint));
        if !self.message.is_empty() {
            lines.push(format!("  {}", paint.dress(message_tone(self.phase), &one_line(&self.message))));
        }
        lines
    }
}

impl WaveView {
    fn new(wave: &PlannedWave, status: &WaveStatus) -> Self {
        Self {
            name: wave.name.clone(),
            phase: status.phase,
            members: u32::try_from(wave.size()).unwrap_or(u32::MAX),
            in_flight: status.in_flight,
            proven: status.proven,
            failed: status.failed,
            left_out: status.skipped,
            max_concurrency: wave.max_concurrency,
            max_failures: wave.max_failures,
            progress_deadline: wave.progress_deadline,
            soak: wave.soak,
            soak_ends: soak_ends(wave.soak, status),
            tenants: Vec::new(),
        }
    }

    fn cells(&self, now: Timestamp) -> Vec<Cell> {
        let count = |n: u32| Cell::new(n.to_string());
        let failed = if self.failed > 0 { Tone::Bad } else { Tone::Plain };
        let phase = match self.phase {
            WavePhase::Done => Tone::Good,
            WavePhase::Running | WavePhase::Soaking => Tone::Busy,
            WavePhase::Halted => Tone::Bad,
            WavePhase::Pending => Tone::Plain,
        };
        let soak = match self.soak_ends {
            Some(end) => format!("{} left of {}", short(end.duration_since(now)), self.soak),
            None => self.soak.to_string(),
        };
        vec![
            Cell::new(&self.name),
            Cell::new(format!("{:?}", self.phase)).toned(phase),
            Cell::new(format!("{}/{}", self.proven, self.members)),
            count(self.in_flight),
            count(self.failed).toned(failed),
            count(self.left_out),
            Cell::new(soak),
        ]
    }
}

/// When a soak that runs will be over: what is left of it, counted from when it last began to run.
fn soak_ends(length: Span, status: &WaveStatus) -> Option<Timestamp> {
    let since = status.soaking_since.filter(|_| status.phase == WavePhase::Soaking)?;
    let soaked = jiff::SignedDuration::from_millis(status.soaked_milliseconds);
    since.0.checked_add(length.signed() - soaked).ok()
}

pub(super) fn tone(phase: Phase) -> Tone {
    match phase {
        Phase::Halted => Tone::Bad,
        Phase::Queued | Phase::Running | Phase::Suspended => Tone::Busy,
        Phase::Succeeded => Tone::Good,
        Phase::Aborted | Phase::Superseded | Phase::RolledBack => Tone::Plain,
    }
}

fn message_tone(phase: Phase) -> Tone {
    if phase == Phase::Halted { Tone::Bad } else { Tone::Plain }
}
