//! `Tenant`: what a user writes about one customer. Leasehold never writes this part.
use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Span, Time,
    schema::{DNS_LABEL, SEMVER},
    status::TenantStatus,
};

/// One customer: which operator, which version, how big, and how careful.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "leasehold.dev",
    version = "v1alpha1",
    kind = "Tenant",
    plural = "tenants",
    shortname = "lht",
    category = "leasehold",
    status = "TenantStatus",
    derive = "PartialEq",
    doc = "One customer: Leasehold stamps out, keeps and upgrades an operator stack of its own for it.",
    validation = Rule::new("self.metadata.name.size() <= 50 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("a Tenant's name becomes part of a namespace's name: at most 50 lower-case letters, digits and dashes, no dots"),
    printcolumn(name = "Operator", type_ = "string", json_path = ".spec.operator", description = "The operator of this tenant."),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.running.version", description = "The version proven to run."),
    printcolumn(name = "Desired", type_ = "string", json_path = ".spec.version", description = "The version asked for."),
    printcolumn(name = "Wave", type_ = "string", json_path = ".status.granted.wave", description = "The wave that released the granted version."),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether the granted stack runs as asked."),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.summary", description = "What is going on, in a few words."),
    printcolumn(name = "Namespace", type_ = "string", json_path = ".status.namespace.name", description = "The tenant's namespace.", priority = 1),
    printcolumn(name = "Leader", type_ = "string", json_path = ".status.leader.identity", description = "Who led when last sampled.", priority = 1),
    printcolumn(name = "Transitions", type_ = "integer", json_path = ".status.leader.transitions", description = "How often leadership changed hands.", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Since when the Tenant exists.")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.operator == oldSelf.operator").message("operator is immutable: onboard a new Tenant instead").field_path(".operator"))]
#[x_kube(validation = Rule::new("has(self.__namespace__) == has(oldSelf.__namespace__) && (!has(self.__namespace__) || self.__namespace__ == oldSelf.__namespace__)").message("namespace is immutable: onboard a new Tenant instead").field_path(".namespace"))]
pub struct TenantSpec {
    /// Name of the operator, as in `OperatorRelease.spec.operator`. Immutable.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub operator: String,
    /// The version wanted, as semver; an OperatorRelease of this operator must have it. Changing it on many tenants at once starts one staged rollout.
    #[schemars(length(min = 5, max = 64), regex(pattern = SEMVER))]
    pub version: String,
    /// The tenant's namespace; `tenant-<name>` when absent. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub namespace: Option<String>,
    /// Name of the RolloutPolicy by which this tenant's version moves.
    #[serde(default = "default_policy")]
    #[schemars(length(min = 1, max = 253))]
    pub rollout_policy: String,
    /// Replicas of the tenant's operator; one leads, the others stand by.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 5))]
    pub replicas: u32,
    /// Requests and limits of each replica.
    #[serde(default)]
    pub resources: Resources,
    /// The namespace's ResourceQuota. Default: what the stack needs, surge included, plus room for the workload. Where it names none, 1000 `configmaps`, 1000 `secrets`, 200 `services` and 200 `persistentvolumeclaims` are the bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Timings of the tenant operator's leader election.
    #[serde(default)]
    pub leader_election: LeaderTimings,
    /// Parameters for the release's templates, checked against its `valuesSchema`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "super::schema::any_object")]
    pub values: Map<String, Value>,
    /// `Active`; `Paused` (nothing is written, status stays live); `Stopped` (scaled to 0).
    #[serde(default)]
    pub mode: Mode,
    /// What happens when the Tenant is deleted: `Delete` all it made, `Orphan` (remove Leasehold's marks only), `Retain` (keep namespace and data, remove operator and RBAC).
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Reasons not to move this tenant's version now, each with an owner's words and optionally an end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub holds: Vec<Hold>,
    /// UIDs of existing objects that Leasehold may take over for this tenant. Anything else that is already there is left alone and reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 36)), extend("x-kubernetes-list-type" = "set"))]
    pub adopt: Vec<String>,
}

/// Requests and limits of a container, as Kubernetes quantities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// What the scheduler reserves.
    #[schemars(schema_with = "super::schema::quantities")]
    pub requests: BTreeMap<String, String>,
    /// What the kubelet enforces.
    #[schemars(schema_with = "super::schema::quantities")]
    pub limits: BTreeMap<String, String>,
}

impl Default for Resources {
    /// Small, but enough for an operator that watches one namespace.
    fn default() -> Self {
        let map = |cpu: &str, memory: &str| [("cpu".into(), cpu.into()), ("memory".into(), memory.into())].into();
        Self { requests: map("50m", "64Mi"), limits: map("200m", "128Mi") }
    }
}

/// The tenant's ResourceQuota.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Hard limits, as in `ResourceQuota.spec.hard`.
    #[schemars(schema_with = "super::schema::quantities")]
    pub hard: BTreeMap<String, String>,
}

/// Timings of a leader election: `retryPeriod < renewDeadline < leaseDuration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "duration(self.retryPeriod) < duration(self.renewDeadline) && duration(self.renewDeadline) < duration(self.leaseDuration)", "message": "leader election timings need retryPeriod < renewDeadline < leaseDuration, for instance 10s < 40s < 60s"}]))]
pub struct LeaderTimings {
    /// How long a standby waits, after the last renewal it saw, before it takes over.
    pub lease_duration: Span,
    /// How long a leader keeps trying to renew before it stops leading.
    pub renew_deadline: Span,
    /// How often a leader renews and a polling standby looks.
    pub retry_period: Span,
}

impl Default for LeaderTimings {
    /// 60/40/10: 1,000 tenants at client-go's 15/10/2 would be 500 writes a second to etcd.
    fn default() -> Self {
        Self { lease_duration: Span::secs(60), renew_deadline: Span::secs(40), retry_period: Span::secs(10) }
    }
}

/// What Leasehold does with a tenant's stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    #[default]
    Active,
    Paused,
    Stopped,
}

/// What becomes of a stack when its Tenant is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    #[default]
    Delete,
    Orphan,
    Retain,
}

/// A reason, with an owner, not to change this tenant's version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// Name of the hold, unique in this Tenant.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Why, and whom to ask.
    #[schemars(length(max = 512))]
    pub reason: String,
    /// When it ends by itself; absent: when somebody removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

fn default_policy() -> String {
    "default".into()
}

const fn two() -> u32 {
    2
}

impl Tenant {
    /// The namespace of the tenant's stack: a pure function of the spec and the name.
    #[must_use]
    pub fn target_namespace(&self) -> String {
        self.spec.namespace.clone().unwrap_or_else(|| format!("tenant-{}", self.metadata.name.as_deref().unwrap_or("")))
    }
}
