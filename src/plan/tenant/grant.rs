//! What a tenant asks for, what it was granted, and how a grant comes about without the wave engine:
//! a first install, and the tenant's own edit.
use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use super::record;
use crate::api::RolloutTarget;
use crate::{
    api::{Grant, Settings, Tenant, TenantStatus, Time},
    domain::{
        digest::Revision,
        epoch::Epoch,
        fleet::{Granted, OwnEdit},
        marks,
        world::TenantSeen,
    },
};

/// Where a tenant's grant was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// In its status.
    Status(Grant),
    /// On its workload: the status was lost, and is rebuilt from there (invariant 13).
    Workload(Grant),
    /// Nowhere, yet there are objects of it: never treated as new, it moves through waves. With the version that runs, where
    /// a workload or a person still says so.
    Lost(Option<String>),
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
        let ours = || seen.objects.values().filter(|o| o.tenant_uid.as_deref() == uid);
        if ours().next().is_none() {
            return Self::New;
        }
        let grants = ours().filter_map(|o| serde_json::from_str::<Grant>(o.grant.as_deref()?).ok());
        let version = || ours().find_map(|o| version_in(o.grant.as_deref()?)).or_else(|| told(tenant));
        grants.reduce(newer).map_or_else(|| Self::Lost(version()), Self::Workload)
    }

    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Status(grant) | Self::Workload(grant) => Some(grant),
            Self::Lost(_) | Self::New => None,
        }
    }

    /// What the wave engine is told. A tenant whose grant is lost counts as granted its version with unknown content, so
    /// that whatever it asks for comes to it through a wave, by a legal step; without even the version there is no step.
    #[must_use]
    pub fn granted(&self, status: Option<&TenantStatus>, own: &str, now: Timestamp) -> Option<Granted> {
        match self {
            Self::New => None,
            Self::Lost(version) => Some(Granted {
                target: RolloutTarget { version: version.clone().unwrap_or_default(), digest: String::new() },
                rollout: None,
                wave: None,
                at: Timestamp::UNIX_EPOCH,
                broken_before: true,
                own_edit: OwnEdit::No,
                from: None,
                towards: None,
                paused: 0,
            }),
            Self::Status(grant) | Self::Workload(grant) => Some(granted(grant, status, Some(own), now)),
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

/// The version in a grant that cannot be read as a whole: another Leasehold wrote it, or somebody cut it.
fn version_in(annotation: &str) -> Option<String> {
    let value: Value = serde_json::from_str(annotation).ok()?;
    semantic(value.get("version")?.as_str()?)
}

/// What a person says the tenant runs.
fn told(tenant: &Tenant) -> Option<String> {
    semantic(tenant.metadata.annotations.as_ref()?.get(marks::RUNS)?)
}

fn semantic(text: &str) -> Option<String> {
    semver::Version::parse(text.trim()).ok().map(|version| version.to_string())
}

/// A grant as the wave engine sees it. `own`: digest of the tenant's parameters as they are now.
#[must_use]
pub fn granted(grant: &Grant, status: Option<&TenantStatus>, own: Option<&str>, now: Timestamp) -> Granted {
    Granted {
        target: target(grant),
        rollout: grant.rollout.clone(),
        wave: grant.wave.clone(),
        at: grant.at.0,
        broken_before: grant.broken_before,
        own_edit: own_edit(grant, status, own),
        from: grant.from.clone(),
        towards: grant.towards.clone(),
        paused: record::paused_for(status.and_then(|s| s.paused), now),
    }
}

/// The second half of a revision is the tenant's own. While it is another than the rollout granted, and not proven, what
/// happens is the tenant's own affair.
fn own_edit(grant: &Grant, status: Option<&TenantStatus>, own: Option<&str>) -> OwnEdit {
    let running = status.and_then(|s| s.running.as_ref()).map(|running| &running.revision);
    let revision = Revision::parse(&grant.revision);
    let ahead = revision.as_ref().zip(own).is_some_and(|(revision, own)| revision.parameters != own);
    if !(grant.edited || ahead) || running == Some(&grant.revision) {
        return OwnEdit::No;
    }
    let proven = running.and_then(|running| Revision::parse(running)).map(|running| running.release);
    if proven.is_some() && proven == revision.map(|revision| revision.release) {
        OwnEdit::AfterProof
    } else {
        OwnEdit::OnTheWay
    }
}

/// Whether this very grant was proven. That its revision was proven once, before the tenant had another one in between, says
/// nothing about it.
#[must_use]
pub fn is_proven(grant: &Grant, status: Option<&TenantStatus>) -> bool {
    let running = status.and_then(|status| status.running.as_ref());
    running.is_some_and(|running| running.revision == grant.revision && running.since >= Time::seconds(grant.at.0))
}

/// The version and release digest that a grant stands for.
#[must_use]
pub fn target(grant: &Grant) -> RolloutTarget {
    let digest = Revision::parse(&grant.revision).map(|r| r.release).unwrap_or_default();
    RolloutTarget { version: grant.version.clone(), digest }
}

/// A grant outside any rollout: a tenant's first.
#[must_use]
pub fn first(version: &str, revision: &Revision, settings: Settings, epoch: &Epoch, now: Timestamp) -> Grant {
    Grant {
        version: version.into(),
        revision: revision.to_string(),
        rollout: None,
        wave: None,
        at: Time::millis(now),
        epoch: epoch.transitions(),
        lease: epoch.lease().map(str::to_owned),
        broken_before: false,
        edited: false,
        settings,
        from: None,
        towards: None,
    }
}

/// The same grant with the tenant's own new parameters. Inside a rollout that is not proven yet the clock of its deadline
/// runs on; else the proof starts anew from now.
#[must_use]
pub fn edited(old: &Grant, revision: &Revision, proven: bool, epoch: &Epoch, now: Timestamp) -> Grant {
    let new = first(&old.version, revision, old.settings, epoch, now);
    let at = if proven { new.at } else { old.at };
    Grant { revision: new.revision, at, epoch: new.epoch, lease: new.lease, edited: true, ..old.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(lease: &str, epoch: i64, at: i64) -> Grant {
        let revision = Revision { release: "r".into(), parameters: "p".into() };
        first("1.0.0", &revision, Settings::default(), &Epoch::new(lease, epoch), Timestamp::from_second(at).unwrap())
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
