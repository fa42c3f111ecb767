//! What is decided about runs in, what of it can be written now out: slices first, the Rollout when all of them are seen, and
//! an end to slices that nobody needs. Must never: let a Rollout be written before its plan is there, or end a slice that a
//! Rollout on its way may name.
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::cut;
use crate::{
    api::{Rollout, RolloutSlice},
    domain::{
        report::WaitingOn,
        world::{Whose, World},
    },
    plan::rollout::Decisions,
};

/// Writes of a sort at once: more only queue up in the API server. What is left follows the answers.
const AT_ONCE: usize = 16;
/// How long a slice is kept that no Rollout names. A Rollout whose creation had no answer may still come, as long as a request
/// may take; this is far longer.
const KEPT: SignedDuration = SignedDuration::from_mins(10);

/// What can be written now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Staged {
    pub slices: Vec<RolloutSlice>,
    /// Rollouts as they are written: long plans are in slices that were seen.
    pub create: Vec<Rollout>,
    /// Slices that nobody needs, by name.
    pub delete: Vec<String>,
}

/// Stages what is to be created, and tells who waits for it what is in the way.
pub fn stage(decisions: &mut Decisions, world: &World, now: Timestamp) -> Staged {
    let mut staged = Staged::default();
    let mut trouble = Vec::new();
    for (index, rollout) in decisions.create.iter().enumerate() {
        let (short, slices) = cut(rollout);
        let seen = |slice: &RolloutSlice| world.slices.get(slice.metadata.name.as_deref().unwrap_or_default());
        let other = slices.iter().find(|slice| seen(slice).is_some_and(|seen| seen.spec != slice.spec));
        if let Some(other) = other {
            trouble.push((index, other.metadata.name.clone().unwrap_or_default()));
            continue;
        }
        let missing: Vec<RolloutSlice> = slices.into_iter().filter(|slice| seen(slice).is_none()).collect();
        if missing.is_empty() {
            staged.create.push(short);
        }
        staged.slices.extend(missing.into_iter().filter(|slice| rested(slice, world, now)));
    }
    staged.slices.truncate(AT_ONCE);
    for (index, slice) in trouble {
        tell(decisions, index, &slice);
    }
    let (delete, wake) = unneeded(decisions, world, now);
    staged.delete = delete;
    decisions.wake = [decisions.wake, wake].into_iter().flatten().min();
    staged
}

fn rested(slice: &RolloutSlice, world: &World, now: Timestamp) -> bool {
    let fault = world.faults.get(&(Whose::Slice, slice.metadata.name.clone().unwrap_or_default()));
    fault.is_none_or(|fault| fault.retry_at <= now)
}

/// Says to the tenants of a run why it does not begin.
fn tell(decisions: &mut Decisions, index: usize, slice: &str) {
    let Decisions { create, waits, .. } = decisions;
    let Some(rollout) = create.get(index) else { return };
    let name = rollout.metadata.name.as_deref().unwrap_or_default();
    for tenant in rollout.spec.waves.iter().flat_map(|wave| &wave.members) {
        if let Some((wait, note)) = waits.get_mut(tenant) {
            wait.on = WaitingOn::Inconclusive;
            *note = format!(
                "rollout {name} is to be created for it, but RolloutSlice {slice} is there with other tenants; delete that"
            );
        }
    }
}

/// Slices that no Rollout names or is about to, and when there will be more of them.
fn unneeded(decisions: &Decisions, world: &World, now: Timestamp) -> (Vec<String>, Option<Timestamp>) {
    let waves = world.rollouts.values().flat_map(|rollout| &rollout.spec.waves);
    let named: BTreeSet<&String> = waves.flat_map(|wave| &wave.slices).collect();
    let coming: BTreeSet<&str> =
        decisions.create.iter().filter_map(|rollout| rollout.metadata.name.as_deref()).collect();
    let (mut delete, mut wake) = (Vec::new(), None);
    for (name, slice) in &world.slices {
        let run = &slice.spec.rollout;
        let unread = world.undecodable.contains_key(&("rollouts".to_owned(), run.clone()));
        if named.contains(name) || unread || coming.contains(&**run) {
            continue;
        }
        let made = slice.metadata.creation_timestamp.as_ref().map_or(now, |made| made.0);
        let due = made.checked_add(KEPT).unwrap_or(Timestamp::MAX);
        if due > now {
            wake = [wake, Some(due)].into_iter().flatten().min();
        } else if delete.len() < AT_ONCE && rested(slice, world, now) {
            delete.push(name.clone());
        }
    }
    (delete, wake)
}
