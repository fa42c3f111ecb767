//! `Rollout`: one run to one immutable target, with its frozen plan. The audit record.
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Gates, Members, OnFailure, Order, RolloutStatus, Span};

/// One run: who moves, to what, in which waves, within which budgets.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "leasehold.dev",
    version = "v1alpha1",
    kind = "Rollout",
    plural = "rollouts",
    shortname = "lhro",
    category = "leasehold",
    status = "RolloutStatus",
    derive = "PartialEq",
    doc = "One staged run of one operator to one version. Leasehold creates it; a person sets suspend, abort, undo, skip and additionalFailures.",
    printcolumn(name = "Operator", type_ = "string", json_path = ".spec.operator", description = "The operator."),
    printcolumn(
        name = "Target",
        type_ = "string",
        json_path = ".spec.target.version",
        description = "The version it moves tenants to."
    ),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "Where the run is."),
    printcolumn(
        name = "Wave",
        type_ = "string",
        json_path = ".status.currentWave",
        description = "The wave that is under way."
    ),
    printcolumn(
        name = "Members",
        type_ = "integer",
        json_path = ".status.members",
        description = "Tenants in the plan."
    ),
    printcolumn(
        name = "Proven",
        type_ = "integer",
        json_path = ".status.proven",
        description = "Tenants proven on the target."
    ),
    printcolumn(
        name = "Failed",
        type_ = "integer",
        json_path = ".status.failed",
        description = "Tenants that failed."
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.message",
        description = "What goes on, or what it waits for.",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Since when it exists."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.operator == oldSelf.operator && self.target == oldSelf.target && self.policy == oldSelf.policy && self.sequence == oldSelf.sequence && self.order == oldSelf.order && self.maxConcurrency == oldSelf.maxConcurrency && self.maxFailures == oldSelf.maxFailures && self.revisionHistoryLimit == oldSelf.revisionHistoryLimit && self.unmatched == oldSelf.unmatched && self.onFailure == oldSelf.onFailure && self.planHash == oldSelf.planHash && has(self.rollbackOf) == has(oldSelf.rollbackOf) && (!has(self.rollbackOf) || self.rollbackOf == oldSelf.rollbackOf)")
    .message("the plan of a Rollout is frozen; only suspend, abort, undo, skip and additionalFailures may change"))]
#[x_kube(validation = Rule::new("!oldSelf.abort || self.abort").message("an abort cannot be taken back; a new rollout starts when the tenants' versions change again").field_path(".abort"))]
#[x_kube(validation = Rule::new("!oldSelf.undo || self.undo").message("an undo cannot be taken back; ask for another version, or clear status.rejected of the tenants").field_path(".undo"))]
pub struct RolloutSpec {
    /// The operator whose tenants move.
    #[schemars(length(max = 63))]
    pub operator: String,
    /// What they move to.
    pub target: RolloutTarget,
    /// The RolloutPolicy that the plan was made from; later edits of it do not touch this run.
    #[schemars(length(max = 253))]
    pub policy: String,
    /// Counts the runs of this operator, from 1.
    #[schemars(range(min = 1))]
    pub sequence: i64,
    /// Order of the tenants inside a wave.
    pub order: Order,
    /// Tenants in flight at once, over all waves.
    #[schemars(range(min = 1))]
    pub max_concurrency: u32,
    /// Failed tenants that are tolerated in all.
    pub max_failures: u32,
    /// What a breached failure budget does.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// The Rollout whose tenants this one takes back; absent in a run that goes where its tenants ask to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub rollback_of: Option<String>,
    /// How many finished Rollouts of this operator to keep.
    pub revision_history_limit: u32,
    /// Tenants that no wave selected: put into the last wave or left out, as the policy's `unmatched` says.
    #[serde(default)]
    pub unmatched: u32,
    /// Digest of what this run does to whom and when: approvals are bound to it.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub plan_hash: String,
    /// The frozen plan.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("the plan of a Rollout is frozen; only suspend, abort, undo, skip and additionalFailures may change"))]
    #[x_kube(validation = Rule::new("self.map(wave, has(wave.members) ? size(wave.members) : 0).sum() <= 1000").message("a plan names at most 1000 tenants itself; those of longer ones are in RolloutSlices"))]
    pub waves: Vec<PlannedWave>,
    /// A person's word: grant nobody while true. Tenants in flight finish.
    #[serde(default)]
    pub suspend: bool,
    /// A person's word: end this run now. Outranks everything else and cannot be taken back.
    #[serde(default)]
    pub abort: bool,
    /// A person's word: take every tenant that this run moved back to what it had. Ends the run if it goes on, works also after its end, and cannot be taken back.
    #[serde(default)]
    pub undo: bool,
    /// A person's word: tenants to leave out; their failures no longer count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub skip: Vec<String>,
    /// A person's word: tolerate this many failures more than planned, in each wave and in all.
    #[serde(default)]
    pub additional_failures: u32,
}

/// What a run moves its tenants to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct RolloutTarget {
    /// The version, as semver.
    #[schemars(length(max = 64))]
    pub version: String,
    /// Digest of the release: what was meant when the plan froze.
    #[schemars(length(max = 64))]
    pub digest: String,
}

/// A wave with its members and its budgets as whole numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "has(self.members) ? !has(self.slices) && !has(self.count) : has(self.slices) && has(self.count)", "message": "a wave has `members`, or `slices` and their `count`"}]))]
pub struct PlannedWave {
    /// Name of the wave.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Its tenants by name, in the order in which they are granted. Absent where they are in `slices`.
    #[serde(default, skip_serializing_if = "Members::is_none")]
    #[schemars(with = "Vec<String>", length(max = 1000), inner(length(max = 63)), extend("x-kubernetes-list-type" = "atomic"))]
    pub members: Members,
    /// RolloutSlices that hold its tenants, in order, where the plan has too many for one object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 253)), extend("x-kubernetes-list-type" = "atomic"))]
    pub slices: Vec<String>,
    /// How many tenants there are in `slices`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
    /// Tenants of the wave in flight at once.
    pub max_concurrency: u32,
    /// Failed tenants of the wave that are tolerated.
    pub max_failures: u32,
    /// How long one tenant may take from its grant to its proof.
    pub progress_deadline: Span,
    /// How long the wave must stay proven before the next starts.
    pub soak: Span,
    /// What must be passed before the wave starts, and after its soak.
    #[serde(default, skip_serializing_if = "Gates::is_empty")]
    pub gates: Gates,
}

impl PlannedWave {
    /// How many tenants it has, wherever they are named.
    #[must_use]
    pub fn size(&self) -> usize {
        self.count.map_or(self.members.len(), |count| usize::try_from(count).unwrap_or(usize::MAX))
    }
}
