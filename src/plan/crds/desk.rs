//! All shared CRDs of the fleet: the next step of each, and why a release cannot be granted, as long as its CRDs say so.
//!
//! Must never: let a release be granted that what is served, or is about to be, cannot carry; nor take two structural steps of one
//! definition at once.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Stage,
    claims::{self, Claim, Sight},
    merges::Merges,
    next::{self, Case, Next},
    readiness::{self, Goal},
    record,
    shape::{cosmetic, last_stage, shape},
    step::CrdStep,
    users::{self, Barrier, Blockers, Wanted},
    write,
};
use crate::{
    api::{CrdPhase, CrdUpgradeStatus},
    domain::{
        crd::{CrdSeen, Definition},
        world::{Fault, FaultKind, Whose},
    },
};

/// What is decided about all shared CRDs.
#[derive(Debug, Default)]
pub struct Crds {
    pub steps: Vec<CrdStep>,
    /// Why a release cannot be granted now, by operator and version.
    pub not_ready: BTreeMap<(String, String), String>,
    /// Operators and versions whose definitions are refused until a person does something.
    pub refused: BTreeSet<(String, String)>,
    /// When time alone changes something.
    pub wake: Option<Timestamp>,
}

/// Decides about every shared CRD.
#[must_use]
pub fn plan(sight: &Sight, merges: &mut Merges) -> Crds {
    let (wanted, mut crds) = (users::wanted(sight.fleet), Crds::default());
    for (name, claims) in claims::by_definition(sight.catalog) {
        Desk { name, claims, sight, wanted: &wanted }.decide(merges, &mut crds);
    }
    crds
}

/// One CRD.
struct Desk<'a> {
    name: &'a str,
    /// By operator, the lowest version first.
    claims: Vec<Claim<'a>>,
    sight: &'a Sight<'a>,
    wanted: &'a Wanted,
}

/// One release's way into it.
struct Way<'a> {
    claim: &'a Claim<'a>,
    blockers: Blockers,
    next: Next,
}

/// What is decided about, as it is now.
#[derive(Clone, Copy)]
struct Live<'a> {
    seen: &'a CrdSeen,
    definition: &'a Arc<Definition>,
}

impl<'a> Desk<'a> {
    fn decide(&self, merges: &mut Merges, crds: &mut Crds) {
        let Some(seen) = self.sight.world.crds.get(self.name) else { return self.create(merges, crds) };
        if seen.deleting {
            return self.tell_all(crds, "is being deleted, with every object of it");
        }
        let Some(definition) = &seen.definition else { return self.foreign(seen, crds) };
        let live = Live { seen, definition };
        let ways = self.ways(live, merges);
        let goals = self.goals(live, &ways, merges, crds);
        for claim in &self.claims {
            let way = ways.iter().find(|way| std::ptr::eq(way.claim, claim)).map(|way| &way.next);
            let fault = self.fault_of(claim);
            if let Some(why) = readiness::not_ready(claim, (seen, definition), way, &goals, fault, merges) {
                if matches!(way, Some(Next::Refused(_))) {
                    crds.refused.insert(claim.key());
                }
                crds.not_ready.entry(claim.key()).or_insert(why);
            }
        }
        self.record(&ways, crds);
        if let Some(retry) = self.held_back() {
            crds.wake = crds.wake.into_iter().chain([retry]).min();
        } else {
            self.act(live, &ways, merges, crds);
        }
    }

    fn tell_all(&self, crds: &mut Crds, what: &str) {
        for claim in &self.claims {
            let why = format!("CustomResourceDefinition {} {what}", self.name);
            crds.not_ready.entry(claim.key()).or_insert(why);
        }
    }

    /// There is none yet: of the releases that are wanted, or of all, the lowest version's is created.
    fn create(&self, merges: &mut Merges, crds: &mut Crds) {
        let lowest = |wanted: bool| {
            let claims = self.claims.iter().filter(|claim| !wanted || self.is_wanted(claim));
            claims.min_by_key(|claim| &claim.release.version)
        };
        if let Some(retry) = self.held_back() {
            crds.wake = crds.wake.into_iter().chain([retry]).min();
        } else if let Some(claim) = lowest(true).or_else(|| lowest(false)) {
            let own = &claim.shared.definition;
            let closed = merges.get(own, own, Stage::Expand, &claim.release.waivers);
            crds.steps.push(write::create(claim, &closed.definition));
        }
        match self.fault_of_crd() {
            Some(message) => self.tell_all(crds, &format!("could not be created: {message}")),
            None => self.tell_all(crds, "is being created"),
        }
    }

    /// Somebody else's: never written. It is as good as ours where it says the very same.
    fn foreign(&self, seen: &CrdSeen, crds: &mut Crds) {
        for claim in &self.claims {
            if let Some(why) = readiness::foreign(claim, seen) {
                if seen.digest != claim.shared.definition.digest() {
                    crds.refused.insert(claim.key());
                }
                crds.not_ready.entry(claim.key()).or_insert(why);
            }
        }
    }

    /// The releases that lead somewhere: of each operator the highest that is wanted, what else is wanted and cannot work with the
    /// definition as it is, and what was begun. Those that the definition has gone past lead nowhere.
    fn ways(&self, live: Live, merges: &mut Merges) -> Vec<Way<'_>> {
        let passed = |claim: &Claim| {
            live.seen.unlocked.get(claim.operator).is_some_and(|unlocked| claim.release.version < *unlocked)
        };
        let wanted: Vec<&Claim> = self.claims.iter().filter(|claim| self.is_wanted(claim) && !passed(claim)).collect();
        let mut targets = Vec::new();
        for (n, claim) in wanted.iter().enumerate() {
            let highest = wanted.get(n + 1).is_none_or(|next| next.operator != claim.operator);
            if highest || merges.against(&claim.shared.definition, live.definition).is_some() || self.has_begun(claim) {
                targets.push(*claim);
            }
        }
        let users = users::operators(self.sight, self.name, live.seen);
        targets.iter().map(|claim| self.way(claim, live, &targets, &users, merges)).collect()
    }

    /// Whether its way is on record and has not come to an end.
    fn has_begun(&self, claim: &Claim) -> bool {
        let over = |status: &CrdUpgradeStatus| matches!(status.phase, CrdPhase::Done | CrdPhase::Refused);
        let record = record::known(self.sight, claim);
        record.is_some_and(|record| !record.status.as_ref().is_some_and(over))
    }

    fn way<'b>(
        &self,
        claim: &'b Claim<'a>,
        live: Live,
        targets: &[&'b Claim<'a>],
        users: &BTreeSet<&str>,
        merges: &mut Merges,
    ) -> Way<'b> {
        let Sight { fleet, world, now, .. } = self.sight;
        let shape = |stage: Stage, merges: &mut Merges| shape(live.definition, claim, stage, targets, merges);
        let furthest = shape(last_stage(claim), merges);
        let able = self.able(&furthest, merges);
        let carries = |operator: &str, version: &str| self.carries(&able, operator, version);
        let barrier = Barrier { operator: claim.operator, version: &claim.release.version, users, carries: &carries };
        let blockers = users::blockers(&barrier, fleet, world);
        let record = record::known(self.sight, claim).and_then(|record| record.status.as_ref());
        let findings = merges.get(live.definition, &claim.shared.definition, Stage::Expand, &claim.release.waivers);
        let storage = live.definition.storage();
        let elsewhere = claim.shared.definition.storage() != storage;
        let stays = targets.iter().find(|other| {
            elsewhere && other.operator != claim.operator && other.shared.definition.storage() == storage
        });
        let case = Case {
            seen: live.seen,
            live: live.definition,
            target: &claim.shared.definition,
            findings: &findings.findings,
            shape: &shape,
            contract: claim.shared.contract,
            unlooked: claim.release.waivers.preflight(),
            blockers: &blockers,
            stays: stays.map(|other| format!("{} {}", other.operator, other.release.version)),
            cosmetic: std::ptr::eq(claim, cosmetic(targets)),
            record,
            sweep: world.sweeps.get(&claim.record()).or(record.and_then(|record| record.sweep.as_ref())),
            soak: world.crd_soak,
            now: *now,
        };
        let next = next::next(&case, merges);
        Way { claim, blockers, next }
    }

    /// The releases that can work with that definition.
    fn able(&self, definition: &Definition, merges: &mut Merges) -> BTreeSet<(String, String)> {
        let can = |claim: &&Claim| merges.against(&claim.shared.definition, definition).is_none();
        self.claims.iter().filter(can).map(Claim::key).collect()
    }

    /// Whether that release can; one that does not bring the definition can work with any. `None`: there is no such release.
    fn carries(&self, able: &BTreeSet<(String, String)>, operator: &str, version: &str) -> Option<bool> {
        let release = self.sight.catalog.get(operator, version)?;
        let brings = release.crds.iter().any(|shared| shared.name == self.name);
        Some(!brings || able.contains(&(operator.to_owned(), version.to_owned())))
    }

    /// Where the definition is going from here, now that nobody is in the way, or a write is under way: whoever could not work with
    /// it any more is not granted even before it is written.
    fn goals(&self, live: Live, ways: &[Way], merges: &mut Merges, crds: &mut Crds) -> Vec<Goal> {
        let pledge = self.sight.world.crd_pledges.get(self.name);
        let pledged = pledge.is_some_and(|pledge| pledge.stands(&live.seen.resource_version, self.sight.now));
        if pledged {
            crds.wake = crds.wake.into_iter().chain(pledge.map(|pledge| pledge.until)).min();
        }
        let targets: Vec<&Claim> = ways.iter().map(|way| way.claim).collect();
        let rests = |phase| matches!(phase, CrdPhase::Refused | CrdPhase::Preflight | CrdPhase::Done);
        let open = ways.iter().filter(|way| (way.blockers.none() || pledged) && !rests(way.next.phase()));
        let goal = |way: &Way| Goal {
            operator: way.claim.operator.to_owned(),
            version: way.claim.release.version.clone(),
            definition: shape(live.definition, way.claim, last_stage(way.claim), &targets, merges),
        };
        open.map(goal).collect()
    }

    fn record(&self, ways: &[Way], crds: &mut Crds) {
        for way in ways {
            let fault = self.fault_of(way.claim);
            crds.steps.extend(record::step(self.sight, way.claim, &way.next, &way.blockers, fault));
        }
    }

    /// One write, or one page. Expanding comes first, for all that are wanted at once: each write closes every watch.
    fn act(&self, live: Live, ways: &[Way], merges: &mut Merges, crds: &mut Crds) {
        // What is done is on record before it is begun.
        let known = ways.iter().filter(|way| record::known(self.sight, way.claim).is_some());
        let known: Vec<&Way> = known.collect();
        let wakes = known.iter().filter_map(|way| match &way.next {
            Next::Wait(wait) => wait.until,
            _ => None,
        });
        crds.wake = crds.wake.into_iter().chain(wakes).min();
        let expand = known.iter().rev().find_map(|way| match &way.next {
            Next::Write { stage: Stage::Expand, definition, .. } => Some((way.claim, definition)),
            _ => None,
        });
        if let Some((claim, definition)) = expand {
            let targets: Vec<&Claim> = ways.iter().map(|way| way.claim).collect();
            let becomes = shape(live.definition, claim, Stage::Flip, &targets, merges);
            return crds.steps.push(write::expand(self.name, live.seen, definition, &becomes));
        }
        // Of one operator the highest version goes first that can: it is where the lower ones lead. What is before its waves holds
        // up nobody who is past them.
        let further = |way: &&Way| write::further(self.name, (live.seen, live.definition), way.claim, &way.next);
        let (looks, steps): (Vec<_>, Vec<_>) =
            known.iter().rev().partition(|way| way.next.phase() == CrdPhase::Preflight);
        crds.steps.extend(steps.into_iter().chain(looks).find_map(further));
    }

    fn is_wanted(&self, claim: &Claim) -> bool {
        self.wanted.get(claim.operator).is_some_and(|versions| versions.contains(&claim.release.version))
    }

    /// What failed last of the definition's writes, in a person's words. That it changed meanwhile is none of that.
    fn fault_of_crd(&self) -> Option<&str> {
        self.fault(self.name).map(|fault| fault.message.as_str())
    }

    /// The same of the definition, or of the record of that release's way.
    fn fault_of(&self, claim: &Claim) -> Option<&str> {
        self.fault_of_crd().or_else(|| self.fault(&claim.record()).map(|fault| fault.message.as_str()))
    }

    fn fault(&self, name: &str) -> Option<&Fault> {
        let fault = self.sight.world.faults.get(&(Whose::Crd, name.to_owned()))?;
        (fault.kind != FaultKind::Stale).then_some(fault)
    }

    /// Until when nothing is tried.
    fn held_back(&self) -> Option<Timestamp> {
        let fault = self.sight.world.faults.get(&(Whose::Crd, self.name.to_owned()))?;
        (fault.retry_at > self.sight.now).then_some(fault.retry_at)
    }
}
