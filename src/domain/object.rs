//! Observed objects, reduced to what decisions need.
use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    fmt,
    ops::{Deref, DerefMut},
};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    epoch::Epoch,
    kinds::{self, StackKind},
};

/// Which object: group, kind, namespace (empty for cluster-scoped) and name. In order of kinds: of one tenant's objects most
/// differ in that, and all are in one namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectKey {
    pub kind: String,
    pub name: String,
    pub namespace: String,
    pub group: String,
}

impl fmt::Display for ObjectKey {
    /// `<namespace>_<name>_<group>_<kind>`, the inventory format that Flux and cli-utils use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}_{}", self.namespace, self.name, self.group, self.kind)
    }
}

impl ObjectKey {
    /// Reads an inventory entry. Kubernetes names hold no `_`, so the four parts are unambiguous.
    #[must_use]
    pub fn parse(entry: &str) -> Option<Self> {
        let mut parts = entry.split('_').map(String::from);
        let key = Self { namespace: parts.next()?, name: parts.next()?, group: parts.next()?, kind: parts.next()? };
        (parts.next().is_none() && !key.name.is_empty() && !key.kind.is_empty()).then_some(key)
    }

    /// The namespace it stands in; a Namespace stands in itself.
    #[must_use]
    pub fn home(&self) -> &str {
        if self.namespace.is_empty() { &self.name } else { &self.namespace }
    }

    /// `Deployment/memcached`: how people name it.
    #[must_use]
    pub fn spoken(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// The kind's entry in the table of kinds that stacks may hold.
    #[must_use]
    pub fn stack_kind(&self) -> Option<&'static StackKind> {
        kinds::find(&self.group, &self.kind)
    }
}

/// An object of a stack as the watch showed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub uid: String,
    pub resource_version: String,
    /// Value of the tenant label.
    pub tenant: String,
    pub tenant_uid: Option<String>,
    /// Digest of what was rendered when it was last applied.
    pub digest: Option<String>,
    /// The term of Leasehold that wrote it last.
    pub epoch: Option<Epoch>,
    pub deleting: bool,
    pub finalizers: Vec<String>,
    /// What keeps a Namespace from going, in the namespace controller's words.
    pub remaining: Option<String>,
    /// The grant that a workload was rendered from, as JSON.
    pub grant: Option<String>,
    /// The object as JSON, without status, managed fields and what the API server numbers.
    /// Empty where `as_applied` says enough.
    pub content: Box<str>,
    /// Every field that we own is as `digest` says: nobody changed anything.
    pub as_applied: bool,
    /// Boxed: of ten objects nine have none.
    pub workload: Option<Box<WorkloadSeen>>,
}

/// Progress of a Deployment or StatefulSet, from its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadSeen {
    pub generation: i64,
    pub observed_generation: i64,
    pub wanted: i64,
    pub replicas: i64,
    pub updated: i64,
    pub available: i64,
    /// Message of a `ReplicaFailure` condition: pods that the API server refused.
    pub refused: Option<String>,
}

impl WorkloadSeen {
    /// Every replica is updated and available, no old one is left, and the controller has seen the last change.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.observed_generation >= self.generation
            && [self.replicas, self.updated, self.available].iter().all(|n| *n == self.wanted)
    }
}

/// A pod of a tenant's operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodSeen {
    pub uid: String,
    pub resource_version: String,
    pub tenant: String,
    /// UID of the Tenant whose stack made it. One that was left behind (`Orphan`) is of a Tenant that is gone.
    pub tenant_uid: Option<String>,
    pub namespace: String,
    pub pod_revision: Option<String>,
    pub ready: bool,
    pub deleting: bool,
    pub restarts: i64,
    /// Reason and message of a container that waits.
    pub waiting: Option<(String, String)>,
    pub deletion_cost: Option<String>,
    pub created: Option<Timestamp>,
}

/// Why a container waits that will not come up by itself.
const HOPELESS: [&str; 5] =
    ["CrashLoopBackOff", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"];

impl PodSeen {
    /// Whether a container waits for a reason that may be a failure.
    #[must_use]
    pub fn is_in_trouble(&self) -> bool {
        self.waiting.as_ref().is_some_and(|(reason, _)| HOPELESS.contains(&reason.as_str()))
    }
}

/// A tenant operator's Lease while it is sampled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseSeen {
    /// The first answer is there: an absent Lease is known to be absent.
    pub known: bool,
    /// Empty when nobody holds it or it does not exist.
    pub holder: String,
    pub transitions: i32,
    pub acquired: Option<Timestamp>,
    pub renewed: Option<Timestamp>,
    /// Milliseconds during which nobody led, from the first look to the last takeover, on our own monotonic clock. A holder that
    /// let it run out counts as gone since its last renewal.
    pub leaderless_milliseconds: i64,
    /// How often another process became the holder since the first look.
    pub handovers: i32,
    /// Revisions of the pods that were ready at the first look.
    pub ready_before: BTreeSet<String>,
    /// Fewer pods were ready and stayed at the first look than there should be: one that led may have gone before.
    pub began_late: bool,
    /// UIDs of the pods that were there when it was seen free, without one that was evicted since; empty while somebody
    /// holds it.
    pub pods_when_freed: BTreeSet<String>,
}

impl LeaseSeen {
    /// The pod's part of the holder's identity, `<pod>_<unique>`.
    #[must_use]
    pub fn holder_pod(&self) -> Option<&str> {
        pod_of(&self.holder)
    }
}

/// The pod's part of an identity, `<pod>_<unique>`.
#[must_use]
pub fn pod_of(identity: &str) -> Option<&str> {
    identity.split('_').next().filter(|pod| !pod.is_empty())
}

/// The objects of one stack by key. Whoever may have changed one has counted that: what was worked out of them holds as long
/// as the count does.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    by_key: BTreeMap<ObjectKey, Seen>,
    changes: u64,
}

impl Objects {
    /// Changes so far, or what may have been one.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// Takes in that an object has another version and is the same otherwise, which is no change.
    pub fn renumber(&mut self, key: &ObjectKey, version: String) {
        if let Some(seen) = self.by_key.get_mut(key) {
            seen.resource_version = version;
        }
    }
}

impl Deref for Objects {
    type Target = BTreeMap<ObjectKey, Seen>;

    fn deref(&self) -> &Self::Target {
        &self.by_key
    }
}

impl DerefMut for Objects {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.changes += 1;
        &mut self.by_key
    }
}

impl<'a> IntoIterator for &'a Objects {
    type Item = (&'a ObjectKey, &'a Seen);
    type IntoIter = btree_map::Iter<'a, ObjectKey, Seen>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_key.iter()
    }
}
