//! `RolloutApproval`: a person's yes or no to one gate of one rollout.
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Condition;

/// A yes or a no. Bound to one gate of one rollout and to the hash of its plan; immutable.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "leasehold.dev",
    version = "v1alpha1",
    kind = "RolloutApproval",
    plural = "rolloutapprovals",
    shortname = "lha",
    category = "leasehold",
    status = "ApprovalStatus",
    derive = "PartialEq",
    doc = "A person's yes or no to one gate of one rollout, bound to its plan.",
    printcolumn(name = "Rollout", type_ = "string", json_path = ".spec.rollout", description = "The rollout."),
    printcolumn(name = "Wave", type_ = "string", json_path = ".spec.wave", description = "The wave."),
    printcolumn(name = "Gate", type_ = "string", json_path = ".spec.gate", description = "The gate."),
    printcolumn(name = "Decision", type_ = "string", json_path = ".spec.decision", description = "Yes or no."),
    printcolumn(name = "Approver", type_ = "string", json_path = ".spec.approver", description = "Who decided."),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Whether it counts."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Since when it exists."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf").message("a decision is immutable: delete it, and create another one"))]
pub struct ApprovalSpec {
    /// Name of the Rollout.
    #[schemars(length(min = 1, max = 253))]
    pub rollout: String,
    /// Name of its wave.
    #[schemars(length(min = 1, max = 63))]
    pub wave: String,
    /// Name of the wave's gate.
    #[schemars(length(min = 1, max = 63))]
    pub gate: String,
    /// `spec.planHash` of the Rollout: what was looked at before it was decided.
    #[schemars(length(min = 16, max = 16), regex(pattern = "^[0-9a-f]{16}$"))]
    pub plan_hash: String,
    /// Yes or no.
    pub decision: Decision,
    /// Who decided: the name by which the API server knows who creates this object. The chart's admission policy holds it to that.
    #[schemars(length(min = 1, max = 253))]
    pub approver: String,
    /// Why it was decided so.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub comment: String,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Decision {
    Approve,
    /// Halts the rollout.
    Reject,
}

/// What became of a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApprovalStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first visit.
    pub observed_generation: i64,
    /// Ready while it counts; Stalled when it speaks of nothing that there is.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
