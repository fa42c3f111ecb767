//! The shared CRDs within the plan of the fleet: worked out again when somebody moved or something of them changed, and what
//! they say of releases handed on to whoever grants them.
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Planner;
use crate::{
    domain::world::World,
    plan::crds::{self, CrdStep, Crds, Merges, Sight},
};

/// What was decided last, and from what.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    merges: Merges,
    crds: Crds,
    from: Option<From>,
}

/// What a decision about CRDs is made from.
#[derive(Debug, PartialEq, Eq)]
struct From {
    shared: u64,
    crds: u64,
    moves: u64,
    /// Operator and version of every run that has not ended.
    runs: BTreeSet<(String, String)>,
}

impl Planner {
    /// Decides about the CRDs, and tells the releases. Adds the tenants that wait for one that can be granted now, or no longer.
    pub(super) fn share_crds(&mut self, due: &mut BTreeSet<String>, world: &World, now: Timestamp) -> Vec<CrdStep> {
        let from = self.crds_from(world);
        let in_time = self.shelf.crds.wake.is_none_or(|at| at > now);
        if !in_time || self.shelf.from.as_ref() != Some(&from) {
            let sight = Sight { catalog: &self.catalog, fleet: &self.fleet, world, now };
            let crds = crds::plan(&sight, &mut self.shelf.merges);
            self.tell(&crds, due);
            self.shelf.crds = crds;
            self.shelf.from = Some(from);
        }
        self.shelf.crds.steps.clone()
    }

    /// When time alone changes something about the CRDs.
    pub(super) fn crds_wake(&self, now: Timestamp) -> Option<Timestamp> {
        self.shelf.crds.wake.filter(|at| *at > now)
    }

    /// The releases whose definitions are refused.
    pub(super) fn crds_refused(&self) -> &BTreeSet<(String, String)> {
        &self.shelf.crds.refused
    }

    fn crds_from(&self, world: &World) -> From {
        let runs = crds::open_runs(&self.fleet).map(|(operator, version)| (operator.into(), version.into())).collect();
        From { shared: world.shared_version, crds: world.crd_version, moves: self.fleet.members.moves(), runs }
    }

    fn tell(&mut self, crds: &Crds, due: &mut BTreeSet<String>) {
        let mut operators = BTreeSet::new();
        for (key, release) in &mut self.catalog.releases {
            let not_ready = crds.not_ready.get(key);
            if self.shelf.crds.not_ready.get(key) != not_ready {
                operators.insert(key.0.as_str());
            }
            if release.facts.not_ready.as_ref() != not_ready {
                release.facts.not_ready = not_ready.cloned();
            }
            if let Some(facts) = self.fleet.releases.get_mut(key)
                && facts.not_ready.as_ref() != not_ready
            {
                facts.not_ready = not_ready.cloned();
            }
        }
        // To all others the wave engine says what changed.
        let new = |name: &&String| {
            let member = self.fleet.members.get(*name);
            member.is_some_and(|member| member.granted.is_none() && operators.contains(member.operator.as_str()))
        };
        if !operators.is_empty() {
            due.extend(self.fleet.members.keys().filter(new).cloned());
        }
    }
}
