//! What a definition becomes on one release's way, with what all others need at once: one shape for all, whoever is asked.
use std::sync::Arc;

use super::{Stage, claims::Claim, merges::Merges};
use crate::domain::crd::Definition;

/// How far a release goes in the end.
pub const fn last_stage(claim: &Claim) -> Stage {
    if claim.shared.contract { Stage::Drop } else { Stage::Flip }
}

/// The release whose descriptions and columns are shown: of the first operator the highest.
pub fn cosmetic<'b, 'a>(targets: &[&'b Claim<'a>]) -> &'b Claim<'a> {
    let first = targets[0].operator;
    targets.iter().rev().find(|claim| claim.operator == first).unwrap_or(&targets[0])
}

/// What the definition becomes at a stage of one release's way, with what all others need at once: in an order of their own, the
/// one last that people see, so that the same comes out whoever is asked and however often. What a release takes away
/// that another operator's has is there again.
pub fn shape(
    live: &Arc<Definition>,
    lead: &Claim,
    stage: Stage,
    targets: &[&Claim],
    merges: &mut Merges,
) -> Arc<Definition> {
    let mut definition = merges.get(live, &lead.shared.definition, stage, &lead.release.waivers).definition.clone();
    let older = |other: &Claim| other.operator == lead.operator && other.release.version < lead.release.version;
    let last = cosmetic(targets);
    let others = targets.iter().filter(|other| !std::ptr::eq(**other, last)).copied().chain([last]);
    for other in others.filter(|other| stage == Stage::Expand || !older(other)) {
        let merged = merges.get(&definition, &other.shared.definition, Stage::Expand, &other.release.waivers);
        if merged.findings.refusing().next().is_none() {
            definition = merged.definition.clone();
        }
    }
    definition
}
