//! Status of a `Rollout`: where the run and its waves are.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, GateStatus, Time};

/// State of one run: counters only, so that it does not grow with the fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RolloutStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first visit.
    pub observed_generation: i64,
    /// Where the run is.
    pub phase: Phase,
    /// Name of the wave that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub current_wave: Option<String>,
    /// What goes on, or what it waits for.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// Tenants in the plan.
    pub members: u32,
    /// Tenants granted and not yet proven, failed or left.
    pub in_flight: u32,
    /// Tenants proven on the target.
    pub proven: u32,
    /// Tenants that failed and were not skipped.
    pub failed: u32,
    /// Tenants left out: skipped, held, paused, gone, or already somewhere else.
    pub skipped: u32,
    /// When this status was last written. What only counts and tells is written a second later at the earliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_at: Option<Time>,
    /// When the first tenant was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When the run ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Present from the moment a budget was breached until a person resumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halt>,
    /// One entry a wave, in order.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub waves: Vec<WaveStatus>,
    /// Ready, Reconciling and Stalled, for kstatus.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Frozen, waiting for another run of the operator to end. Only tenants that are already broken are granted.
    #[default]
    Queued,
    /// Waves are under way.
    Running,
    /// A budget is breached; a person must act.
    Halted,
    /// A person suspended it.
    Suspended,
    /// Every member is proven or was left out.
    Succeeded,
    /// A person ended it.
    Aborted,
    /// Its members want something newer.
    Superseded,
    /// It failed, or a person undid it: another run takes those that it moved back.
    RolledBack,
}

impl Phase {
    /// Whether nothing can happen to this run any more.
    #[must_use]
    pub const fn ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Aborted | Self::Superseded | Self::RolledBack)
    }
}

/// A halt: latched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Halt {
    /// Which budget was breached, by which tenants.
    #[schemars(length(max = 1024))]
    pub reason: String,
    /// When that was.
    pub at: Time,
    /// `metadata.generation` of the Rollout at that moment: only a later edit by a person can resume it.
    pub generation: i64,
}

/// State of one wave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WaveStatus {
    /// Name of the wave.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Where the wave is.
    pub phase: WavePhase,
    /// Tenants in the wave.
    pub members: u32,
    /// Granted and not yet proven, failed or left.
    pub in_flight: u32,
    /// Proven on the target.
    pub proven: u32,
    /// Failed, not skipped.
    pub failed: u32,
    /// Left out.
    pub skipped: u32,
    /// When its first tenant was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// Since when the soak runs without a break; absent while it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soaking_since: Option<Time>,
    /// Since when a tenant of the wave that was proven has not been ready; it fails when that lasts past the wave's progressDeadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regressed_since: Option<Time>,
    /// Milliseconds soaked before `soakingSince`, kept over a suspension.
    pub soaked_milliseconds: i64,
    /// When the wave was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// What the wave's gates were told that are asked: counters and the last answer, not one entry a tenant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["when", "name"]))]
    pub gates: Vec<GateStatus>,
}

/// Where a wave is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum WavePhase {
    #[default]
    Pending,
    Running,
    Soaking,
    /// Under way when the run was halted; its soak stands still.
    Halted,
    Done,
}
