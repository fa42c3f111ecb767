//! Whether a release can be granted, as far as one of its CRDs is concerned.
use std::sync::Arc;

use semver::Version;

use super::{Stage, claims::Claim, merges::Merges, next::Next};
use crate::{
    api::CrdPhase,
    domain::{
        crd::{CrdSeen, Definition},
        marks,
    },
};

/// Where a definition is going, with nobody in the way.
pub struct Goal {
    pub operator: String,
    pub version: Version,
    pub definition: Arc<Definition>,
}

/// Why that release cannot be granted. `way`: its next step, where it is one that somebody wants and the definition has not
/// gone past.
pub fn not_ready(
    claim: &Claim,
    (seen, live): (&CrdSeen, &Arc<Definition>),
    way: Option<&Next>,
    goals: &[Goal],
    fault: Option<&str>,
    merges: &mut Merges,
) -> Option<String> {
    let crd = &claim.shared.name;
    let here = match way {
        Some(Next::Refused(findings)) => Some(format!(
            "CustomResourceDefinition {crd}: the change is refused: {}; `leasehold crds plan {}` shows all of it",
            findings.spoken(),
            claim.release.name
        )),
        Some(next @ Next::Write { .. }) if next.phase() == CrdPhase::Expand => Some(fault.map_or_else(
            || format!("CustomResourceDefinition {crd} is being expanded"),
            |message| format!("CustomResourceDefinition {crd} could not be expanded: {message}"),
        )),
        Some(Next::Page { phase: CrdPhase::Preflight, .. }) => Some(fault.map_or_else(
            || format!("CustomResourceDefinition {crd}: every stored object is looked at before anybody moves"),
            |message| format!("CustomResourceDefinition {crd}: stored objects could not be looked at: {message}"),
        )),
        // Every tenant is told this: whose objects they are, and what is in them, stays with the record.
        Some(Next::Wait(wait)) if wait.phase == CrdPhase::Preflight => Some(format!(
            "CustomResourceDefinition {crd}: stored objects are in the way: `kubectl get crdupgrades {} -o yaml` names them",
            claim.record()
        )),
        Some(_) => (!seen.established).then(|| format!("CustomResourceDefinition {crd} is not served yet")),
        None => unasked(claim, (seen, live), merges),
    };
    here.or_else(|| {
        let beyond = |goal: &&Goal| goal.operator != claim.operator || goal.version > claim.release.version;
        goals.iter().filter(beyond).find_map(|goal| {
            let why = merges.against(&claim.shared.definition, &goal.definition)?;
            Some(format!(
                "CustomResourceDefinition {crd} is being moved to {} {}, and {} {} cannot work with what it becomes: {why}",
                goal.operator, goal.version, claim.operator, claim.release.version
            ))
        })
    })
}

/// Nobody asks for it, or the definition went past it.
fn unasked(claim: &Claim, (seen, live): (&CrdSeen, &Arc<Definition>), merges: &mut Merges) -> Option<String> {
    let (crd, operator, version) = (&claim.shared.name, claim.operator, &claim.release.version);
    if let Some(unlocked) = seen.unlocked.get(operator).filter(|unlocked| version < *unlocked) {
        let why = merges.against(&claim.shared.definition, live)?;
        return Some(format!(
            "CustomResourceDefinition {crd} has moved on to {operator} {unlocked}, and {version} cannot work with it any more: {why}"
        ));
    }
    // What it loosens can wait; what it adds must be there.
    let expand = merges.get(live, &claim.shared.definition, Stage::Expand, &claim.release.waivers);
    if expand.findings.refusing().next().is_some() {
        return Some(format!(
            "CustomResourceDefinition {crd}: the change would be refused: {}",
            expand.findings.spoken()
        ));
    }
    let there = expand.definition.substance() == live.substance();
    (!there).then(|| format!("CustomResourceDefinition {crd} is expanded for it once a tenant asks for {version}"))
}

/// Why a release cannot be granted whose CRD somebody else keeps.
#[must_use]
pub fn foreign(claim: &Claim, seen: &CrdSeen) -> Option<String> {
    let crd = &claim.shared.name;
    if seen.digest != claim.shared.definition.digest() {
        return Some(format!(
            "CustomResourceDefinition {crd} exists, is somebody else's, and differs from the release's: it is left untouched. Make them equal, or hand it over \
             for good with `kubectl label crd {crd} {}=true`, when nobody else writes it any more",
            marks::SHARED_CRD
        ));
    }
    (!seen.established).then(|| format!("CustomResourceDefinition {crd} is not served yet"))
}
