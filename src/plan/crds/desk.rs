//! All shared CRDs of the fleet: the next step of each, and why a release cannot be granted, as long as its CRDs say so.
//!
//! Must never: let a release be granted that what is served, or is about to be, cannot carry; nor take two structural steps of one
//! definition at once.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Stage,
    merges::Merges,
    next::{self, Case, Next},
    readiness::{self, Goal},
    record::{self, Record},
    step::CrdStep,
    users::{self, Barrier, Blockers, Wanted},
    write,
};
use crate::{
    api::Sweep,
    domain::{
        crd::{CrdSeen, Definition},
        fleet::Fleet,
        world::{Whose, World},
    },
    plan::catalog::{Catalog, Release, SharedCrd},
};
use jiff::Timestamp;

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

/// A release that brings the definition.
pub struct Claim<'a> {
    pub operator: &'a str,
    pub release: &'a Release,
    pub shared: &'a SharedCrd,
}

impl Claim<'_> {
    pub(super) fn key(&self) -> (String, String) {
        (self.operator.to_owned(), self.release.object.spec.version.clone())
    }
}

/// Everything that is decided from.
pub struct Sight<'a> {
    pub catalog: &'a Catalog,
    pub fleet: &'a Fleet,
    pub world: &'a World,
    pub now: Timestamp,
}

/// Decides about every shared CRD.
#[must_use]
pub fn plan(sight: &Sight, merges: &mut Merges) -> Crds {
    let mut claims: BTreeMap<&str, Vec<Claim>> = BTreeMap::new();
    for ((operator, _), release) in &sight.catalog.releases {
        for shared in &release.crds {
            claims.entry(&shared.name).or_default().push(Claim { operator, release, shared });
        }
    }
    let (wanted, mut crds) = (users::wanted(sight.fleet), Crds::default());
    for (name, mut claims) in claims {
        claims.sort_by(|a, b| (a.operator, &a.release.version).cmp(&(b.operator, &b.release.version)));
        let desk = Desk { name, claims, sight, wanted: &wanted };
        desk.decide(merges, &mut crds);
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

impl<'a> Desk<'a> {
    fn decide(&self, merges: &mut Merges, crds: &mut Crds) {
        let Some(seen) = self.sight.world.crds.get(self.name) else { return self.create(crds) };
        let Some(live) = &seen.definition else { return self.foreign(seen, crds) };
        let ways = self.ways(seen, live, merges);
        let goals = self.goals(live, &ways, merges);
        for claim in &self.claims {
            let way = ways.iter().find(|way| std::ptr::eq(way.claim, claim)).map(|way| &way.next);
            let fault = self.fault();
            if let Some(why) = readiness::not_ready(claim, (seen, live), way, &goals, fault, merges) {
                if matches!(way, Some(Next::Refused(_))) {
                    crds.refused.insert(claim.key());
                }
                crds.not_ready.entry(claim.key()).or_insert(why);
            }
        }
        self.record(&ways, crds);
        if !self.held_back() {
            self.act(seen, live, &ways, merges, crds);
        } else if let Some(fault) = self.fault() {
            crds.wake = crds.wake.into_iter().chain([fault.1]).min();
        }
    }

    /// There is none yet: of the releases that are wanted, or of all, the lowest version's is created.
    fn create(&self, crds: &mut Crds) {
        let lowest = |wanted: bool| {
            let claims = self.claims.iter().filter(|claim| !wanted || self.is_wanted(claim));
            claims.min_by_key(|claim| &claim.release.version)
        };
        if let Some(claim) = lowest(true).or_else(|| lowest(false))
            && !self.held_back()
        {
            crds.steps.push(write::create(claim));
        }
        for claim in &self.claims {
            let why = self.fault().map_or_else(
                || format!("CustomResourceDefinition {} is being created", self.name),
                |(message, _)| format!("CustomResourceDefinition {} could not be created: {message}", self.name),
            );
            crds.not_ready.entry(claim.key()).or_insert(why);
        }
        if let Some((_, retry)) = self.fault() {
            crds.wake = crds.wake.into_iter().chain([retry]).min();
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

    /// The releases that lead somewhere: of each operator the highest that is wanted, and what else is wanted and cannot work with
    /// the definition as it is. Those that the definition has gone past lead nowhere.
    fn ways(&self, seen: &CrdSeen, live: &Arc<Definition>, merges: &mut Merges) -> Vec<Way<'_>> {
        let users = users::operators(self.sight.catalog, self.name);
        let passed =
            |claim: &Claim| seen.unlocked.get(claim.operator).is_some_and(|unlocked| claim.release.version < *unlocked);
        let wanted: Vec<&Claim> = self.claims.iter().filter(|claim| self.is_wanted(claim) && !passed(claim)).collect();
        let mut ways = Vec::new();
        for (n, claim) in wanted.iter().enumerate() {
            let highest = wanted.get(n + 1).is_none_or(|next| next.operator != claim.operator);
            if highest || merges.against(&claim.shared.definition, live).is_some() {
                let first = wanted.first().is_some_and(|first| first.operator == claim.operator);
                ways.push(self.way(claim, (seen, live), (&users, highest && first), merges));
            }
        }
        ways
    }

    fn way<'b>(
        &self,
        claim: &'b Claim<'a>,
        (seen, live): (&CrdSeen, &Arc<Definition>),
        (users, cosmetic): (&BTreeSet<&str>, bool),
        merges: &mut Merges,
    ) -> Way<'b> {
        let Sight { fleet, world, now, .. } = self.sight;
        let furthest = self.furthest(claim, live, merges);
        let unable: BTreeSet<(String, String)> = self.unable(&furthest, merges);
        let carries = |operator: &str, version: &str| !unable.contains(&(operator.to_owned(), version.to_owned()));
        let version = &claim.release.version;
        let barrier = Barrier { operator: claim.operator, version, users, carries: &carries };
        let blockers = users::blockers(&barrier, fleet, world);
        let record = record::known(self.sight, self.name, claim);
        let case = Case {
            seen,
            live,
            target: &claim.shared.definition,
            waivers: &claim.release.waivers,
            contract: claim.shared.contract,
            blockers: &blockers,
            cosmetic,
            record,
            sweep: self.sweep(record.and_then(|record| record.sweep.as_ref())),
            soak: world.crd_soak,
            now: *now,
        };
        let next = next::next(&case, merges);
        Way { claim, blockers, next }
    }

    /// The last pass: as this process knows it, or as it was recorded.
    fn sweep<'b>(&'b self, recorded: Option<&'b Sweep>) -> Option<&'b Sweep> {
        self.sight.world.sweeps.get(self.name).or(recorded)
    }

    /// What the definition is to become once everybody is there.
    fn furthest(&self, claim: &Claim, live: &Arc<Definition>, merges: &mut Merges) -> Arc<Definition> {
        let stage = if claim.shared.contract { Stage::Drop } else { Stage::Flip };
        merges.get(live, &claim.shared.definition, stage, &claim.release.waivers).definition.clone()
    }

    /// The releases that could not work with that definition.
    fn unable(&self, definition: &Definition, merges: &mut Merges) -> BTreeSet<(String, String)> {
        let cannot = |claim: &&Claim| merges.against(&claim.shared.definition, definition).is_some();
        self.claims.iter().filter(cannot).map(Claim::key).collect()
    }

    /// Where the definition is going from here, now that nobody is in the way: whoever could not work with it any more is not
    /// granted even before it is written.
    fn goals(&self, live: &Arc<Definition>, ways: &[Way], merges: &mut Merges) -> Vec<Goal> {
        let open = ways.iter().filter(|way| way.blockers.none());
        let open = open.filter(|way| !matches!(way.next, Next::Refused(_) | Next::Done));
        let goal = |way: &Way| Goal {
            operator: way.claim.operator.to_owned(),
            version: way.claim.release.version.clone(),
            definition: self.furthest(way.claim, live, merges),
        };
        open.map(goal).collect()
    }

    fn record(&self, ways: &[Way], crds: &mut Crds) {
        for way in ways {
            let Some(step) = record::step(self.sight, self.name, way.claim, &way.next, &way.blockers, self.fault())
            else {
                continue;
            };
            crds.steps.push(match step {
                Record::Create(upgrade) => CrdStep::Begin(upgrade),
                Record::Status(name, status) => CrdStep::Tell { name, status },
            });
        }
    }

    /// One write, or one page. Expanding comes first, for all that are wanted at once: each write closes every watch.
    fn act(&self, seen: &CrdSeen, live: &Arc<Definition>, ways: &[Way], merges: &mut Merges, crds: &mut Crds) {
        // What is done is on record before it is begun.
        let known = ways.iter().filter(|way| record::known(self.sight, self.name, way.claim).is_some());
        let known: Vec<&Way> = known.collect();
        let wakes = known.iter().filter_map(|way| match &way.next {
            Next::Wait(wait) => wait.until,
            _ => None,
        });
        crds.wake = crds.wake.into_iter().chain(wakes).min();
        let expand = known.iter().filter(|way| matches!(way.next, Next::Write { stage: Stage::Expand, .. }));
        let targets: Vec<&Claim> = expand.map(|way| way.claim).collect();
        if !targets.is_empty() {
            let mut definition = live.clone();
            for claim in targets {
                let merged = merges.get(&definition, &claim.shared.definition, Stage::Expand, &claim.release.waivers);
                if merged.findings.refusing().next().is_none() {
                    definition = merged.definition.clone();
                }
            }
            return crds.steps.push(write::expand(self.name, seen, &definition));
        }
        // Of one operator only the highest version goes on that can: it is where the lower ones lead.
        let mut by_operator: BTreeMap<&str, &Way> = BTreeMap::new();
        for way in known.into_iter().filter(|way| !matches!(way.next, Next::Refused(_))) {
            by_operator.insert(way.claim.operator, way);
        }
        let step = by_operator.values().find_map(|way| write::further(self.name, (seen, live), way.claim, &way.next));
        crds.steps.extend(step);
    }

    fn is_wanted(&self, claim: &Claim) -> bool {
        self.wanted.get(claim.operator).is_some_and(|versions| versions.contains(&claim.release.version))
    }

    /// The last write of it that failed, and when it is tried again.
    fn fault(&self) -> Option<(&str, Timestamp)> {
        let fault = self.sight.world.faults.get(&(Whose::Crd, self.name.to_owned()))?;
        Some((&fault.message, fault.retry_at))
    }

    fn held_back(&self) -> bool {
        self.fault().is_some_and(|(_, retry)| retry > self.sight.now)
    }
}
