//! `RolloutPolicy`: the recipe by which a version moves through a fleet.
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Amount, Gates, Selector, Span, schema::DNS_LABEL};

/// Waves, budgets and soaks.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "leasehold.dev",
    version = "v1alpha1",
    kind = "RolloutPolicy",
    plural = "rolloutpolicies",
    shortname = "lhp",
    category = "leasehold",
    derive = "PartialEq",
    doc = "The recipe by which a version moves through a fleet: waves, budgets, soaks, gates.",
    printcolumn(
        name = "Waves",
        type_ = "string",
        json_path = ".spec.waves[*].name",
        description = "Names of the waves, in order."
    ),
    printcolumn(
        name = "OnFailure",
        type_ = "string",
        json_path = ".spec.onFailure",
        description = "What a breached budget does."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Since when it exists."
    )
)]
#[serde(rename_all = "camelCase")]
pub struct PolicySpec {
    /// How long to wait for more tenants to change before a rollout freezes its plan.
    #[serde(default)]
    pub coalesce: Coalesce,
    /// What to do with tenants that no wave selects.
    #[serde(default)]
    pub unmatched: Unmatched,
    /// Order of the tenants inside a wave.
    #[serde(default)]
    pub order: Order,
    /// Budgets over the whole rollout.
    #[serde(default)]
    pub limits: Limits,
    /// What a breached failure budget does. Going back is legal only where the release's `rollbackTo` allows it.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// How many finished Rollouts to keep.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    pub revision_history_limit: u32,
    /// The waves, in order. A tenant belongs to the first that selects it.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub waves: Vec<Wave>,
}

/// How long to wait for more tenants to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "duration(self.quietPeriod) <= duration(self.maxWait)", "message": "coalesce needs quietPeriod <= maxWait"}]))]
pub struct Coalesce {
    /// The plan freezes when no further tenant changed for this long.
    pub quiet_period: Span,
    /// The plan freezes after this long in any case.
    pub max_wait: Span,
}

impl Default for Coalesce {
    /// Long enough for Argo CD or Flux to apply one commit, short enough not to be noticed.
    fn default() -> Self {
        Self { quiet_period: Span::secs(10), max_wait: Span::secs(300) }
    }
}

/// What to do with tenants that no wave selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Unmatched {
    /// They join the last wave.
    #[default]
    LastWave,
    /// The rollout does not start.
    Fail,
    /// They keep their version, and are counted.
    Ignore,
}

/// Order of the tenants inside a wave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Order {
    /// By a stable hash of tenant and rollout, so that no customer is always the first.
    #[default]
    Seed,
    /// By name.
    Name,
}

/// What a breached failure budget does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnFailure {
    /// Stop granting and wait for a person.
    #[default]
    Halt,
    /// Stop, and go back by a new rollout where that is legal.
    Rollback,
}

/// Budgets over the whole rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "type(self.maxConcurrency) != int || self.maxConcurrency > 0", "message": "maxConcurrency: 0 would never move anyone; use suspend to stop a rollout"}]))]
pub struct Limits {
    /// Tenants in flight at once, over all waves.
    pub max_concurrency: Amount,
    /// Failed tenants that are tolerated: 3 is breached by the 4th.
    pub max_failures: Amount,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_concurrency: Amount::Count(25), max_failures: Amount::Count(3) }
    }
}

/// One wave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.maxConcurrency) || type(self.maxConcurrency) != int || self.maxConcurrency > 0").message("maxConcurrency: 0 would never move anyone; use suspend to stop a rollout"))]
pub struct Wave {
    /// Name of the wave, unique in the policy.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub name: String,
    /// Which tenants, by their labels; absent: every one that no earlier wave took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// How many of the selected tenants; the rest goes on to later waves. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<Amount>,
    /// Tenants of this wave in flight at once; absent: the rollout's limit. Rounded down, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<Amount>,
    /// Failed tenants of this wave that are tolerated; absent: the rollout's limit. 0 is breached by the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failures: Option<Amount>,
    /// How long one tenant may take from its grant to its proof.
    #[serde(default = "ten_minutes")]
    pub progress_deadline: Span,
    /// How long the wave must stay proven before the next one starts.
    #[serde(default)]
    pub soak: Soak,
    /// What must be passed before the wave starts, and after its soak before the next one does.
    #[serde(default, skip_serializing_if = "Gates::is_empty")]
    pub gates: Gates,
}

/// How long a proven wave is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "duration(self.duration) <= duration('8760h')", "message": "a soak longer than a year is a mistake"}]))]
pub struct Soak {
    /// Time on Leasehold's own clock; starts again when a tenant of the wave regresses, stands still while suspended.
    pub duration: Span,
}

impl Default for Soak {
    fn default() -> Self {
        Self { duration: Span::secs(60) }
    }
}

const fn ten() -> u32 {
    10
}

const fn ten_minutes() -> Span {
    Span::secs(600)
}

impl PolicySpec {
    /// What applies when no policy named `default` exists: one tenant, then a tenth, then the rest a tenth at a time.
    #[must_use]
    pub fn built_in() -> Self {
        let wave = |name: &str, take, max_failures| Wave {
            name: name.into(),
            selector: None,
            take,
            max_concurrency: Some(Amount::Percent(10)),
            max_failures: Some(max_failures),
            progress_deadline: ten_minutes(),
            soak: Soak::default(),
            gates: Gates::default(),
        };
        Self {
            coalesce: Coalesce::default(),
            unmatched: Unmatched::LastWave,
            order: Order::Seed,
            limits: Limits::default(),
            on_failure: OnFailure::Halt,
            revision_history_limit: ten(),
            waves: vec![
                wave("canary", Some(Amount::Count(1)), Amount::Count(0)),
                wave("tenth", Some(Amount::Percent(10)), Amount::Count(0)),
                wave("everyone", None, Amount::Percent(2)),
            ],
        }
    }
}
