//! One tenant's facts → what the wave engine knows of it.
use jiff::Timestamp;

use super::{evidence::Evidence, facts::Shared, grant::Found};
use crate::{
    api::{Mode, RolloutTarget, Tenant},
    domain::{
        digest::Revision,
        fleet::{Health, Member, Standing},
        report::Report,
        world::{FaultKind, TenantSeen},
    },
};

/// The member, as far as this tenant alone decides it.
pub fn member(
    tenant: &Tenant,
    seen: &TenantSeen,
    (found, own): (&Found, &str),
    desired: Option<RolloutTarget>,
    blocked: Option<&Report>,
    evidence: Option<&Evidence>,
    shared: &Shared,
) -> Member {
    let rejected = tenant.status.iter().flat_map(|s| &s.rejected);
    Member {
        uid: tenant.metadata.uid.clone().unwrap_or_default(),
        labels: tenant.metadata.labels.clone().unwrap_or_default(),
        operator: tenant.spec.operator.clone(),
        policy: tenant.spec.rollout_policy.clone(),
        desired,
        desired_since: seen.desired_since,
        granted: found.granted(tenant.status.as_ref(), own, shared.now),
        health: evidence.map_or_else(|| unrendered(tenant, found, shared), |e| e.health.clone()),
        standing: standing(tenant, shared.now),
        blocked: blocked.map(|report| report.note.clone()).or_else(|| refused(seen)),
        refused: None,
        rejected: rejected.filter_map(|r| Some(Revision::parse(&r.revision)?.release)).collect(),
    }
}

/// How a tenant does whose granted revision cannot be rendered any more: a value was edited into nonsense, its release was
/// deleted. What ran goes on running. What was not proven yet never will be, and must not hold its wave up for ever; but that
/// the fleet's ceilings are not known just now is not charged to it.
fn unrendered(tenant: &Tenant, found: &Found, shared: &Shared) -> Health {
    let Some(grant) = found.grant() else { return Health::Moving };
    let running = tenant.status.as_ref().and_then(|s| s.running.as_ref());
    let half = |revision: &str| Revision::parse(revision).map(|r| r.release);
    if running.is_some_and(|running| half(&running.revision) == half(&grant.revision)) {
        return Health::Proven;
    }
    if shared.unread.is_some() {
        return Health::Moving;
    }
    let message = "what was granted cannot be rendered any more: see the Tenant's Stalled condition".to_owned();
    Health::Failed { reason: "Refused".into(), message, at: shared.now }
}

/// A Tenant whose own status the API server refuses can take no grant, and so no slot in a wave. A refused stack is
/// another matter: what is asked for may be the fix.
fn refused(seen: &TenantSeen) -> Option<String> {
    let fault =
        seen.fault.as_ref().filter(|f| f.is_of_tenant() && matches!(f.kind, FaultKind::Invalid | FaultKind::Denied))?;
    Some(format!("{}: {}", fault.object, fault.message))
}

fn standing(tenant: &Tenant, now: Timestamp) -> Standing {
    if tenant.metadata.deletion_timestamp.is_some() {
        return Standing::Deleting;
    }
    if tenant.spec.mode == Mode::Paused {
        return Standing::Paused;
    }
    let held: Vec<String> = tenant
        .spec
        .holds
        .iter()
        .filter(|h| h.until.is_none_or(|until| until.0 > now))
        .map(|h| h.name.clone())
        .collect();
    if held.is_empty() { Standing::Active } else { Standing::Held(held) }
}
