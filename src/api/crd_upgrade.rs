//! `CrdUpgrade`: one release's way into a CRD that all tenants share.
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, Time};

/// One release's change of one shared CRD.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "leasehold.dev",
    version = "v1alpha1",
    kind = "CrdUpgrade",
    plural = "crdupgrades",
    shortname = "lhcu",
    category = "leasehold",
    status = "CrdUpgradeStatus",
    derive = "PartialEq",
    doc = "One release's way into a CustomResourceDefinition that all tenants share: expand, move the fleet, migrate, contract. Written by Leasehold; each step is decided by what the cluster has, and this is the record of it.",
    printcolumn(name = "CRD", type_ = "string", json_path = ".spec.crd", description = "The definition."),
    printcolumn(name = "Operator", type_ = "string", json_path = ".spec.operator", description = "Whose release."),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.version", description = "Of which version."),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "Where it is."),
    printcolumn(
        name = "Blocked",
        type_ = "integer",
        json_path = ".status.blocked",
        description = "Tenants that keep the next step from being taken."
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
#[x_kube(validation = Rule::new("self == oldSelf").message("a CrdUpgrade is a record of one release's change: it is not edited"))]
pub struct CrdUpgradeSpec {
    /// Name of the CustomResourceDefinition, `<plural>.<group>`.
    #[schemars(length(min = 1, max = 253))]
    pub crd: String,
    /// Operator whose release changes it.
    #[schemars(length(min = 1, max = 63))]
    pub operator: String,
    /// Version of that release.
    #[schemars(length(min = 5, max = 64))]
    pub version: String,
}

/// Where the change is. Lost, it is worked out again from the cluster; only soaks and passes over stored objects begin anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CrdUpgradeStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first visit.
    pub observed_generation: i64,
    /// Where it is.
    pub phase: CrdPhase,
    /// What goes on, or what it waits for.
    #[schemars(length(max = 2048))]
    pub message: String,
    /// Since when it is in that phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// When every tenant was seen on the release or a later one: the soak before the storage version is flipped begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barrier_at: Option<Time>,
    /// When the new storage version was seen: the soak before objects are migrated begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flipped_at: Option<Time>,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Tenants that keep the next step from being taken.
    pub blocked: u32,
    /// The first of them by name.
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["tenant"]))]
    pub blockers: Vec<Blocker>,
    /// What differs between the cluster's definition and the release's, the worst first.
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub findings: Vec<CrdFinding>,
    /// Differences beyond those.
    pub more_findings: u32,
    /// The pass over the stored objects that is under way, or was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// The look at every stored object that came before any tenant moved, once all of them stood it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Sweep>,
    /// Ready, Reconciling and Stalled, for kstatus.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Where a change of a shared CRD is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum CrdPhase {
    /// A change in it is refused: the release is granted to nobody, and nothing is written.
    Refused,
    /// What old and new operators can both work with is written: new optional fields, new versions.
    #[default]
    Expand,
    /// Where stored objects will be judged or written anew, each of them is looked at before any tenant moves.
    Preflight,
    /// Tenants move to the release.
    Waves,
    /// Nobody moves any more, and some tenant is not on the release: it is named.
    Barrier,
    /// Every tenant is there: loosened constraints are written.
    Unlock,
    /// The storage version becomes the release's.
    Flip,
    /// Every stored object is written once, so that it is stored at that version.
    Migrate,
    /// And once more, to be sure; then `status.storedVersions` is trimmed.
    Verify,
    /// What the release no longer has is deprecated, no longer served, and dropped.
    Contract,
    /// The cluster's definition is the release's.
    Done,
}

/// A tenant that keeps a step from being taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Blocker {
    /// Its name.
    #[schemars(length(max = 63))]
    pub tenant: String,
    /// The version that it was granted.
    #[schemars(length(max = 64))]
    pub version: String,
    /// What keeps it there.
    #[schemars(length(max = 512))]
    pub why: String,
}

/// A difference between the cluster's definition and a release's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CrdFinding {
    /// `Ok`, `Gate`, `Contract`, `Scan`, `Convert` or `No`.
    #[schemars(length(max = 16))]
    pub verdict: String,
    /// Version of the definition; empty where it is about all.
    #[schemars(length(max = 63))]
    pub version: String,
    /// Where in the schema.
    #[schemars(length(max = 512))]
    pub path: String,
    /// Name of the rule, by which it is waived.
    #[schemars(length(max = 63))]
    pub rule: String,
    /// What it means, and what would avoid it.
    #[schemars(length(max = 512))]
    pub why: String,
}

/// A pass over all stored objects of a CRD, page by page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sweep {
    /// What is done with each object.
    pub purpose: Purpose,
    /// Digest of what it is done for: a pass for another definition says nothing.
    #[schemars(length(max = 64))]
    pub against: String,
    /// When it began.
    pub began: Time,
    /// Objects that were seen.
    pub objects: u64,
    /// Of these, objects that did not pass.
    pub failed: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub failures: Vec<StoredObject>,
    /// Where the next page begins, in the API server's words; absent at the beginning and at the end.
    #[serde(default, rename = "continue", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub continue_: Option<String>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
}

/// What a pass over the stored objects is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Purpose {
    /// Whether all objects stand what the release is going to ask of them, before any tenant moves.
    Preflight,
    /// Whether each could be written at the new storage version: the migration, as a dry run.
    Rehearse,
    /// Whether all objects stand a constraint that is to be tightened.
    Validate,
    /// To have each stored at the new storage version.
    Migrate,
    /// The same again: what came in between is caught, and that all is well is shown.
    Verify,
    /// No field manager owns anything at a version that is to go.
    Disown,
    /// Whether any object still has what is to be dropped.
    Contract,
}

/// A stored object that did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoredObject {
    /// `namespace/name`, or the name alone.
    #[schemars(length(max = 320))]
    pub object: String,
    /// What is wrong with it.
    #[schemars(length(max = 512))]
    pub why: String,
}
