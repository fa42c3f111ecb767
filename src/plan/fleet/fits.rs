//! Whether those who would be granted what they do not ask for in so many words (a step on the way, or the way back) can
//! have it: the Planner's facts and a decision go in, what does not fit is noted on the members, and it is decided again.
//! What a tenant asks for was looked at with its facts. Must never: grant, or keep a slot for who could not use it.
use std::collections::{BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::{Planner, shared};
use crate::{
    api::RolloutTarget,
    domain::{epoch::Epoch, report::Report, world::World},
    plan::{
        rollout::{self, Decisions},
        tenant::Shared,
    },
};

/// Tenants of new plans that are looked at in one go, each about as long as a stack takes to be rendered: of the others it
/// is found out when it is their turn.
const AHEAD: usize = 256;
/// Decisions of one plan: each but the first is made because somebody was found who could not go.
const PASSES: usize = 4;
/// How soon the next plan goes on where these were not enough.
const SOON: SignedDuration = SignedDuration::from_millis(100);

impl Planner {
    /// Decides until everybody who is granted something can have it. Adds those of whom it was found out that they cannot.
    pub(super) fn decide_what_fits(
        &mut self,
        due: &mut BTreeSet<String>,
        world: &World,
        epoch: &Epoch,
        now: Timestamp,
    ) -> Decisions {
        let (mut decisions, mut looked) = (self.decide(now), HashSet::new());
        for pass in 1..=PASSES {
            let doubtful = self.doubtful(&decisions, &mut looked);
            let found =
                self.refusals(doubtful, &shared(&self.catalog, &self.shares, &self.parameters, world, epoch, now));
            if found.is_empty() {
                break;
            }
            for (name, target, report) in found {
                let Some(planned) = self.tenants.get_mut(&name) else { continue };
                planned.facts.member.refused = Some((target, report.note.clone()));
                planned.facts.refused = Some(report);
                if let Some(member) = self.fleet.members.get_mut(&name) {
                    member.refused.clone_from(&planned.facts.member.refused);
                }
                due.insert(name);
            }
            decisions = self.decide(now);
            if pass == PASSES {
                decisions.wake = decisions.wake.into_iter().chain(now.checked_add(SOON)).min();
            }
        }
        rollout::pace(&self.fleet, &mut decisions, now);
        decisions
    }

    /// The wave engine's decisions, checked against the invariants before anybody acts on them. A violation is a bug of ours:
    /// then nobody moves, which is safe, and it is said loudly.
    fn decide(&self, now: Timestamp) -> Decisions {
        let decisions = rollout::decide(&self.fleet, now);
        let violations = rollout::invariants::check(&self.fleet, &decisions, now);
        if violations.is_empty() {
            return decisions;
        }
        for violation in &violations {
            tracing::error!(%violation, "the plan was refused: please report this");
        }
        Decisions { waits: decisions.waits, ..Decisions::default() }
    }

    /// Who would go somewhere that it does not ask for, and was not looked at yet.
    fn doubtful(&self, decisions: &Decisions, looked: &mut HashSet<String>) -> Vec<(String, RolloutTarget)> {
        let granted = decisions.grants.iter().map(|order| (&order.tenant, &order.target));
        let planned = decisions.create.iter().flat_map(|run| {
            let members = run.spec.waves.iter().flat_map(|wave| &wave.members);
            members.map(|name| (name, &run.spec.target))
        });
        let other = |(name, target): &(&String, &RolloutTarget)| {
            let member = self.fleet.members.get(*name);
            member.is_some_and(|m| m.desired.as_ref() != Some(target) && m.refused_note(target).is_none())
        };
        let all = granted.chain(planned.filter(other).take(AHEAD)).filter(other);
        all.filter(|(name, _)| looked.insert((*name).clone())).map(|(n, t)| (n.clone(), t.clone())).collect()
    }

    fn refusals(
        &self,
        doubtful: Vec<(String, RolloutTarget)>,
        shared: &Shared,
    ) -> Vec<(String, RolloutTarget, Report)> {
        let refusal = |(name, target): (String, RolloutTarget)| {
            let report = self.tenants.get(&name)?.facts.refusal(&target, shared)?;
            Some((name, target, report))
        };
        doubtful.into_iter().filter_map(refusal).collect()
    }
}
