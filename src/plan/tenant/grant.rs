//! What a tenant asks for, what it was granted, and how a grant comes about without the wave engine:
//! a first install, and the tenant's own edit.
use jiff::Timestamp;

use crate::api::RolloutTarget;
use crate::{
    api::{Grant, Tenant, Time},
    domain::{digest::Revision, fleet::Granted, world::TenantSeen},
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
        grants.max_by_key(|g| (g.epoch, g.at)).map_or(Self::Lost, Self::Workload)
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

/// The version and release digest that a grant stands for.
#[must_use]
pub fn target(grant: &Grant) -> RolloutTarget {
    let digest = Revision::parse(&grant.revision).map(|r| r.release).unwrap_or_default();
    RolloutTarget { version: grant.version.clone(), digest }
}

/// A grant outside any rollout: a tenant's first.
#[must_use]
pub fn first(version: &str, revision: &Revision, epoch: i64, now: Timestamp) -> Grant {
    Grant {
        version: version.into(),
        revision: revision.to_string(),
        rollout: None,
        wave: None,
        at: Time::millis(now),
        epoch,
        broken_before: false,
    }
}

/// The same grant with the tenant's own new parameters. Inside a rollout that is not proven yet the clock of its deadline
/// runs on; else the proof starts anew from now.
#[must_use]
pub fn edited(old: &Grant, revision: &Revision, proven: bool, epoch: i64, now: Timestamp) -> Grant {
    let at = if proven { Time::millis(now) } else { old.at };
    Grant { revision: revision.to_string(), at, epoch, ..old.clone() }
}
