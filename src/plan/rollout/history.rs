//! Which finished runs are deleted: those past the limit that the operator's newest plan was frozen with.
use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::{clock, pass::Pass};
use crate::api::{Phase, Rollout, Span};

/// How long a person's word is kept although nobody seems to be concerned: far longer than any look may be behind.
const REMEMBERED: Span = Span::secs(3600);

/// Deletions at once: more only queue up in the API server. The rest follows the answers.
const AT_ONCE: usize = 16;

/// Finished runs to delete, by name, and when there will be more. Kept in any case: an operator's newest run, because the next one counts on from it;
/// one that a tenant in flight was granted by, because it holds the deadline; one that carries a person's word.
pub fn expired(pass: &Pass) -> (Vec<String>, Option<Timestamp>) {
    let fleet = pass.known.fleet;
    let granting = fleet.members.restless().filter(|(_, member)| member.in_flight());
    let granting = granting.filter_map(|(_, member)| member.granted.as_ref()?.rollout.as_deref());
    let back = pass.known.wishes.values().filter_map(|wish| wish.back);
    let needed: HashSet<&str> = granting.chain(pass.known.barred.values().copied()).chain(back).collect();
    let mut by_operator: BTreeMap<&str, Vec<(i64, &str, &Rollout)>> = BTreeMap::new();
    for (name, rollout) in &fleet.rollouts {
        by_operator.entry(&rollout.spec.operator).or_default().push((rollout.spec.sequence, name, rollout));
    }
    let (mut expired, mut wake) = (Vec::new(), None);
    by_operator.retain(|operator, _| !pass.known.unread.contains_key(operator));
    for runs in by_operator.values_mut() {
        runs.sort_by_key(|(sequence, name, _)| std::cmp::Reverse((*sequence, *name)));
        let limit = runs.first().map_or(0, |(_, _, newest)| newest.spec.revision_history_limit) as usize;
        let finished = runs.iter().skip(1).filter(|(_, _, rollout)| ended(rollout));
        let kept = usize::from(runs.first().is_some_and(|(_, _, newest)| ended(newest)));
        let old = finished.skip(limit.saturating_sub(kept)).filter(|(_, name, _)| !needed.contains(name));
        for (_, name, rollout) in old {
            match remembered_until(rollout).and_then(|until| clock::to_come(until, pass.known.now)) {
                Some(until) => wake = clock::earlier(wake, Some(until)),
                None => expired.push((*name).to_owned()),
            }
        }
    }
    expired.truncate(AT_ONCE);
    (expired, wake)
}

/// Until when a run is kept in which a person's word was spoken, or that had to be taken back: who is concerned may only not
/// be seen at the moment.
fn remembered_until(rollout: &Rollout) -> Option<Timestamp> {
    let status = rollout.status.as_ref()?;
    let word = matches!(status.phase, Phase::Aborted | Phase::RolledBack) || rollout.spec.undo;
    Some(clock::after(status.ended_at.filter(|_| word)?.0, REMEMBERED))
}

fn ended(rollout: &Rollout) -> bool {
    rollout.status.as_ref().is_some_and(|status| status.phase.ended())
}
