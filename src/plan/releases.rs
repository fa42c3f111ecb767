//! What releases need: a status that says whether tenants can be granted them.
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    catalog::{Catalog, Release},
    condition::condition,
};
use crate::{
    api::{OperatorRelease, ReleaseStatus},
    domain::world::World,
};

/// The status to write of a release.
#[derive(Clone, Debug)]
pub struct ReleaseStep {
    pub release: String,
    pub status: ReleaseStatus,
}

/// The next writes for releases. `refused`: those whose definitions are refused until a person does something.
#[must_use]
pub fn steps(
    catalog: &Catalog,
    refused: &BTreeSet<(String, String)>,
    world: &World,
    now: Timestamp,
) -> Vec<ReleaseStep> {
    let mut steps = Vec::new();
    for (name, object) in &world.releases {
        let release = catalog.releases.values().find(|r| r.name == *name);
        let key = (object.spec.operator.clone(), object.spec.version.clone());
        let status = status(object, release, catalog.broken.get(name), refused.contains(&key), now);
        if object.status.as_ref() != Some(&status) {
            steps.push(ReleaseStep { release: name.clone(), status });
        }
    }
    steps
}

fn status(
    object: &OperatorRelease,
    release: Option<&Release>,
    broken: Option<&String>,
    refused: bool,
    now: Timestamp,
) -> ReleaseStatus {
    let waiting = release.and_then(|r| r.facts.not_ready.as_ref());
    let (ready, reason, message) = match (broken, waiting) {
        (Some(why), _) => (false, "ReleaseInvalid", why.clone()),
        (None, Some(why)) if refused => (false, "CrdRefused", why.clone()),
        (None, Some(why)) => (false, "CrdNotReady", why.clone()),
        (None, None) => (true, "Ready", "tenants can be granted this release".to_owned()),
    };
    let mut wanted = vec![("Ready", ready)];
    if broken.is_some() || refused {
        wanted.push(("Stalled", true));
    } else if !ready {
        wanted.push(("Reconciling", true));
    }
    let old = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let conditions =
        wanted.into_iter().map(|kind| condition(&old.conditions, kind, (reason, &message), generation, now));
    ReleaseStatus {
        observed_generation: generation,
        conditions: conditions.collect(),
        digest: release.map(|r| r.digest.clone()),
    }
}
