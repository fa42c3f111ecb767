//! Everything that was observed, in one value. Plans are made from this and from the time alone.
use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    analysis::Analyses,
    crd::CrdSeen,
    crd::texts::CrdMap,
    kinds::StackKind,
    object::{LeaseSeen, ObjectKey, Objects, PodSeen},
    tenants::{Tenants, Version},
};
use crate::api::{
    ChangeWindow, CrdUpgrade, FleetSpec, OperatorRelease, PolicySpec, Rollout, RolloutApproval, RolloutSlice, Settings,
    Sweep, Tenant,
};

/// The observed state of the cluster.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub tenants: Tenants,
    /// By object name.
    pub releases: BTreeMap<String, Arc<OperatorRelease>>,
    pub policies: BTreeMap<String, PolicySpec>,
    pub rollouts: BTreeMap<String, Rollout>,
    /// Parts of the plans of those that are too long for one object.
    pub slices: BTreeMap<String, Arc<RolloutSlice>>,
    pub windows: BTreeMap<String, Arc<ChangeWindow>>,
    pub approvals: BTreeMap<String, Arc<RolloutApproval>>,
    /// What gates were answered that are asked.
    pub analyses: Analyses,
    /// The FleetPolicy, or what applies without one. Leasehold's own namespace is always protected.
    pub fleet: FleetSpec,
    /// Why the FleetPolicy cannot be read, when there is one and this process has read none: then `fleet` says nothing.
    pub fleet_unread: Option<String>,
    pub crds: BTreeMap<String, CrdSeen>,
    pub crd_upgrades: BTreeMap<String, Arc<CrdUpgrade>>,
    /// The last pass over the stored objects of a CRD by the name of its record, as far as this process made it.
    pub sweeps: BTreeMap<String, Sweep>,
    /// Writes to CRDs that old operators could not work with, sent and not known to have failed.
    pub crd_pledges: BTreeMap<String, Pledge>,
    /// How long to wait before a CRD's storage version is flipped, and again before objects are written anew.
    pub crd_soak: SignedDuration,
    /// ConfigMaps that hold definitions which releases name, by `namespace/name`.
    pub crd_maps: BTreeMap<String, CrdMap>,
    /// Leasehold's own namespace; empty where it is not known.
    pub home: String,
    pub apis: Apis,
    /// Objects of our own kinds that could not be decoded, by plural and name.
    pub undecodable: BTreeMap<(String, String), Undecodable>,
    /// The last failed writes to objects that belong to no tenant, by kind and name.
    pub faults: BTreeMap<(Whose, String), Fault>,
    /// Counts changes to the records of CRDs, to passes over stored objects, and to what failed of either.
    pub crd_version: u64,
    /// Counts changes to anything that all tenants depend on: releases, policies, CRDs, APIs.
    pub shared_version: u64,
}

impl World {
    /// What every stack is rendered from alike.
    #[must_use]
    pub const fn settings(&self) -> Settings {
        Settings { pod_security: self.fleet.tenant_pod_security, service_monitor: self.apis.service_monitor }
    }
}

/// A write that may have landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pledge {
    /// Of the object that it was made from: once it has another, what became of the write is seen.
    pub resource_version: String,
    /// When it cannot land any more.
    pub until: Timestamp,
}

impl Pledge {
    /// Whether that is still open.
    #[must_use]
    pub fn stands(&self, resource_version: &str, now: Timestamp) -> bool {
        self.resource_version == resource_version && now < self.until
    }
}

/// An object that our types cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    pub error: String,
    /// `metadata.generation` of what cannot be decoded.
    pub generation: i64,
    /// The object's own status says so already, about this generation.
    pub reported: bool,
}

/// Optional kinds that stacks may hold here: the cluster serves them, and Leasehold was told that it may read them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Apis {
    pub secret: bool,
    pub service_monitor: bool,
    pub pod_monitor: bool,
}

impl Apis {
    /// A cluster with everything.
    pub const ALL: Self = Self { secret: true, service_monitor: true, pod_monitor: true };

    /// Whether stacks may hold that kind here.
    #[must_use]
    pub fn has(&self, kind: &StackKind) -> bool {
        match kind.kind {
            "Secret" => self.secret,
            "ServiceMonitor" => self.service_monitor,
            "PodMonitor" => self.pod_monitor,
            _ => true,
        }
    }
}

/// One tenant and everything that carries its mark.
#[derive(Clone, Debug, Default)]
pub struct TenantSeen {
    /// `None`: objects carry the mark of a Tenant that does not exist (any more). They are left alone.
    pub tenant: Option<Arc<Tenant>>,
    /// When this process first saw the spec ask for its current version.
    pub desired_since: Timestamp,
    pub objects: Objects,
    /// By name. Boxed: a node of a map has room for eleven, and there are two.
    pub pods: BTreeMap<String, Box<PodSeen>>,
    /// Present while its operator's Lease is sampled.
    pub lease: Option<LeaseSeen>,
    /// UIDs of the pods that were marked, or for which a mark was refused.
    pub marked: Vec<String>,
    /// The last write for this tenant that failed; gone after one that succeeded.
    pub fault: Option<Fault>,
    /// Custom resources that were still there when they were last asked to go, while the tenant is offboarded.
    pub customs: Option<Customs>,
    /// Objects of the inventory that no watch shows and that were looked up, while the tenant is offboarded.
    pub lookups: BTreeMap<ObjectKey, Lookup>,
    /// Repairs of drift in a row: somebody may be working against us.
    pub repairs: Repairs,
    /// The number of the last change to anything above.
    pub version: Version,
}

/// A tenant's custom resources during its offboarding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customs {
    /// `Kind/name`, or why they could not be looked at.
    pub left: Vec<String>,
    pub at: Timestamp,
}

/// What a look at an object told that no watch shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It is not there; or it is the tenant's and got its label back, so that the watch shows it.
    Settled,
    /// It is there and does not carry this tenant's mark.
    Stray,
}

/// Repairs of drift that followed each other closely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    pub times: u32,
    pub last: Option<Timestamp>,
}

/// A write that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which object, as people name it.
    pub object: String,
    pub kind: FaultKind,
    pub message: String,
    pub at: Timestamp,
    /// Nothing is tried for this tenant before.
    pub retry_at: Timestamp,
    /// Failures in a row.
    pub times: u32,
}

impl Fault {
    /// Whether it was the Tenant itself that could not be written.
    #[must_use]
    pub fn is_of_tenant(&self) -> bool {
        self.object.starts_with("Tenant/")
    }
}

/// What a failed write was about, where it was about no tenant. A rollout and a release may be of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    Rollout,
    Slice,
    Release,
    /// A shared CRD, or the record of a change of it.
    Crd,
    Window,
    Approval,
}

/// What kind of failure a write met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The object exists and is not ours.
    Conflict,
    /// The API server refuses the content.
    Invalid,
    /// RBAC or an admission policy says no.
    Denied,
    /// The object changed under our hands: the next look will tell.
    Stale,
    /// Network, overload, time-out.
    Transient,
}
