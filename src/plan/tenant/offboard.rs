//! How a tenant goes: from its inventory and its marks, never by rendering, so that it works when the release is gone.
//!
//! What no watch shows is looked up first: an object that lost its label by hand is still the tenant's by its UID, and must
//! not outlive it. What carries no mark of the tenant is not ours, in the inventory or not: it is named, and stays.
//! Workloads are scaled to zero first, so that the operator can release its Lease and finalize while it still has its
//! rights; NetworkPolicies go after the pods (CVE-2024-7598); the Namespace goes last.
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::step::{CustomKind, Step, Target};
use crate::{
    api::{DeletionPolicy, Tenant},
    domain::{
        object::{ObjectKey, Seen},
        world::TenantSeen,
    },
};

/// How long custom resources may take to finalize before their operator goes all the same: a finalizer that hangs must not
/// keep a customer's namespace for ever. What is left then goes with the namespace.
const FINALIZE: SignedDuration = SignedDuration::from_secs(60);
/// How often it is looked whether they are gone.
const LOOK: SignedDuration = SignedDuration::from_secs(1);

/// The next step of an offboarding, and what still blocks it.
#[derive(Debug, PartialEq)]
pub struct Farewell {
    pub step: Option<Step>,
    pub blockers: Vec<String>,
    /// When to look again though nothing happened.
    pub wake: Option<Timestamp>,
}

/// Decides the next step. Objects without our tenant UID are none of ours and stay.
#[must_use]
pub fn next(tenant: &Tenant, seen: &TenantSeen, customs: &[CustomKind], now: Timestamp) -> Farewell {
    let uid = tenant.metadata.uid.as_deref();
    let unseen = unseen(tenant, seen);
    if !unseen.is_empty() {
        return Farewell { step: Some(Step::Recall(unseen)), blockers: Vec::new(), wake: None };
    }
    if let Some(farewell) = finalize(tenant, seen, customs, now) {
        return farewell;
    }
    let ours = || seen.objects.iter().filter(|(_, object)| object.tenant_uid.as_deref() == uid);
    match tenant.spec.deletion_policy {
        DeletionPolicy::Orphan => leave(ours().map(target).collect()),
        DeletionPolicy::Retain => {
            let (keep, go): (Vec<_>, Vec<_>) = ours().partition(|(key, _)| stays_when_retained(key));
            let farewell = remove(seen, &go);
            if go.is_empty() { leave(keep.into_iter().map(target).collect()) } else { farewell }
        }
        DeletionPolicy::Delete => {
            let all: Vec<_> = ours().collect();
            if all.is_empty() { leave(Vec::new()) } else { remove(seen, &all) }
        }
    }
}

/// Objects of the inventory that no watch shows and nobody has looked up, in the tenant's own namespace: never created, gone,
/// or without their label. The Namespace comes first, because only in a namespace that is the tenant's may anything become its own again.
fn unseen(tenant: &Tenant, seen: &TenantSeen) -> Vec<ObjectKey> {
    let entries = tenant.status.iter().flat_map(|status| &status.inventory).flat_map(|inventory| &inventory.entries);
    let home = tenant.target_namespace();
    let ours = |key: &ObjectKey| key.home() == home && key.stack_kind().is_some();
    let known = |key: &ObjectKey| seen.objects.contains_key(key) || seen.lookups.contains_key(key);
    let keys = entries.filter_map(|entry| ObjectKey::parse(entry));
    let unseen: BTreeSet<ObjectKey> = keys.filter(|key| ours(key) && !known(key)).collect();
    let (mut first, rest): (Vec<_>, Vec<_>) = unseen.into_iter().partition(|key| key.namespace.is_empty());
    first.extend(rest);
    first
}

/// The custom resources go first: only while the operator runs can it finalize them.
fn finalize(tenant: &Tenant, seen: &TenantSeen, customs: &[CustomKind], now: Timestamp) -> Option<Farewell> {
    let since = tenant.metadata.deletion_timestamp.as_ref()?.0;
    let running = seen.objects.values().any(|o| o.workload.as_ref().is_some_and(|w| w.wanted > 0 && w.available > 0));
    let done = seen.customs.as_ref().is_some_and(|c| c.left.is_empty());
    let delete = tenant.spec.deletion_policy == DeletionPolicy::Delete;
    if !delete || customs.is_empty() || !running || done || now.duration_since(since) > FINALIZE {
        return None;
    }
    let (left, looked) = seen.customs.as_ref().map_or((Vec::new(), None), |c| (c.left.clone(), Some(c.at)));
    let again = looked.and_then(|at| at.checked_add(LOOK).ok()).filter(|again| *again > now);
    let step = again.is_none().then(|| Step::Finalize(customs.to_vec()));
    let blockers = left.iter().map(|name| format!("{name} is being finalized by its operator")).collect();
    Some(Farewell { step, blockers, wake: again })
}

fn target((key, object): (&ObjectKey, &Seen)) -> Target {
    Target { key: key.clone(), uid: object.uid.clone() }
}

/// Takes our marks off what stays, then lets the Tenant go.
fn leave(marked: Vec<Target>) -> Farewell {
    let step = if marked.is_empty() { Step::RemoveFinalizer } else { Step::Unmark(marked) };
    Farewell { step: Some(step), blockers: Vec::new(), wake: None }
}

/// Namespace, data and what bounds them stay; the operator and its rights go.
fn stays_when_retained(key: &ObjectKey) -> bool {
    key.stack_kind().is_some_and(|kind| kind.retained)
}

/// The order of removal: lower goes first.
fn rank(key: &ObjectKey) -> u8 {
    key.stack_kind().map_or(0, |kind| kind.farewell)
}

fn remove(seen: &TenantSeen, go: &[(&ObjectKey, &Seen)]) -> Farewell {
    let running: Vec<Target> = go
        .iter()
        .filter(|(_, object)| !object.deleting && object.workload.as_ref().is_some_and(|w| w.wanted > 0))
        .map(|entry| target(*entry))
        .collect();
    if !running.is_empty() {
        return Farewell { step: Some(Step::Scale(running)), blockers: Vec::new(), wake: None };
    }
    if !seen.pods.is_empty() && go.iter().any(|(_, object)| object.workload.is_some()) {
        let blockers = seen.pods.keys().map(|pod| format!("Pod/{pod} is still stopping")).collect();
        return Farewell { step: None, blockers, wake: None };
    }
    let Some(lowest) = go.iter().map(|(key, _)| rank(key)).min() else {
        return Farewell { step: None, blockers: Vec::new(), wake: None };
    };
    let batch = || go.iter().filter(|(key, _)| rank(key) == lowest);
    let targets: Vec<Target> = batch().filter(|(_, o)| !o.deleting).map(|entry| target(*entry)).collect();
    let blockers = batch().filter(|(_, o)| o.deleting).map(|(key, o)| blocker(key, o)).collect();
    Farewell { step: (!targets.is_empty()).then_some(Step::Delete(targets)), blockers, wake: None }
}

fn blocker(key: &ObjectKey, object: &Seen) -> String {
    let mut text = format!("{} is being deleted", key.spoken());
    if !object.finalizers.is_empty() {
        text = format!("{text}; it waits for its finalizers {}", object.finalizers.join(", "));
    }
    if let Some(why) = &object.remaining {
        text = format!("{text}; {why}");
    }
    text.chars().take(500).collect()
}
