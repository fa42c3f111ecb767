//! What is decided about runs in, what of it can be written now out: slices first, the Rollout when all of them are seen, and
//! an end to slices that nobody needs. Must never: let a Rollout be written before its plan is there, or end a slice that a
//! Rollout on its way may name.
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    cut,
    draft::{self, Drafts},
};
use crate::{
    api::{Rollout, RolloutSlice},
    domain::{
        report::WaitingOn,
        world::{FaultKind, Whose, World},
    },
    plan::rollout::Decisions,
};

/// Writes of a sort at once: more only queue up in the API server. What is left follows the answers.
const AT_ONCE: usize = 16;
/// How long a slice is kept that no Rollout names. A Rollout whose creation had no answer may still come, as long as a request
/// may take; this is far longer.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// So many sets of slices that earlier plans of a run left behind, and no further one is begun.
const OTHERS: usize = 2;
/// So many failures in a row that time may heal are told to those who wait.
const LASTS: u32 = 3;

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
pub fn stage(decisions: &mut Decisions, drafts: &mut Drafts, world: &World, now: Timestamp) -> Staged {
    drafts.go_on(decisions, world);
    let mut staged = Staged::default();
    let mut trouble = Vec::new();
    for (index, rollout) in decisions.create.iter().enumerate() {
        let (short, slices) = cut(rollout);
        let long = !slices.is_empty();
        let seen = |slice: &RolloutSlice| world.slices.get(slice.metadata.name.as_deref().unwrap_or_default());
        let spoilt = slices.iter().find_map(|slice| spoilt(slice, seen(slice)?));
        let missing: Vec<RolloutSlice> = slices.into_iter().filter(|slice| seen(slice).is_none()).collect();
        let obstacle = spoilt.or_else(|| crowded(rollout, world).filter(|_| !missing.is_empty()));
        if let Some(why) = obstacle {
            drafts.forget(rollout);
            trouble.push((index, why));
            continue;
        }
        trouble.extend(failed(rollout, &missing, world).map(|why| (index, why)));
        if long {
            drafts.begin(rollout, world);
        }
        if missing.is_empty() {
            staged.create.push(short);
        }
        staged.slices.extend(missing.into_iter().filter(|slice| rested(slice, world, now)));
    }
    staged.slices.truncate(AT_ONCE);
    for (index, why) in trouble {
        tell(decisions, index, &why);
    }
    let (delete, wake) = unneeded(decisions, world, now);
    staged.delete = delete;
    decisions.wake = [decisions.wake, wake].into_iter().flatten().min();
    staged
}

/// Why what is there under that name cannot be a part of the plan.
fn spoilt(slice: &RolloutSlice, seen: &RolloutSlice) -> Option<String> {
    let name = slice.metadata.name.as_deref().unwrap_or_default();
    if seen.spec != slice.spec {
        Some(format!("RolloutSlice {name} is there with other tenants; delete that"))
    } else if seen.metadata.deletion_timestamp.is_some() {
        Some(format!("RolloutSlice {name} is being deleted; the rollout begins when that is gone"))
    } else {
        None
    }
}

/// Why no slices are written on top of what earlier plans of that run left behind: there would be no end to it.
fn crowded(rollout: &Rollout, world: &World) -> Option<String> {
    let ours = |slice: &&RolloutSlice| Some(&slice.spec.rollout) == rollout.metadata.name.as_ref();
    let slices = world.slices.values().map(|slice| &**slice).filter(ours);
    let mut others: BTreeSet<&String> = slices.map(|slice| &slice.spec.plan_hash).collect();
    others.remove(&rollout.spec.plan_hash);
    (others.len() >= OTHERS).then(|| {
        format!(
            "the RolloutSlices of {} earlier plans of it are still there; they go {} minutes after they were made, and then it begins",
            others.len(),
            KEPT.as_mins()
        )
    })
}

/// What keeps failing of what is written now. What was merely late, or stumbled once, is not worth a word to thousands.
fn failed(rollout: &Rollout, missing: &[RolloutSlice], world: &World) -> Option<String> {
    let fault = |whose, name: &Option<String>| {
        let fault = world.faults.get(&(whose, name.clone()?))?;
        let lasts = match fault.kind {
            FaultKind::Conflict | FaultKind::Invalid | FaultKind::Denied => true,
            FaultKind::Stale | FaultKind::Transient => fault.times >= LASTS,
        };
        lasts.then(|| format!("{} cannot be created: {}", fault.object, fault.message))
    };
    if missing.is_empty() {
        return fault(Whose::Rollout, &rollout.metadata.name);
    }
    missing.iter().find_map(|slice| fault(Whose::Slice, &slice.metadata.name))
}

fn rested(slice: &RolloutSlice, world: &World, now: Timestamp) -> bool {
    let fault = world.faults.get(&(Whose::Slice, slice.metadata.name.clone().unwrap_or_default()));
    fault.is_none_or(|fault| fault.retry_at <= now)
}

/// Says to the tenants of a run why it does not begin.
fn tell(decisions: &mut Decisions, index: usize, why: &str) {
    let Decisions { create, waits, .. } = decisions;
    let Some(rollout) = create.get(index) else { return };
    let name = rollout.metadata.name.as_deref().unwrap_or_default();
    for tenant in draft::members(rollout) {
        // Who is held, paused or barred waits for that.
        if let Some((wait, note)) = waits.get_mut(tenant).filter(|(wait, _)| wait.on == WaitingOn::Queued) {
            wait.on = WaitingOn::Inconclusive;
            *note = format!("rollout {name} is to be created for it, but {why}");
        }
    }
}

/// Slices that no Rollout names or is about to, as it is planned now, and when there will be more of them.
fn unneeded(decisions: &Decisions, world: &World, now: Timestamp) -> (Vec<String>, Option<Timestamp>) {
    let waves = world.rollouts.values().flat_map(|rollout| &rollout.spec.waves);
    let named: BTreeSet<&String> = waves.flat_map(|wave| &wave.slices).collect();
    let coming: BTreeSet<(&str, &str)> = decisions
        .create
        .iter()
        .filter_map(|rollout| Some((rollout.metadata.name.as_deref()?, &*rollout.spec.plan_hash)))
        .collect();
    let (mut delete, mut wake) = (Vec::new(), None);
    for (name, slice) in &world.slices {
        let run = &slice.spec.rollout;
        let unread = world.undecodable.contains_key(&("rollouts".to_owned(), run.clone()));
        let going = slice.metadata.deletion_timestamp.is_some();
        if named.contains(name) || unread || going || coming.contains(&(&**run, &*slice.spec.plan_hash)) {
            continue;
        }
        let made = slice.metadata.creation_timestamp.as_ref().map_or(now, |made| made.0);
        // What had no answer may still come.
        let sent = world.faults.get(&(Whose::Rollout, run.clone())).map_or(made, |fault| fault.at);
        let due = made.max(sent).checked_add(KEPT).unwrap_or(Timestamp::MAX);
        if due > now {
            wake = [wake, Some(due)].into_iter().flatten().min();
        } else if delete.len() < AT_ONCE && rested(slice, world, now) {
            delete.push(name.clone());
        }
    }
    (delete, wake)
}
