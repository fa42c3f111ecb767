//! What releases need: their shared CRDs created where absent, and a status that says whether tenants can be granted them.
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::catalog::{Catalog, CrdState, Release};
use crate::{
    api::{Condition, OperatorRelease, ReleaseStatus, Time},
    domain::world::{Whose, World},
};

/// A write that a release needs.
#[derive(Clone, Debug)]
pub enum ReleaseStep {
    /// Create a CRD that does not exist. One that exists is never written here.
    CreateCrd {
        release: String,
        crd: Box<CustomResourceDefinition>,
    },
    Status {
        release: String,
        status: ReleaseStatus,
    },
}

/// The next writes for releases. Of two releases that bring one CRD, the lower version's is created.
#[must_use]
pub fn steps(catalog: &Catalog, world: &World, now: Timestamp) -> Vec<ReleaseStep> {
    let mut by_version: Vec<&Release> = catalog.releases.values().collect();
    by_version.sort_by(|a, b| a.version.cmp(&b.version));
    let mut steps = Vec::new();
    let mut creating = std::collections::BTreeSet::new();
    for release in by_version {
        let fault = world.faults.get(&(Whose::Release, release.name.clone()));
        let held_back = fault.is_some_and(|fault| fault.retry_at > now);
        for crd in release.crds.iter().filter(|crd| crd.state == CrdState::Absent && !held_back) {
            if creating.insert(&crd.name) {
                steps.push(ReleaseStep::CreateCrd { release: release.name.clone(), crd: crd.definition.clone() });
            }
        }
    }
    for (name, object) in &world.releases {
        let release = catalog.releases.values().find(|r| r.name == *name);
        let status = status(object, release, catalog.broken.get(name), now);
        if object.status.as_ref() != Some(&status) {
            steps.push(ReleaseStep::Status { release: name.clone(), status });
        }
    }
    steps
}

fn status(
    object: &OperatorRelease,
    release: Option<&Release>,
    broken: Option<&String>,
    now: Timestamp,
) -> ReleaseStatus {
    let waiting = release.and_then(|r| r.facts.not_ready.as_ref());
    let differs = release.is_some_and(|r| r.crds.iter().any(|c| c.state == CrdState::Differs));
    let (ready, reason, message) = match (broken, waiting) {
        (Some(why), _) => (false, "ReleaseInvalid", why.clone()),
        (None, Some(why)) if differs => (false, "CrdDiffers", why.clone()),
        (None, Some(why)) => (false, "CrdNotReady", why.clone()),
        (None, None) => (true, "Ready", "tenants can be granted this release".to_owned()),
    };
    let mut wanted = vec![("Ready", if ready { "True" } else { "False" })];
    if broken.is_some() || differs {
        wanted.push(("Stalled", "True"));
    } else if !ready {
        wanted.push(("Reconciling", "True"));
    }
    let old = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let conditions = wanted.into_iter().map(|(kind, status)| {
        let same = old.conditions.iter().find(|c| c.type_ == kind && c.status == status);
        Condition {
            type_: kind.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.chars().take(2000).collect(),
            observed_generation: generation,
            last_transition_time: same.map_or(Time::seconds(now), |c| c.last_transition_time),
        }
    });
    ReleaseStatus {
        observed_generation: generation,
        conditions: conditions.collect(),
        digest: release.map(|r| r.digest.clone()),
    }
}
