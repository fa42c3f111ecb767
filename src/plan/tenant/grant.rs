//! What a tenant asks for, what it was granted, and how a grant comes about without the wave engine:
//! a first install, and the tenant's own edit.
use std::cmp::Ordering;

use jiff::Timestamp;

use crate::api::RolloutTarget;
use crate::{
    api::{Grant, Tenant, Time},
    domain::{digest::Revision, epoch::Epoch, fleet::Granted, world::TenantSeen},
};

/// Where a tenant's grant was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// In its status.
    Status(Grant),
    /// On its workload: the status was lost, and is rebuilt from there (invariant 13).
    Workload(Grant),
    /// Nowhere, yet there are objects of it: never treated as new, it moves through waves.
    Lost,
    /// Nowhere, and nothing of it exists: a new tenant.
    New,
}

impl Found {
    /// Looks for the grant: in the status, else on the workloads.
    #[must_use]
    pub fn search(tenant: &Tenant, seen: &TenantSeen) -> Self {
        if let Some(grant) = tenant.status.as_ref().and_then(|s| s.granted.clone()) {
            return Self::Status(grant);
        }
        let uid = tenant.metadata.uid.as_deref();
        let mut ours = seen.objects.values().filter(|o| o.tenant_uid.as_deref() == uid).peekable();
        if ours.peek().is_none() {
            return Self::New;
        }
        let grants = ours.filter_map(|o| serde_json::from_str::<Grant>(o.grant.as_deref()?).ok());
        grants.reduce(newer).map_or(Self::Lost, Self::Workload)
    }

    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Status(grant) | Self::Workload(grant) => Some(grant),
            Self::Lost | Self::New => None,
        }
    }

    /// What the wave engine is told. A tenant whose grant is lost counts as granted something unknown, so that whatever
    /// it asks for comes to it through a wave.
    #[must_use]
    pub fn granted(&self) -> Option<Granted> {
        match self {
            Self::New => None,
            Self::Lost => Some(Granted {
                target: RolloutTarget { version: "0.0.0".into(), digest: String::new() },
                rollout: None,
                wave: None,
                at: Timestamp::UNIX_EPOCH,
                broken_before: true,
            }),
            Self::Status(g) | Self::Workload(g) => Some(Granted {
                target: target(g),
                rollout: g.rollout.clone(),
                wave: g.wave.clone(),
                at: g.at.0,
                broken_before: g.broken_before,
            }),
        }
    }
}

/// The later one of two grants. Of one Lease's terms the later term decides, whatever the clocks of the two leaders said;
/// between two Leases, or within one term, only time can tell.
fn newer(one: Grant, other: Grant) -> Grant {
    let term = |grant: &Grant| grant.lease.as_deref().map(|lease| Epoch::new(lease, grant.epoch)).unwrap_or_default();
    match term(&one).partial_cmp(&term(&other)) {
        Some(Ordering::Less) => other,
        Some(Ordering::Greater) => one,
        _ if one.at < other.at => other,
        _ => one,
    }
}

/// The version and release digest that a grant stands for.
#[must_use]
pub fn target(grant: &Grant) -> RolloutTarget {
    let digest = Revision::parse(&grant.revision).map(|r| r.release).unwrap_or_default();
    RolloutTarget { version: grant.version.clone(), digest }
}

/// A grant outside any rollout: a tenant's first.
#[must_use]
pub fn first(version: &str, revision: &Revision, epoch: &Epoch, now: Timestamp) -> Grant {
    Grant {
        version: version.into(),
        revision: revision.to_string(),
        rollout: None,
        wave: None,
        at: Time::millis(now),
        epoch: epoch.transitions(),
        lease: epoch.lease().map(str::to_owned),
        broken_before: false,
        transitions: None,
    }
}

/// The same grant with the tenant's own new parameters. Inside a rollout that is not proven yet the clock of its deadline
/// runs on; else the proof starts anew from now.
#[must_use]
pub fn edited(old: &Grant, revision: &Revision, proven: bool, epoch: &Epoch, now: Timestamp) -> Grant {
    let new = first(&old.version, revision, epoch, now);
    let at = if proven { new.at } else { old.at };
    Grant { revision: new.revision, at, epoch: new.epoch, lease: new.lease, ..old.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(lease: &str, epoch: i64, at: i64) -> Grant {
        let revision = Revision { release: "r".into(), parameters: "p".into() };
        first("1.0.0", &revision, &Epoch::new(lease, epoch), Timestamp::from_second(at).unwrap())
    }

    #[test]
    fn within_one_lease_the_later_term_s_grant_counts_and_between_two_the_later_one() {
        let (behind, ahead) = (granted("a", 3, 90), granted("a", 4, 80));
        assert_eq!(newer(behind.clone(), ahead.clone()), ahead, "whatever the clocks said");
        assert_eq!(newer(ahead.clone(), behind), ahead);
        let anew = granted("b", 0, 100);
        assert_eq!(newer(ahead.clone(), anew.clone()), anew, "a Lease made anew counts from 0");
        assert_eq!(newer(anew.clone(), ahead), anew);
    }
}
