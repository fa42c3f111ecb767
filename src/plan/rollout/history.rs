//! Which finished runs are deleted: those past the limit that the operator's newest plan was frozen with.
use std::collections::{BTreeMap, HashSet};

use super::pass::Pass;
use crate::api::Rollout;

/// Finished runs to delete, by name. Kept in any case: an operator's newest run, because the next one counts on from it;
/// one that a tenant in flight was granted by, because it holds the deadline; one that carries a person's word.
pub fn expired(pass: &Pass) -> Vec<String> {
    let fleet = pass.known.fleet;
    let granting = fleet.members.values().filter(|member| member.in_flight());
    let granting = granting.filter_map(|member| member.granted.as_ref()?.rollout.as_deref());
    let needed: HashSet<&str> = granting.chain(pass.known.barred.values().copied()).collect();
    let mut by_operator: BTreeMap<&str, Vec<(i64, &str, &Rollout)>> = BTreeMap::new();
    for (name, rollout) in &fleet.rollouts {
        by_operator.entry(&rollout.spec.operator).or_default().push((rollout.spec.sequence, name, rollout));
    }
    let mut expired = Vec::new();
    for runs in by_operator.values_mut() {
        runs.sort_by_key(|(sequence, name, _)| std::cmp::Reverse((*sequence, *name)));
        let limit = runs.first().map_or(0, |(_, _, newest)| newest.spec.revision_history_limit) as usize;
        let finished = runs.iter().skip(1).filter(|(_, _, rollout)| ended(rollout));
        let kept = usize::from(runs.first().is_some_and(|(_, _, newest)| ended(newest)));
        let old = finished.skip(limit.saturating_sub(kept)).filter(|(_, name, _)| !needed.contains(name));
        expired.extend(old.map(|(_, name, _)| (*name).to_owned()));
    }
    expired
}

fn ended(rollout: &Rollout) -> bool {
    rollout.status.as_ref().is_some_and(|status| status.phase.ended())
}
