//! `Tenant.status`: what Leasehold has granted, applied, seen and proven. Rebuilt from the stack when lost.
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, PodSecurity, RolloutTarget, Time};

/// State of one tenant as last observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TenantStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first visit.
    pub observed_generation: i64,
    /// What is going on, in a few words: the printer column STATUS.
    #[schemars(length(max = 256))]
    pub summary: String,
    /// Ready, Reconciling, Stalled, UpToDate, LeaderElected and Isolated; Drifted while drift is left as it is.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The tenant's namespace, bound by UID once it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<NamespaceRef>,
    /// What the spec asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Target>,
    /// What the wave engine has released. Written before the stack is touched; the stack is rendered from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<Grant>,
    /// What is proven to run, on evidence newer than the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// A failure of the granted revision: stays until the tenant is proven or granted something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How long `mode: Paused` has kept the granted revision from coming up: this does not count towards its deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<PausedTime>,
    /// Revisions that failed here and are not granted again until a person clears them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub rejected: Vec<Rejected>,
    /// Who led the tenant's operator when it was last sampled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<Leader>,
    /// The last completed change of version: how long nobody led and how often leadership changed hands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_upgrade: Option<Upgrade>,
    /// Every object that was made for this tenant, written before it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Arc<Inventory>>,
    /// What still blocks the offboarding, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 512)))]
    pub blockers: Vec<String>,
}

/// A namespace, by name and UID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamespaceRef {
    /// The namespace's name.
    #[schemars(length(max = 63))]
    pub name: String,
    /// The namespace's UID: a namespace of the same name made by somebody else is not ours.
    #[schemars(length(max = 36))]
    pub uid: String,
}

/// A version together with what it renders to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// The version, as semver.
    #[schemars(length(max = 64))]
    pub version: String,
    /// `<release digest>-<parameter digest>`: what this version and this tenant's parameters render to.
    #[schemars(length(max = 64))]
    pub revision: String,
}

/// A version that the wave engine released to this tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The version, as semver.
    #[schemars(length(max = 64))]
    pub version: String,
    /// The revision that is rendered.
    #[schemars(length(max = 64))]
    pub revision: String,
    /// The Rollout that granted it; absent for a first install or the tenant's own edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub rollout: Option<String>,
    /// The wave of that Rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub wave: Option<String>,
    /// When it was granted.
    pub at: Time,
    /// Leasehold's own term when it granted, `leaseTransitions` of its Lease: a newer leader's grant is never undone by an older one.
    pub epoch: i64,
    /// UID of that Lease. Terms are compared within one Lease only: one that was deleted and made anew counts from 0 again. Absent without leader election.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub lease: Option<String>,
    /// The tenant was already broken when this was granted: a failure is not charged to the rollout.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken_before: bool,
    /// The tenant's own parameters changed after this was granted: what comes of that is not charged to the rollout.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
    /// The fleet's settings at that moment: the stack is rendered from them until the next grant.
    #[serde(default, skip_serializing_if = "Settings::is_default")]
    pub settings: Settings,
    /// What was proven here before: where going back leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RolloutTarget>,
    /// What the tenant asks for, when this is only a step on the way there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub towards: Option<RolloutTarget>,
}

/// What decides how every tenant's stack is rendered, beside the release and the tenant's own parameters. Where it changes, the
/// change goes through waves like a new release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Pod Security level of the tenant's namespace, from the FleetPolicy.
    pub pod_security: PodSecurity,
    /// Whether the cluster serves ServiceMonitors.
    pub service_monitor: bool,
}

impl Settings {
    /// Whether they are those of a fleet without a FleetPolicy, in a cluster without ServiceMonitors.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A version that is proven to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Running {
    /// The version, as semver.
    #[schemars(length(max = 64))]
    pub version: String,
    /// The revision.
    #[schemars(length(max = 64))]
    pub revision: String,
    /// When it was proven.
    pub since: Time,
}

/// Why the granted revision counts as failed here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The revision that failed.
    #[schemars(length(max = 64))]
    pub revision: String,
    /// `CrashLoop`, `ImagePull`, `Refused` or `DeadlineExceeded`.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// The fact behind it.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When it was seen.
    pub at: Time,
}

/// Time for which a tenant was paused on its way to the granted revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PausedTime {
    /// Since when it is paused; absent while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Milliseconds of the pauses before, on Leasehold's own clock.
    #[serde(default)]
    pub milliseconds: i64,
}

/// A revision that is not granted again by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rejected {
    /// The revision that was rejected.
    #[schemars(length(max = 64))]
    pub revision: String,
    /// Why it was rejected.
    #[schemars(length(max = 256))]
    pub reason: String,
    /// When that was.
    pub at: Time,
}

/// The leader of a tenant's operator, as sampled from its Lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leader {
    /// `holderIdentity` of the Lease.
    #[schemars(length(max = 512))]
    pub identity: String,
    /// `leaseTransitions` of the Lease.
    pub transitions: i32,
    /// `acquireTime` of the Lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// One completed change of version, measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Upgrade {
    /// The version before.
    #[schemars(length(max = 64))]
    pub from: String,
    /// The version after.
    #[schemars(length(max = 64))]
    pub to: String,
    /// When it was proven.
    pub at: Time,
    /// Milliseconds during which nobody led the tenant's operator: nobody held its Lease, or its holder let it run out. On Leasehold's own clock; absent when the Lease was not watched throughout, or no pod was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaderless_milliseconds: Option<i64>,
    /// How often leadership changed hands; absent like the milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handovers: Option<i32>,
}

/// The objects of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inventory {
    /// Digest of the entries.
    #[schemars(length(max = 64))]
    pub digest: String,
    /// `<namespace>_<name>_<group>_<kind>`, namespace and group empty where they do not apply.
    #[schemars(length(max = 128), inner(length(max = 512)))]
    pub entries: Vec<String>,
}
