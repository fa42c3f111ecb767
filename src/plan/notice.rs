//! What is worth an event, worked out from what a write changes.
use std::collections::BTreeMap;

use super::tenant::{Step, Why};
use crate::{
    api::{CrdPhase, CrdUpgradeStatus, TenantStatus},
    domain::{object::ObjectKey, world::Lookup},
};

/// An event about one object: reason for programs, note for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    pub warning: bool,
    pub reason: String,
    pub note: String,
}

impl Notice {
    fn new(warning: bool, reason: &str, note: impl Into<String>) -> Self {
        // The API allows a kilobyte.
        Self { warning, reason: reason.into(), note: note.into().chars().take(1000).collect() }
    }
}

/// The event about objects that an offboarding leaves as they are.
#[must_use]
pub fn left_behind(lookups: &BTreeMap<ObjectKey, Lookup>) -> Option<Notice> {
    let strays = lookups.iter().filter(|(_, lookup)| **lookup == Lookup::Stray).map(|(key, _)| key.spoken());
    let strays: Vec<String> = strays.collect();
    let note = format!(
        "in the inventory, and not this tenant's by their marks: neither changed nor deleted, unless their namespace is: {}",
        strays.join(", ")
    );
    (!strays.is_empty()).then(|| Notice::new(true, "LeftBehind", note))
}

/// The event of a shared CRD's next phase.
#[must_use]
pub fn of_crd(old: Option<&CrdUpgradeStatus>, new: &CrdUpgradeStatus) -> Option<Notice> {
    let stalled =
        |status: &CrdUpgradeStatus| status.conditions.iter().any(|c| c.type_ == "Stalled" && c.status == "True");
    if old.is_some_and(|old| old.phase == new.phase && stalled(old) == stalled(new)) {
        return None;
    }
    let (warning, reason) = match new.phase {
        CrdPhase::Refused => (true, "CrdChangeRefused".to_owned()),
        phase if stalled(new) => (true, format!("Crd{phase:?}Stalled")),
        phase => (false, format!("Crd{phase:?}")),
    };
    Some(Notice::new(warning, &reason, new.message.clone()))
}

/// The events of one step of a tenant, once it succeeded.
#[must_use]
pub fn of_step(step: &Step, old: Option<&TenantStatus>) -> Vec<Notice> {
    match step {
        Step::Status(new) => of_status(&old.cloned().unwrap_or_default(), new),
        Step::Apply(stages) => {
            // Before the granted revision is proven, a missing object is one that was never there.
            let settled = old.is_some_and(|s| {
                s.running.as_ref().map(|r| &r.revision) == s.granted.as_ref().map(|g| &g.revision)
                    && s.running.is_some()
            });
            let drifted = stages.iter().flatten().filter_map(|apply| match &apply.why {
                Why::Drift(fields) => Some(format!("{} ({})", apply.object.key.spoken(), fields.join(", "))),
                Why::Missing if settled => Some(format!("{} (deleted)", apply.object.key.spoken())),
                Why::Missing | Why::Rendered => None,
            });
            let drifted: Vec<String> = drifted.collect();
            if drifted.is_empty() {
                return Vec::new();
            }
            vec![Notice::new(
                true,
                "DriftRepaired",
                format!("put back what somebody else changed: {}", drifted.join(", ")),
            )]
        }
        Step::Delete(targets) => {
            let names: Vec<String> = targets.iter().map(|t| t.key.spoken()).collect();
            vec![Notice::new(false, "Removed", format!("removed {}", names.join(", ")))]
        }
        Step::Evict { pod, .. } => {
            let note = format!(
                "evicted Pod/{pod}: nobody holds the operator's Lease, and a standby that polls looks at it when it starts"
            );
            vec![Notice::new(false, "StandbyRestarted", note)]
        }
        Step::AddFinalizer
        | Step::RemoveFinalizer
        | Step::Mark { .. }
        | Step::Scale(_)
        | Step::Unmark(_)
        | Step::Recall(_)
        | Step::Finalize(_) => Vec::new(),
    }
}

fn of_status(old: &TenantStatus, new: &TenantStatus) -> Vec<Notice> {
    let mut notices = Vec::new();
    let granted = |s: &TenantStatus| s.granted.as_ref().map(|g| (g.version.clone(), g.rollout.clone()));
    if granted(old) != granted(new)
        && let Some(grant) = &new.granted
    {
        let by = grant.rollout.as_ref().map_or(String::new(), |rollout| {
            format!(" by Rollout {rollout}, wave {}", grant.wave.as_deref().unwrap_or("?"))
        });
        notices.push(Notice::new(false, "Granted", format!("version {} granted{by}", grant.version)));
    }
    match (&old.running, &new.running) {
        (None, Some(running)) => {
            notices.push(Notice::new(false, "TenantOnboarded", format!("version {} runs and leads", running.version)));
        }
        (Some(before), Some(now)) if before.version != now.version => {
            let gap = new.last_upgrade.as_ref().and_then(|u| u.leaderless_milliseconds);
            let gap = gap.map_or(String::new(), |ms| format!("; nobody led for {ms} ms"));
            notices.push(Notice::new(false, "TenantUpgraded", format!("{} → {}{gap}", before.version, now.version)));
        }
        _ => {}
    }
    if let Some(failure) = new.failure.as_ref().filter(|f| old.failure.as_ref() != Some(*f)) {
        notices.push(Notice::new(true, "TenantFailed", format!("{}: {}", failure.reason, failure.message)));
    }
    let stalled = |s: &TenantStatus| s.conditions.iter().find(|c| c.type_ == "Stalled").cloned();
    if let Some(condition) = stalled(new).filter(|c| stalled(old).is_none_or(|o| o.reason != c.reason)) {
        notices.push(Notice::new(true, "Stalled", format!("{}: {}", condition.reason, condition.message)));
    }
    let waits = |s: &TenantStatus| {
        let waiting = s.summary.starts_with("Waiting");
        s.conditions.iter().find(|c| waiting && c.type_ == "Reconciling" && c.status == "True").cloned()
    };
    if let Some(condition) = waits(new).filter(|c| waits(old).is_none_or(|o| o.reason != c.reason)) {
        notices.push(Notice::new(false, &format!("WaitingOn{}", condition.reason), condition.message));
    }
    let drifted = |s: &TenantStatus| s.conditions.iter().find(|c| c.type_ == "Drifted").cloned();
    if let Some(condition) = drifted(new).filter(|c| drifted(old).is_none_or(|o| o.message != c.message)) {
        notices.push(Notice::new(true, "Drifted", condition.message));
    }
    notices
}
