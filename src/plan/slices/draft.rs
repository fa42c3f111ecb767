//! Long plans whose slices are being written. In: what is decided now. Out: the same, but of a run that was begun the plan that
//! was begun. Writing one takes longer than a look, and who joins meanwhile makes another plan: begun anew each time it would
//! never be written. So it is frozen from its first slice on, and who comes later waits for the next run.
//!
//! This is remembered and not recorded: another process begins once more.
use std::collections::{BTreeMap, HashSet};

use crate::{
    api::{PolicySpec, Rollout},
    domain::{report::WaitingOn, world::World},
    plan::rollout::Decisions,
};

/// The plans that were begun, by run.
#[derive(Debug, Default)]
pub struct Drafts {
    begun: BTreeMap<String, Draft>,
}

#[derive(Debug)]
struct Draft {
    rollout: Rollout,
    /// What its policy said.
    policy: Option<PolicySpec>,
}

impl Drafts {
    /// Puts what was begun in the place of what is decided now, and tells those who came meanwhile. What does not hold any more
    /// is forgotten.
    pub(super) fn go_on(&mut self, decisions: &mut Decisions, world: &World) {
        let mut before = std::mem::take(&mut self.begun);
        let Decisions { create, waits, .. } = decisions;
        for decided in create {
            let name = decided.metadata.name.clone().unwrap_or_default();
            let Some(draft) = before.remove(&name).filter(|draft| draft.holds(decided, world)) else { continue };
            if draft.rollout.spec.plan_hash != decided.spec.plan_hash {
                let planned: HashSet<&String> = members(&draft.rollout).collect();
                for newcomer in members(decided).filter(|name| !planned.contains(name)) {
                    if let Some((_, note)) = waits.get_mut(newcomer).filter(|(wait, _)| wait.on == WaitingOn::Queued) {
                        *note = format!("behind rollout {name}; joins the next one");
                    }
                }
                decided.clone_from(&draft.rollout);
            }
            self.begun.insert(name, draft);
        }
    }

    /// From now on this is the plan of that run.
    pub(super) fn begin(&mut self, rollout: &Rollout, world: &World) {
        let name = rollout.metadata.name.clone().unwrap_or_default();
        let policy = || world.policies.get(&rollout.spec.policy).cloned();
        self.begun.entry(name).or_insert_with(|| Draft { rollout: rollout.clone(), policy: policy() });
    }

    /// Nothing can be written of it: it is frozen when something can.
    pub(super) fn forget(&mut self, rollout: &Rollout) {
        self.begun.remove(rollout.metadata.name.as_deref().unwrap_or_default());
    }
}

impl Draft {
    /// Whether everybody in it would still be planned for in the same way.
    fn holds(&self, decided: &Rollout, world: &World) -> bool {
        let (old, new) = (&self.rollout.spec, &decided.spec);
        if old.plan_hash == new.plan_hash {
            return true;
        }
        let about = (&old.operator, &old.target, &old.policy, old.sequence, &old.rollback_of)
            == (&new.operator, &new.target, &new.policy, new.sequence, &new.rollback_of);
        if !about || self.policy.as_ref() != world.policies.get(&old.policy) {
            return false;
        }
        let now: HashSet<&String> = members(decided).collect();
        members(&self.rollout).all(|name| now.contains(name))
    }
}

pub(super) fn members(rollout: &Rollout) -> impl Iterator<Item = &String> {
    rollout.spec.waves.iter().flat_map(|wave| &wave.members)
}
