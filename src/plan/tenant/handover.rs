//! Which old pod goes first when the operator is upgraded: that decides how long nobody leads.
//!
//! A standby that polls looks at the Lease at once when it starts, then sleeps: freeing the Lease just as the last new pod
//! starts (leader first) costs half a second, leader last up to two retry periods. A standby that watches takes a freed
//! Lease within milliseconds, so the leader goes last and leadership changes hands once.
use super::{stack::Rendered, step::Step};
use crate::{api::Standbys, domain::world::TenantSeen};

/// Lower than any pod without a mark, which counts 0.
const FIRST: &str = "-100";
/// Higher than any pod without a mark.
const LAST: &str = "100";

/// What an upgrade needs before the pod template may change.
#[derive(Debug, PartialEq)]
pub enum Before {
    /// The template may change now.
    Nothing,
    /// The Lease must be sampled first, to know who leads.
    Sample,
    Mark(Step),
}

/// What must happen before the pod template changes. Call it only when a change of the template is due.
#[must_use]
pub fn before(seen: &TenantSeen, standbys: Standbys) -> Before {
    let staying = seen.pods.values().filter(|pod| !pod.deleting).count();
    if staying < 2 {
        return Before::Nothing;
    }
    let Some(lease) = seen.lease.as_ref().filter(|lease| lease.known) else { return Before::Sample };
    let cost = match standbys {
        Standbys::Poll => FIRST,
        Standbys::Watch => LAST,
    };
    let leader = lease.holder_pod().and_then(|name| seen.pods.get_key_value(name)).filter(|(_, pod)| !pod.deleting);
    match leader {
        Some((name, pod)) if pod.deletion_cost.as_deref() != Some(cost) => {
            Before::Mark(Step::Mark { pod: name.clone(), uid: pod.uid.clone(), cost: Some(cost) })
        }
        _ => Before::Nothing,
    }
}

/// Takes a mark off a pod that outlived the upgrade it was set for.
#[must_use]
pub fn clean_up(seen: &TenantSeen, rendered: &Rendered) -> Option<Step> {
    let (name, pod) = seen.pods.iter().find(|(_, pod)| {
        super::evidence::is_current(pod, rendered) && matches!(pod.deletion_cost.as_deref(), Some(FIRST | LAST))
    })?;
    Some(Step::Mark { pod: name.clone(), uid: pod.uid.clone(), cost: None })
}
