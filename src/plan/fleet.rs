//! The whole fleet: the World goes in, the next write of every tenant, rollout and release comes out.
//!
//! One loop over the fleet and not one controller per object, because a wave, a budget and a shared CRD are decisions
//! about all tenants at once. What did not change is not worked out again.
mod fits;
mod planned;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use jiff::Timestamp;

use self::planned::{Basis, Planned};
use super::{
    analysis::{self, Question},
    catalog::{Catalog, Release},
    joined::joined,
    notes::{self, NoteStep},
    releases::{self, ReleaseStep},
    rollout::Decisions,
    shares::Shares,
    slices::{self, Plans, Staged},
    tenant::{self, Memo, Next, Shared, SharedParameters, Step, Word},
};
use crate::{
    api::Grant,
    domain::{
        epoch::Epoch,
        fleet::{Fleet, Granted, Health},
        report::Wait,
        world::{TenantSeen, Undecodable, World},
    },
};

/// Everything to do next, and everything there is to say.
#[derive(Debug, Default)]
pub struct Plan {
    pub rollouts: Decisions,
    /// What of that can be written now, of runs that begin and of what long ones leave behind.
    pub staged: Staged,
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
    /// Tenants whose next has a step that moves them on, and those whose step only tells.
    steps: BTreeSet<String>,
    telling: BTreeSet<String>,
    fleet: Fleet,
    /// Tenants that the fleet shows as granted only because a grant is in doubt.
    doubted: Vec<String>,
    shares: Shares,
    plans: Plans,
    /// What all stacks are rendered from alike, as of the last plan.
    parameters: Arc<SharedParameters>,
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
        let parameters = SharedParameters::new(&world.fleet, world.apis);
        if *self.parameters != parameters {
            self.parameters = Arc::new(parameters);
        }
        self.shares.update(world);
        self.gather(world, epoch, now);
        self.compose(world, in_doubt, now);
        let mut rollouts = self.decide_what_fits(world, epoch, now);
        let staged = slices::stage(&mut rollouts, world, now);
        self.answer(world, &rollouts, epoch, now);
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
        Plan { rollouts, staged, releases, notes, samples, undecodable, questions, wake }
    }

    /// What comes next for each tenant, as of the last plan.
    pub fn nexts(&self) -> impl Iterator<Item = (&String, &Next)> {
        self.tenants.iter().map(|(name, planned)| (name, &planned.next))
    }

    /// The tenants for which there is something to do, as of the last plan: after that name, and then from the first on.
    /// Those whose step only tells how they do, or the others.
    pub fn steps_after(&self, name: &str, tells: bool) -> impl Iterator<Item = (&String, &Step)> {
        let steps = if tells { &self.telling } else { &self.steps };
        let after = steps.range::<str, _>((Bound::Excluded(name), Bound::Unbounded));
        let before = steps.range::<str, _>((Bound::Unbounded, Bound::Included(name)));
        after.chain(before).filter_map(|name| Some((name, self.tenants.get(name)?.next.step.as_ref()?)))
    }

    /// Whether the plan for that tenant was made from what is seen of it now, and from what all share.
    #[must_use]
    pub fn is_current(&self, (name, seen): (&str, &TenantSeen), shared_version: u64) -> bool {
        let uid = seen.tenant.as_ref().and_then(|tenant| tenant.metadata.uid.as_ref());
        let basis = self.tenants.get(name).map(|planned| &planned.basis);
        basis.is_some_and(|basis| basis.versions == (seen.version, shared_version) && basis.uid.as_ref() == uid)
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

    /// Works out the facts of every tenant that changed, or whose time has come.
    fn gather(&mut self, world: &World, epoch: &Epoch, now: Timestamp) {
        let shared = shared(&self.catalog, &self.shares, &self.parameters, world, epoch, now);
        let (mut there, mut newcomers) = (0, Vec::new());
        // The shares are those of this very World: of each tenant that exists, one.
        let tenants = joined(self.shares.iter(), world.tenants.iter());
        let tenants = tenants.filter_map(|(name, share, seen)| Some((name, (share, seen?))));
        for (name, (share, seen), known) in joined(tenants, self.tenants.iter_mut()) {
            let Some(tenant) = &seen.tenant else { continue };
            there += 1;
            let versions = (seen.version, world.shared_version);
            let (uid, (owner, surplus)) = (&tenant.metadata.uid, share);
            let current = |p: &Planned| p.basis.holds(versions, uid.as_ref(), share, epoch) && !p.is_due(now);
            if known.as_ref().is_some_and(|known| current(known)) {
                continue;
            }
            let share = (owner.map(str::to_owned), surplus);
            let basis = Basis { versions, uid: uid.clone(), epoch: epoch.clone(), share };
            match known {
                Some(known) => {
                    let before = (Some(&known.facts), &mut known.memo);
                    let mut facts = tenant::facts(name, tenant, seen, &shared, before);
                    if known.basis.versions.1 == basis.versions.1 {
                        facts.keep_refusal(&known.facts);
                    }
                    (known.facts, known.basis, known.next) = (facts, basis, Next::nothing());
                    (known.due, known.spoken_to) = (true, false);
                    self.fleet.members.insert(name.clone(), known.facts.member.clone());
                }
                None => {
                    let mut memo = Memo::default();
                    let facts = tenant::facts(name, tenant, seen, &shared, (None, &mut memo));
                    self.fleet.members.insert(name.clone(), facts.member.clone());
                    newcomers.push((name.clone(), Planned::new(basis, memo, facts)));
                }
            }
        }
        self.tenants.extend(newcomers);
        if self.tenants.len() != there {
            let gone = |name: &String| world.tenants.get(name).is_none_or(|t| t.tenant.is_none());
            self.tenants.retain(|name, _| !gone(name));
            self.fleet.members.retain(|name, _| !gone(name));
            self.steps.retain(|name| !gone(name));
            self.telling.retain(|name| !gone(name));
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
        self.fleet.analyses.clone_from(&world.analyses);
        notes::calendar(&mut self.fleet, world);
    }

    /// What comes next for each tenant that changed or that the wave engine has a new word for.
    fn answer(&mut self, world: &World, decisions: &Decisions, epoch: &Epoch, now: Timestamp) {
        let shared = shared(&self.catalog, &self.shares, &self.parameters, world, epoch, now);
        let grants: HashMap<&str, _> = decisions.grants.iter().map(|g| (g.tenant.as_str(), g)).collect();
        let failures: HashMap<&str, _> = decisions.failures.iter().map(|(name, f)| (name.as_str(), f)).collect();
        for (name, planned, wait) in joined(self.tenants.iter_mut(), decisions.waits.iter()) {
            let on = |wait: Option<&(Wait, String)>| wait.map(|(wait, _)| wait.on);
            if on(planned.waited.as_ref()) != on(wait) || planned.waits_since.is_none() {
                planned.waits_since = wait.map(|_| now);
            }
            let word = Word {
                wait_since: planned.waits_since,
                grant: grants.get(name.as_str()).copied(),
                failure: failures.get(name.as_str()).copied(),
                wait,
            };
            let spoken_to = word.grant.is_some() || word.failure.is_some();
            let same = !spoken_to && !planned.spoken_to && planned.waited.as_ref() == word.wait;
            if same && !planned.due {
                continue;
            }
            let Some(seen) = world.tenants.get(name) else { continue };
            planned.next = tenant::next(&planned.facts, seen, word, &shared, &mut planned.memo);
            planned.waited = word.wait.cloned();
            (planned.spoken_to, planned.due) = (spoken_to, false);
            let status = planned.facts.tenant.status.as_ref();
            let tells = planned.next.step.as_ref().map(|step| step.tells(status));
            for (steps, which) in [(&mut self.steps, false), (&mut self.telling, true)] {
                if tells == Some(which) {
                    steps.insert(name.clone());
                } else {
                    steps.remove(name);
                }
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
