//! The whole fleet: the World goes in, the next write of every tenant, rollout and release comes out.
//!
//! One loop over the fleet and not one controller per object, because a wave, a budget and a shared CRD are decisions
//! about all tenants at once. What did not change is not worked out again.
mod due;
mod fits;
mod planned;
mod shared_crds;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use jiff::Timestamp;

use self::{
    due::Known,
    planned::{Agenda, Look, Looks, Planned, Said, each},
    shared_crds::Shelf,
};
use super::{
    analysis::{self, Question},
    catalog::Catalog,
    crds::CrdStep,
    notes::{self, NoteStep},
    releases::{self, ReleaseStep},
    rollout::Decisions,
    shares::Shares,
    slices::{self, Drafts, Plans, Staged},
    tenant::{self, Memo, Next, Shared, SharedParameters, Step, Word, Work},
};
use crate::{
    api::Grant,
    domain::{
        epoch::Epoch,
        fleet::{Fleet, Granted, Health},
        world::{TenantSeen, Undecodable, World},
    },
    parallel,
};

/// Everything to do next, and everything there is to say.
#[derive(Debug, Default)]
pub struct Plan {
    pub rollouts: Decisions,
    /// What of that can be written now, of runs that begin and of what long ones leave behind.
    pub staged: Staged,
    pub releases: Vec<ReleaseStep>,
    /// The next step of each shared CRD.
    pub crds: Vec<CrdStep>,
    /// What is said of windows and approvals.
    pub notes: Vec<NoteStep>,
    /// Leases to sample: tenant → namespace and name.
    pub samples: BTreeMap<String, (String, String)>,
    /// Tenants that cannot be decoded and whose status does not say so yet.
    pub undecodable: Vec<(String, Undecodable)>,
    /// What gates are to be asked now.
    pub questions: Vec<Question>,
    /// When time alone changes the plan.
    pub wake: Option<Timestamp>,
}

/// Makes plans. What it remembers only saves time: a new one makes the same plan from the same World. One thing is remembered
/// that is not in the World: which long plan was begun to be written. A new one begins once more, with whoever came meanwhile.
#[derive(Debug, Default)]
pub struct Planner {
    catalog: Catalog,
    known: Known,
    /// Boxed: a node of a map has room for eleven of them, and what is filled in order leaves half of it empty.
    tenants: BTreeMap<String, Box<Planned>>,
    agenda: Agenda,
    /// What the wave engine said last of tenants that wait, and to whom it gave an order.
    said: BTreeMap<String, Said>,
    spoken_to: BTreeSet<String>,
    fleet: Fleet,
    /// Tenants that the fleet shows as granted only because a grant is in doubt.
    doubted: Vec<String>,
    shares: Shares,
    plans: Plans,
    drafts: Drafts,
    /// What all stacks are rendered from alike, as of the last plan.
    parameters: Arc<SharedParameters>,
    shelf: Shelf,
}

impl Planner {
    /// The plan for this World at this time, for the leader of that epoch. `in_doubt` are grants that were sent and whose
    /// answer is not here yet: they count as given.
    pub fn plan(&mut self, world: &World, in_doubt: &BTreeMap<String, Grant>, epoch: &Epoch, now: Timestamp) -> Plan {
        let before = self.known.shared;
        let mut due = self.due(world, epoch, now);
        let same = before == self.known.shared;
        self.gather(&due, same, world, epoch, now);
        self.compose(world, in_doubt, now);
        let crds = self.share_crds(&mut due, world, now);
        let mut rollouts = self.decide_what_fits(&mut due, world, epoch, now);
        let staged = slices::stage(&mut rollouts, &mut self.drafts, world, now);
        self.hear(&rollouts, &mut due, now);
        self.answer(&due, world, &rollouts, epoch, now);
        let unsaid = world.undecodable.iter().filter(|((plural, _), found)| plural == "tenants" && !found.reported);
        let undecodable = unsaid.map(|((_, name), found)| (name.clone(), found.clone())).collect();
        let (notes, next) = notes::steps(&self.fleet, world, now);
        let wakes = [self.agenda.wake(now), rollouts.wake.filter(|at| *at > now), next, self.crds_wake(now)];
        let wake = wakes.into_iter().flatten().min();
        let questions = analysis::questions(&rollouts.asks, world);
        let releases = releases::steps(&self.catalog, self.crds_refused(), world, now);
        let samples = self.agenda.samples.clone();
        Plan { rollouts, staged, releases, crds, notes, samples, undecodable, questions, wake }
    }

    /// What comes next for each tenant, as of the last plan.
    pub fn nexts(&self) -> impl Iterator<Item = (&String, &Next)> {
        self.tenants.iter().map(|(name, planned)| (name, &planned.next))
    }

    /// The tenants for which there is something to do, as of the last plan: after that name, and then from the first on.
    /// Those whose step is for that.
    pub fn steps_after(&self, name: &str, work: Work) -> impl Iterator<Item = (&String, &Step)> {
        let steps = self.agenda.steps.get(&work);
        let after = steps.map(|steps| steps.range::<str, _>((Bound::Excluded(name), Bound::Unbounded)));
        let before = steps.map(|steps| steps.range::<str, _>((Bound::Unbounded, Bound::Included(name))));
        after
            .into_iter()
            .flatten()
            .chain(before.into_iter().flatten())
            .filter_map(|name| Some((name, self.tenants.get(name)?.next.step.as_ref()?)))
    }

    /// Whether the plan for that tenant was made from what is seen of it now, and from what all share.
    #[must_use]
    pub fn is_current(&self, (name, seen): (&str, &TenantSeen), shared_version: u64) -> bool {
        let planned = self.tenants.get(name).is_some_and(|planned| planned.version == seen.version);
        planned && self.known.shared == Some(shared_version)
    }

    /// What comes next for one tenant, as of the last plan.
    #[must_use]
    pub fn next(&self, name: &str) -> Option<&Next> {
        self.tenants.get(name).map(|planned| &planned.next)
    }

    /// What the wave engine saw in the last plan.
    #[must_use]
    pub const fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The releases as of the last plan.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Works out the facts of these tenants, and forgets those that are gone. `same`: all releases are as they were.
    fn gather(&mut self, due: &BTreeSet<String>, same: bool, world: &World, epoch: &Epoch, now: Timestamp) {
        let shared = shared(&self.catalog, &self.shares, &self.parameters, world, epoch, now);
        let there = |name: &String| world.tenants.get(name).and_then(|seen| Some((seen, seen.tenant.as_ref()?)));
        let Looks { news, gone, missing } = each(&mut self.tenants, &world.tenants, due, |name, seen, known| {
            let Some((seen, tenant)) = seen.and_then(|seen| Some((seen, seen.tenant.as_ref()?))) else {
                return Look::Gone;
            };
            let before = (Some(&known.facts), &mut known.memo);
            let mut facts = tenant::facts(name, tenant, seen, &shared, before);
            if same {
                facts.keep_refusal(&known.facts);
            }
            let look = if known.facts.member == facts.member { Look::Same } else { Look::News };
            (known.facts, known.version) = (facts, seen.version);
            look
        });
        let mut newcomers: Vec<_> = missing.into_iter().filter_map(|name| Some((name, there(name)?))).collect();
        let planned = |(name, (seen, tenant)): &mut (&String, (&TenantSeen, &_))| {
            let mut memo = Memo::default();
            let facts = tenant::facts(name, tenant, seen, &shared, (None, &mut memo));
            (name.clone(), Box::new(Planned::new(seen.version, memo, facts)))
        };
        for (name, planned) in parallel::map(&mut newcomers, planned) {
            self.fleet.members.insert(name.clone(), planned.facts.member.clone());
            self.tenants.insert(name, planned);
        }
        for (name, planned) in news.into_iter().filter_map(|name| self.tenants.get_key_value(name)) {
            self.fleet.members.insert(name.clone(), planned.facts.member.clone());
        }
        for name in gone {
            if let Some(planned) = self.tenants.remove(name) {
                self.agenda.forget(name, &planned);
            }
            self.fleet.members.remove(name);
        }
    }

    /// The fleet as the wave engine sees it. What did not change is not copied again: a frozen plan is long.
    fn compose(&mut self, world: &World, in_doubt: &BTreeMap<String, Grant>, now: Timestamp) {
        for name in self.doubted.drain(..).filter(|name| !in_doubt.contains_key(name)) {
            if let Some(planned) = self.tenants.get(&name) {
                self.fleet.members.insert(name, planned.facts.member.clone());
            }
        }
        for (name, grant) in in_doubt {
            let (Some(member), Some(planned)) = (self.fleet.members.get_mut(name), self.tenants.get(name)) else {
                continue;
            };
            let status = planned.facts.tenant.status.as_ref();
            member.granted = Some(Granted { paused: 0, ..tenant::granted(grant, status, None, now) });
            member.health = Health::Moving;
            self.doubted.push(name.clone());
        }
        if self.fleet.policies != world.policies {
            self.fleet.policies.clone_from(&world.policies);
        }
        self.plans.gather(world, &mut self.fleet);
        self.fleet.max_concurrency = world.fleet.max_concurrency;
        if self.fleet.analyses != world.analyses {
            self.fleet.analyses.clone_from(&world.analyses);
        }
        notes::calendar(&mut self.fleet, world);
    }

    /// What comes next for these tenants.
    fn answer(&mut self, due: &BTreeSet<String>, world: &World, decisions: &Decisions, epoch: &Epoch, now: Timestamp) {
        let shared = shared(&self.catalog, &self.shares, &self.parameters, world, epoch, now);
        let grants: HashMap<&str, _> = decisions.grants.iter().map(|g| (g.tenant.as_str(), g)).collect();
        let failures: HashMap<&str, _> = decisions.failures.iter().map(|(name, f)| (name.as_str(), f)).collect();
        let said = &self.said;
        let looks = each(&mut self.tenants, &world.tenants, due, |name, seen, planned| {
            let Some(seen) = seen else { return Look::Gone };
            let said = said.get(name);
            let word = Word {
                wait_since: said.map(|said| said.since),
                grant: grants.get(name.as_str()).copied(),
                failure: failures.get(name.as_str()).copied(),
                wait: said.map(|said| &said.word),
            };
            planned.next = tenant::next(&planned.facts, seen, word, &shared, &mut planned.memo);
            if planned.is_booked() { Look::Same } else { Look::News }
        });
        for name in looks.news {
            if let Some(planned) = self.tenants.get_mut(name) {
                self.agenda.note(name, planned);
            }
        }
    }
}

fn shared<'a>(
    catalog: &'a Catalog,
    shares: &'a Shares,
    parameters: &'a Arc<SharedParameters>,
    world: &'a World,
    epoch: &'a Epoch,
    now: Timestamp,
) -> Shared<'a> {
    Shared {
        catalog,
        fleet: &world.fleet,
        unread: world.fleet_unread.as_deref(),
        parameters,
        claims: &shares.claims,
        surplus: &shares.surplus,
        epoch,
        now,
    }
}
