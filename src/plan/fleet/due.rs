//! Whom a plan looks at: those that changed, whose time has come, or for whom something changed that they share with others.
//! Must never: leave somebody out for whom a Planner without a memory would plan otherwise.
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Planner, planned::Said};
use crate::{
    api::FleetSpec,
    domain::{
        epoch::Epoch,
        tenants::{Changed, Mark},
        world::{Apis, World},
    },
    plan::{catalog::Catalog, joined::joined, rollout::Decisions, tenant::SharedParameters},
};

/// How much of the World the last plan knew, and what all tenants' facts rest on alike.
#[derive(Debug, Default)]
pub(super) struct Known {
    mark: Mark,
    /// The version of what is shared; `None` before the first plan.
    pub(super) shared: Option<u64>,
    fleet: FleetSpec,
    unread: Option<String>,
    apis: Apis,
    epoch: Epoch,
}

impl Planner {
    /// The names of the tenants to look at, those that are gone included. Brings up to date what they share.
    pub(super) fn due(&mut self, world: &World, epoch: &Epoch, now: Timestamp) -> BTreeSet<String> {
        let mut due = match world.tenants.since(&self.known.mark) {
            Changed::Only(names) => names.into_iter().map(str::to_owned).collect(),
            Changed::Anybody => self.all(world),
            Changed::Everything => {
                *self = Self::default();
                self.all(world)
            }
        };
        self.known.mark = world.tenants.mark();
        let others = self.shares.update(world, &due);
        due.extend(others);
        due.extend(self.agenda.due(now).cloned());
        let ceilings = self.take_ceilings(world);
        let term = std::mem::replace(&mut self.known.epoch, epoch.clone()) != *epoch;
        let operators = self.take_releases(world);
        if ceilings || term {
            return self.all(world);
        }
        if !operators.is_empty() {
            let theirs = self.tenants.iter().filter(|(_, p)| operators.contains(&p.facts.tenant.spec.operator));
            due.extend(theirs.map(|(name, _)| name.clone()));
        }
        due
    }

    fn all(&self, world: &World) -> BTreeSet<String> {
        let mut all: BTreeSet<String> = world.tenants.keys().cloned().collect();
        let gone = joined(self.tenants.iter(), world.tenants.iter()).filter(|(_, _, seen)| seen.is_none());
        all.extend(gone.map(|(name, _, _)| name.clone()));
        all
    }

    /// Whether the fleet's ceilings or the cluster's APIs are others than before.
    fn take_ceilings(&mut self, world: &World) -> bool {
        let known = &mut self.known;
        if known.shared.is_some()
            && (&known.fleet, &known.unread, known.apis) == (&world.fleet, &world.fleet_unread, world.apis)
        {
            return false;
        }
        known.fleet.clone_from(&world.fleet);
        known.unread.clone_from(&world.fleet_unread);
        known.apis = world.apis;
        let parameters = SharedParameters::new(&world.fleet, world.apis);
        if *self.parameters != parameters {
            self.parameters = parameters.into();
        }
        true
    }

    /// The operators of which a release is another than before, in itself or in its state.
    fn take_releases(&mut self, world: &World) -> BTreeSet<String> {
        if self.known.shared == Some(world.shared_version) {
            return BTreeSet::new();
        }
        self.known.shared = Some(world.shared_version);
        let catalog = Catalog::new(world);
        let operators = catalog.other_than(&self.catalog).into_iter().map(str::to_owned).collect();
        self.fleet.releases =
            catalog.releases.iter().map(|(key, release)| (key.clone(), release.facts.clone())).collect();
        self.catalog = catalog;
        operators
    }

    /// Takes the wave engine's words in. Adds those to whom it has something new to say.
    pub(super) fn hear(&mut self, decisions: &Decisions, due: &mut BTreeSet<String>, now: Timestamp) {
        let grants = decisions.grants.iter().map(|order| &order.tenant);
        let spoken_to: BTreeSet<String> =
            grants.chain(decisions.failures.iter().map(|(name, _)| name)).cloned().collect();
        due.extend(std::mem::replace(&mut self.spoken_to, spoken_to.clone()));
        due.extend(spoken_to);
        let (mut still, mut newcomers) = (0, Vec::new());
        for (name, word, said) in joined(decisions.waits.iter(), self.said.iter_mut()) {
            let Some(said) = said else {
                newcomers.push((name.clone(), Said { word: word.clone(), since: now }));
                continue;
            };
            still += 1;
            if said.word != *word {
                if said.word.0.on != word.0.on {
                    said.since = now;
                }
                said.word.clone_from(word);
                due.insert(name.clone());
            }
        }
        if self.said.len() > still {
            let over = self.said.extract_if(.., |name, _| !decisions.waits.contains_key(name));
            due.extend(over.map(|(name, _)| name));
        }
        due.extend(newcomers.iter().map(|(name, _)| name.clone()));
        self.said.extend(newcomers);
    }
}
