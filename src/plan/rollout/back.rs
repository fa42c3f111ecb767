//! Going back: which runs have failed by their policy, or were undone by a person, so that those that they moved are taken
//! back to what they had. Going back is a run of its own, within budgets, and only along legal steps.
use std::collections::{HashMap, HashSet};

use super::{pass::Known, path::Releases, run::Run};
use crate::{
    api::{OnFailure, Phase, Rollout, RolloutTarget},
    domain::fleet::{Fleet, Member, Standing},
};

/// Ended runs whose tenants go back.
#[derive(Default)]
pub struct Back<'a> {
    runs: HashMap<&'a str, (&'a Rollout, HashSet<&'a str>)>,
}

impl<'a> Back<'a> {
    pub fn new(fleet: &'a Fleet) -> Self {
        let undone = fleet.rollouts.iter().filter(|(_, rollout)| is_undone(rollout));
        let skip = |rollout: &'a Rollout| rollout.spec.skip.iter().map(String::as_str).collect();
        Self { runs: undone.map(|(name, rollout)| (&**name, (rollout, skip(rollout)))).collect() }
    }

    /// Whether no run is undone.
    pub fn nobody(&self) -> bool {
        self.runs.is_empty()
    }

    /// Where the tenant goes back to, and the run that is undone with it. A person's newer wish outranks it, and a tenant
    /// that was broken before that run keeps what may have mended it.
    pub fn of(&self, name: &str, member: &'a Member) -> Option<(&'a str, &'a RolloutTarget)> {
        if self.nobody() {
            return None;
        }
        let granted = member.granted.as_ref()?;
        let (run, (rollout, skip)) = self.runs.get_key_value(granted.rollout.as_deref()?)?;
        let spec = &rollout.spec;
        let still = member.desired.as_ref().is_none_or(|desired| *desired == spec.target) || member.on_a_hop();
        let meant = granted.target == spec.target && !granted.broken_before && still && !skip.contains(name);
        let from = granted.from.as_ref().filter(|from| meant && **from != granted.target)?;
        Some((run, from))
    }
}

/// Whether the run has ended and those that it moved go back.
pub fn is_undone(rollout: &Rollout) -> bool {
    let phase = rollout.status.as_ref().map_or(Phase::Queued, |status| status.phase);
    phase == Phase::RolledBack || (phase.ended() && rollout.spec.undo)
}

/// Whether a halt of this run leads back: `None` when its policy does not ask for it. A person who suspended it comes
/// first, and what takes tenants back is not itself taken back.
pub fn leads_back(run: &Run, known: &Known) -> Option<Result<(), String>> {
    let spec = run.spec;
    if spec.on_failure != OnFailure::Rollback || spec.rollback_of.is_some() || spec.suspend {
        return None;
    }
    let mut refused = None;
    for name in spec.waves.iter().flat_map(|wave| &wave.members) {
        let Some(from) = known.fleet.members.get(name).and_then(|member| moved(run, name, member)) else { continue };
        match refusal(&known.releases, &spec.operator, &spec.target, from) {
            None => return Some(Ok(())),
            Some(why) => drop(refused.get_or_insert(why)),
        }
    }
    Some(Err(refused.unwrap_or_else(|| "it moved nobody who could go back".into())))
}

fn moved<'a>(run: &Run, name: &String, member: &'a Member) -> Option<&'a RolloutTarget> {
    let granted = member.granted.as_ref()?;
    let here = granted.rollout.as_deref() == Some(run.name) && granted.target == run.spec.target;
    let meant =
        here && !granted.broken_before && member.standing != Standing::Deleting && !run.spec.skip.contains(name);
    granted.from.as_ref().filter(|from| meant && **from != granted.target)
}

fn refusal(releases: &Releases, operator: &str, from: &RolloutTarget, to: &RolloutTarget) -> Option<String> {
    releases.illegal(operator, from, to).or_else(|| releases.not_ready(operator, to))
}
