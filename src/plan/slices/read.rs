//! Rollouts and slices as they were observed in, whole plans out, or why there is none. What did not change is not put together
//! again.
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use crate::{
    api::{Members, Phase, Rollout, RolloutSlice},
    domain::{fleet::Fleet, world::World},
    plan::rollout::plan_hash,
};

/// The plans of all Rollouts, put together.
#[derive(Debug, Default)]
pub struct Plans {
    known: BTreeMap<String, Known>,
}

/// What one plan was made of, and what came of it.
#[derive(Debug)]
struct Known {
    /// Which Rollout of that name, in which version.
    version: (Option<String>, Option<String>),
    slices: Vec<Seen>,
    /// The members of each wave.
    plan: Result<Vec<Members>, String>,
}

/// A slice, or why there is none: what cannot be read, where there is anything.
type Seen = Result<Arc<RolloutSlice>, Option<String>>;

impl Plans {
    /// Brings the fleet's runs up to date.
    pub fn gather(&mut self, world: &World, fleet: &mut Fleet) {
        self.known.retain(|name, _| world.rollouts.contains_key(name));
        fleet.rollouts.retain(|name, _| world.rollouts.contains_key(name));
        fleet.unread.clear();
        for (name, rollout) in &world.rollouts {
            let slices: Vec<_> = slices_of(rollout).map(|slice| seen(slice, world)).collect();
            let version = (rollout.metadata.uid.clone(), rollout.metadata.resource_version.clone());
            let known = self.known.get(name).filter(|k| k.version.0 == version.0 && same(&k.slices, &slices));
            let current = known.is_some_and(|known| known.version == version && version.1.is_some());
            if !current || !fleet.rollouts.contains_key(name) {
                // A plan is immutable: of the same Rollout and the same slices comes the same plan.
                let long = known.filter(|known| !known.slices.is_empty());
                let plan = long.map_or_else(|| members(rollout, world), |known| known.plan.clone());
                fleet.rollouts.insert(name.clone(), filled(rollout, plan.as_ref().ok()));
                self.known.insert(name.clone(), Known { version, slices, plan });
            }
            let why = self.known.get(name).and_then(|known| known.plan.as_ref().err());
            if let Some(why) = why.filter(|_| matters(rollout)) {
                fleet.unread.insert(name.clone(), why.clone());
            }
        }
    }
}

/// The Rollout with its whole plan.
///
/// # Errors
/// What of its plan is missing, or is not as it was frozen.
pub fn whole(rollout: &Rollout, world: &World) -> Result<Rollout, String> {
    members(rollout, world).map(|plan| filled(rollout, Some(&plan)))
}

fn filled(rollout: &Rollout, plan: Option<&Vec<Members>>) -> Rollout {
    let mut whole = rollout.clone();
    for (wave, members) in whole.spec.waves.iter_mut().zip(plan.into_iter().flatten()) {
        wave.members = members.clone();
    }
    whole
}

fn slices_of(rollout: &Rollout) -> impl Iterator<Item = &String> {
    rollout.spec.waves.iter().flat_map(|wave| &wave.slices)
}

fn seen(name: &String, world: &World) -> Seen {
    let unreadable = || world.undecodable.get(&("rolloutslices".to_owned(), name.clone())).map(|u| u.error.clone());
    world.slices.get(name).cloned().ok_or_else(unreadable)
}

fn same(known: &[Seen], now: &[Seen]) -> bool {
    let one = |pair: (&Seen, &Seen)| match pair {
        (Ok(a), Ok(b)) => Arc::ptr_eq(a, b),
        (Err(a), Err(b)) => a == b,
        _ => false,
    };
    known.len() == now.len() && known.iter().zip(now).all(one)
}

/// Whether anybody asks for the plan: one that went on, or in which a person stopped tenants for good. Of others that have
/// ended only the counters are left to be read.
fn matters(rollout: &Rollout) -> bool {
    let phase = rollout.status.as_ref().map_or(Phase::Queued, |status| status.phase);
    !phase.ended() || phase == Phase::Aborted || !rollout.spec.skip.is_empty()
}

/// The members of each wave.
fn members(rollout: &Rollout, world: &World) -> Result<Vec<Members>, String> {
    let waves = &rollout.spec.waves;
    if slices_of(rollout).next().is_none() {
        return Ok(waves.iter().map(|wave| wave.members.clone()).collect());
    }
    let mut plan = Vec::with_capacity(waves.len());
    for wave in waves {
        let mut names: Vec<String> = wave.members.to_vec();
        for slice in &wave.slices {
            names.extend_from_slice(&part(slice, rollout, world)?.spec.members);
        }
        plan.push(names.into_iter().collect());
    }
    let whole = filled(rollout, Some(&plan));
    let counted = waves.iter().zip(&plan).all(|(wave, members): (_, &Members)| wave.size() == members.len());
    let mut once = HashSet::new();
    let once = whole.spec.waves.iter().flat_map(|wave| &wave.members).all(|name| once.insert(name));
    if !counted
        || !once
        || plan_hash(rollout.metadata.name.as_deref().unwrap_or_default(), &whole.spec) != rollout.spec.plan_hash
    {
        return Err("what its RolloutSlices say is not what was frozen in it".into());
    }
    Ok(plan)
}

fn part(name: &String, rollout: &Rollout, world: &World) -> Result<Arc<RolloutSlice>, String> {
    let slice = seen(name, world).map_err(|unreadable| match unreadable {
        Some(error) => format!("RolloutSlice {name} cannot be read: {error}"),
        None => format!("RolloutSlice {name} is not there"),
    })?;
    let spec = &slice.spec;
    let ours = Some(&spec.rollout) == rollout.metadata.name.as_ref() && spec.plan_hash == rollout.spec.plan_hash;
    if ours { Ok(slice) } else { Err(format!("RolloutSlice {name} is not of this plan")) }
}
