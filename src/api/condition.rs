//! Conditions of a status.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;

/// One aspect of an object's state, in the form of KEP-1623.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which aspect: `Ready`, `Reconciling`, `Stalled`, `UpToDate`, `LeaderElected`, `Isolated` or `Drifted`.
    #[serde(rename = "type")]
    #[schemars(length(max = 64))]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(length(max = 7))]
    pub status: String,
    /// One word in CamelCase from a closed list, for programs.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// What it means and what to do, for people.
    #[schemars(length(max = 2048))]
    pub message: String,
    /// The `metadata.generation` this was written for.
    pub observed_generation: i64,
    /// When `status` last changed.
    pub last_transition_time: Time,
}
