//! How a tenant goes: from its inventory, never by rendering, so that it works when the release is gone.
//!
//! Workloads are scaled to zero first, so that the operator can release its Lease and finalize while it still has its
//! rights; NetworkPolicies go after the pods (CVE-2024-7598); the Namespace goes last.
use super::step::{Step, Target};
use crate::{
    api::{DeletionPolicy, Tenant},
    domain::{
        object::{ObjectKey, Seen},
        world::TenantSeen,
    },
};

/// The next step of an offboarding, and what still blocks it.
#[derive(Debug, PartialEq)]
pub struct Farewell {
    pub step: Option<Step>,
    pub blockers: Vec<String>,
}

/// Decides the next step. Objects without our tenant UID are none of ours and stay.
#[must_use]
pub fn next(tenant: &Tenant, seen: &TenantSeen) -> Farewell {
    let uid = tenant.metadata.uid.as_deref();
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

fn target((key, object): (&ObjectKey, &Seen)) -> Target {
    Target { key: key.clone(), uid: object.uid.clone() }
}

/// Takes our marks off what stays, then lets the Tenant go.
fn leave(marked: Vec<Target>) -> Farewell {
    let step = if marked.is_empty() { Step::RemoveFinalizer } else { Step::Unmark(marked) };
    Farewell { step: Some(step), blockers: Vec::new() }
}

/// Namespace, data and what bounds them stay; the operator and its rights go.
fn stays_when_retained(key: &ObjectKey) -> bool {
    matches!(
        key.kind.as_str(),
        "Namespace" | "ResourceQuota" | "LimitRange" | "NetworkPolicy" | "PersistentVolumeClaim" | "ConfigMap"
    )
}

/// The order of removal: lower goes first.
fn rank(key: &ObjectKey) -> u8 {
    match key.kind.as_str() {
        "Deployment" | "StatefulSet" | "PodDisruptionBudget" | "Service" | "ServiceMonitor" => 0,
        "RoleBinding" | "Role" | "ServiceAccount" | "ConfigMap" => 1,
        "NetworkPolicy" | "ResourceQuota" | "LimitRange" | "PersistentVolumeClaim" => 2,
        _ => 3,
    }
}

fn remove(seen: &TenantSeen, go: &[(&ObjectKey, &Seen)]) -> Farewell {
    let running: Vec<Target> = go
        .iter()
        .filter(|(_, object)| !object.deleting && object.workload.as_ref().is_some_and(|w| w.wanted > 0))
        .map(|entry| target(*entry))
        .collect();
    if !running.is_empty() {
        return Farewell { step: Some(Step::Scale(running)), blockers: Vec::new() };
    }
    if !seen.pods.is_empty() && go.iter().any(|(_, object)| object.workload.is_some()) {
        let blockers = seen.pods.keys().map(|pod| format!("Pod/{pod} is still stopping")).collect();
        return Farewell { step: None, blockers };
    }
    let Some(lowest) = go.iter().map(|(key, _)| rank(key)).min() else {
        return Farewell { step: None, blockers: Vec::new() };
    };
    let batch = || go.iter().filter(|(key, _)| rank(key) == lowest);
    let targets: Vec<Target> = batch().filter(|(_, o)| !o.deleting).map(|entry| target(*entry)).collect();
    let blockers = batch().filter(|(_, o)| o.deleting).map(|(key, o)| blocker(key, o)).collect();
    Farewell { step: (!targets.is_empty()).then_some(Step::Delete(targets)), blockers }
}

fn blocker(key: &ObjectKey, object: &Seen) -> String {
    let mut text = format!("{} is being deleted", key.spoken());
    if !object.finalizers.is_empty() {
        text += &format!("; it waits for its finalizers {}", object.finalizers.join(", "));
    }
    if let Some(why) = &object.remaining {
        text += &format!("; {why}");
    }
    text.chars().take(500).collect()
}
