//! The whole fleet: the World goes in, the next write of every tenant, rollout and release comes out.
//!
//! One loop over the fleet and not one controller per object, because a wave, a budget and a shared CRD are decisions
//! about all tenants at once. What did not change is not worked out again.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::{
    analysis::{self, Question},
    catalog::{Catalog, Release},
    notes::{self, NoteStep},
    releases::{self, ReleaseStep},
    rollout::{self, Decisions},
    shares::Shares,
    tenant::{self, Facts, Memo, Next, Shared, Word},
};
use crate::{
    api::{Grant, Rollout},
    domain::{
        epoch::Epoch,
        fleet::{Fleet, Granted, Health},
        report::Wait,
        world::{Undecodable, World},
    },
};

/// Everything to do next, and everything there is to say.
#[derive(Debug, Default)]
pub struct Plan {
    pub rollouts: Decisions,
    pub releases: Vec<ReleaseStep>,
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

/// Makes plans. What it remembers only saves time: a new one makes the same plan from the same World.
#[derive(Debug, Default)]
pub struct Planner {
    catalog: Catalog,
    seen_shared: Option<u64>,
    tenants: BTreeMap<String, Planned>,
    memos: HashMap<String, Memo>,
    fleet: Fleet,
    shares: Shares,
}

/// What was worked out for one tenant, and from what.
#[derive(Debug)]
struct Planned {
    /// Versions of the tenant and of what all share, our epoch, whether it may have its namespace, whether it is one too many.
    basis: (u64, u64, Epoch, bool, bool),
    facts: Facts,
    next: Next,
    /// The wave engine's wait that `next` speaks of.
    waited: Option<(Wait, String)>,
    /// Since when it gives that reason.
    waits_since: Option<Timestamp>,
    spoken_to: bool,
}

impl Planner {
    /// The plan for this World at this time, for the leader of that epoch. `in_doubt` are grants that were sent and whose
    /// answer is not here yet: they count as given.
    pub fn plan(&mut self, world: &World, in_doubt: &BTreeMap<String, Grant>, epoch: &Epoch, now: Timestamp) -> Plan {
        if self.seen_shared != Some(world.shared_version) {
            self.catalog = Catalog::new(world);
            self.seen_shared = Some(world.shared_version);
            let facts = |(key, release): (&(String, String), &Release)| (key.clone(), release.facts.clone());
            self.fleet.releases = self.catalog.releases.iter().map(facts).collect();
        }
        self.shares.update(world);
        let due = self.gather(world, epoch, now);
        self.compose(world, in_doubt, now);
        let rollouts = self.decide(now);
        self.answer(world, &rollouts, &due, epoch, now);
        let samples =
            self.tenants.iter().filter_map(|(name, p)| Some((name.clone(), p.next.sample.clone()?))).collect();
        let wakes = self.tenants.values().filter_map(|p| p.next.wake);
        let wake = wakes.chain(rollouts.wake).filter(|at| *at > now).min();
        let unsaid = world.undecodable.iter().filter(|((plural, _), found)| plural == "tenants" && !found.reported);
        let undecodable = unsaid.map(|((_, name), found)| (name.clone(), found.clone())).collect();
        let (notes, next) = notes::steps(&self.fleet, world, now);
        let wake = [wake, next].into_iter().flatten().min();
        let questions = analysis::questions(&rollouts.asks, world);
        let releases = releases::steps(&self.catalog, world, now);
        Plan { rollouts, releases, notes, samples, undecodable, questions, wake }
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

    /// What comes next for each tenant, as of the last plan.
    pub fn nexts(&self) -> impl Iterator<Item = (&String, &Next)> {
        self.tenants.iter().map(|(name, planned)| (name, &planned.next))
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

    /// Works out the facts of every tenant that changed, or whose time has come. Returns those tenants.
    fn gather(&mut self, world: &World, epoch: &Epoch, now: Timestamp) -> BTreeSet<String> {
        let shared = Shared {
            catalog: &self.catalog,
            fleet: &world.fleet,
            unread: world.fleet_unread.as_deref(),
            apis: world.apis,
            claims: &self.shares.claims,
            surplus: &self.shares.surplus,
            epoch,
            now,
        };
        let mut due = BTreeSet::new();
        for (name, seen) in &world.tenants {
            let Some(tenant) = &seen.tenant else { continue };
            let (owner, surplus) = self.shares.of(name);
            let basis = (seen.version, world.shared_version, epoch.clone(), owner, surplus);
            let known = self.tenants.get(name);
            if known.is_some_and(|p| p.basis == basis && p.next.wake.is_none_or(|at| at > now)) {
                continue;
            }
            let memo = self.memos.entry(name.clone()).or_default();
            let facts = tenant::facts(name, tenant, seen, &shared, memo);
            let next = Next::nothing();
            self.fleet.members.insert(name.clone(), facts.member.clone());
            let (waited, waits_since) = known.map(|k| (k.waited.clone(), k.waits_since)).unwrap_or_default();
            self.tenants.insert(name.clone(), Planned { basis, facts, next, waited, waits_since, spoken_to: false });
            due.insert(name.clone());
        }
        let gone = |name: &String| world.tenants.get(name).is_none_or(|t| t.tenant.is_none());
        self.tenants.retain(|name, _| !gone(name));
        self.memos.retain(|name, _| !gone(name));
        self.fleet.members.retain(|name, _| !gone(name));
        due
    }

    /// The fleet as the wave engine sees it. What did not change is not copied again: a frozen plan is long.
    fn compose(&mut self, world: &World, in_doubt: &BTreeMap<String, Grant>, now: Timestamp) {
        for (name, planned) in &self.tenants {
            let Some(member) = self.fleet.members.get_mut(name) else { continue };
            match in_doubt.get(name) {
                Some(grant) => {
                    let status = planned.facts.tenant.status.as_ref();
                    member.granted = Some(Granted { paused: 0, ..tenant::granted(grant, status, None, now) });
                    member.health = Health::Moving;
                }
                None if member.granted != planned.facts.member.granted => *member = planned.facts.member.clone(),
                None => {}
            }
        }
        if self.fleet.policies != world.policies {
            self.fleet.policies.clone_from(&world.policies);
        }
        self.fleet.rollouts.retain(|name, _| world.rollouts.contains_key(name));
        for (name, rollout) in &world.rollouts {
            let version = |r: &Rollout| (r.metadata.uid.clone(), r.metadata.resource_version.clone());
            let known = self.fleet.rollouts.get(name).map(version);
            if known.is_none_or(|known| known.1.is_none() || known != version(rollout)) {
                self.fleet.rollouts.insert(name.clone(), rollout.clone());
            }
        }
        self.fleet.max_concurrency = world.fleet.max_concurrency;
        self.fleet.analyses.clone_from(&world.analyses);
        notes::calendar(&mut self.fleet, world);
    }

    /// What comes next for each tenant that changed or that the wave engine has a new word for.
    fn answer(&mut self, world: &World, decisions: &Decisions, due: &BTreeSet<String>, epoch: &Epoch, now: Timestamp) {
        let shared = Shared {
            catalog: &self.catalog,
            fleet: &world.fleet,
            unread: world.fleet_unread.as_deref(),
            apis: world.apis,
            claims: &self.shares.claims,
            surplus: &self.shares.surplus,
            epoch,
            now,
        };
        let grants: HashMap<&str, _> = decisions.grants.iter().map(|g| (g.tenant.as_str(), g)).collect();
        let failures: HashMap<&str, _> = decisions.failures.iter().map(|(name, f)| (name.as_str(), f)).collect();
        for (name, planned) in &mut self.tenants {
            let on = |wait: Option<&(Wait, String)>| wait.map(|(wait, _)| wait.on);
            if on(planned.waited.as_ref()) != on(decisions.waits.get(name)) || planned.waits_since.is_none() {
                planned.waits_since = decisions.waits.get(name).map(|_| now);
            }
            let word = Word {
                wait_since: planned.waits_since,
                grant: grants.get(name.as_str()).copied(),
                failure: failures.get(name.as_str()).copied(),
                wait: decisions.waits.get(name),
            };
            let spoken_to = word.grant.is_some() || word.failure.is_some();
            let same = !spoken_to && !planned.spoken_to && planned.waited.as_ref() == word.wait;
            if same && !due.contains(name) {
                continue;
            }
            let (Some(seen), Some(memo)) = (world.tenants.get(name), self.memos.get_mut(name)) else { continue };
            planned.next = tenant::next(&planned.facts, seen, word, &shared, memo);
            planned.waited = word.wait.cloned();
            planned.spoken_to = spoken_to;
        }
    }
}
