//! The next step of one release's way into one CRD. Decided from what the cluster has: the record only remembers when a soak
//! began and how far a pass has come.
//! Must never: take a step that a tenant's operator cannot work with, or drop what some object still has.
use std::{collections::BTreeSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{
    Findings, Stage,
    merges::Merges,
    passes::{Pass, schema},
    step::What,
    users::Blockers,
};
use crate::{
    api::{CrdPhase, CrdUpgradeStatus, Purpose, Sweep},
    domain::{
        crd::{CrdSeen, Definition, validate::rules},
        digest,
    },
};

/// What the definition becomes at a stage of this release, with what all others need at once.
pub type Shape<'a> = &'a dyn Fn(Stage, &mut Merges) -> Arc<Definition>;

/// What is decided about.
pub struct Case<'a> {
    pub seen: &'a CrdSeen,
    /// What the cluster has.
    pub live: &'a Arc<Definition>,
    /// What the release brings.
    pub target: &'a Definition,
    /// What lies between the two.
    pub findings: &'a Findings,
    pub shape: Shape<'a>,
    /// The release ends what earlier ones had.
    pub contract: bool,
    /// The release waives the look at stored objects before the waves.
    pub unlooked: bool,
    pub blockers: &'a Blockers,
    /// Another operator whose release stores objects where they are stored now.
    pub stays: Option<String>,
    /// A change that only people see is worth a write: of all releases, one has that right, or two would go on correcting each other.
    pub cosmetic: bool,
    pub record: Option<&'a CrdUpgradeStatus>,
    /// The last pass over the stored objects.
    pub sweep: Option<&'a Sweep>,
    pub soak: SignedDuration,
    pub now: Timestamp,
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// Some change cannot be made: nothing is written, nobody is granted the release.
    Refused(Findings),
    Write {
        phase: CrdPhase,
        stage: Stage,
        definition: Arc<Definition>,
    },
    Wait(Wait),
    /// One page of a pass, through that version.
    Page {
        phase: CrdPhase,
        sweep: Sweep,
        version: String,
        what: What,
    },
    /// All is stored at the storage version: `status.storedVersions` may say so.
    Trim,
    Done,
}

/// What is waited for.
#[derive(Debug, PartialEq, Eq)]
pub struct Wait {
    pub phase: CrdPhase,
    pub message: String,
    /// When time alone ends it.
    pub until: Option<Timestamp>,
    /// A person must do something.
    pub stuck: bool,
}

impl Next {
    fn wait(phase: CrdPhase, message: impl Into<String>, until: Option<Timestamp>) -> Self {
        Self::Wait(Wait { phase, message: message.into(), until, stuck: false })
    }

    fn write(phase: CrdPhase, stage: Stage, definition: Arc<Definition>) -> Self {
        Self::Write { phase, stage, definition }
    }

    #[must_use]
    pub const fn phase(&self) -> CrdPhase {
        match self {
            Self::Refused(_) => CrdPhase::Refused,
            Self::Write { phase, .. } | Self::Page { phase, .. } => *phase,
            Self::Wait(wait) => wait.phase,
            Self::Trim => CrdPhase::Verify,
            Self::Done => CrdPhase::Done,
        }
    }
}

/// The next step.
#[must_use]
pub fn next(case: &Case, merges: &mut Merges) -> Next {
    if case.findings.refusing().next().is_some() {
        return Next::Refused(case.findings.clone());
    }
    let expand = (case.shape)(Stage::Expand, merges);
    if case.differs(&expand) {
        return Next::write(CrdPhase::Expand, Stage::Expand, expand);
    }
    if !case.seen.established {
        return Next::wait(CrdPhase::Expand, "the API server does not serve the definition yet", None);
    }
    let last = (case.shape)(if case.contract { Stage::Drop } else { Stage::Flip }, merges);
    if !case.differs(&last) && case.stored_as_served() {
        return Next::Done;
    }
    if let Some(next) = preflight(case, merges) {
        return next;
    }
    // Where the storage version is the release's, what is stored goes there, whoever comes and goes meanwhile.
    if let Some(next) = migrate(case) {
        return next;
    }
    if !case.blockers.none() {
        return case.blocked();
    }
    unlock(case, merges).or_else(|| flip(case, merges)).or_else(|| contract(case, merges)).unwrap_or(Next::Done)
}

/// P0, the part that the API server can answer only once it serves what was expanded: whether every stored object stands what is
/// going to be asked of it, and would be migrated. Before any tenant moves, and once; a release may waive it.
fn preflight(case: &Case, merges: &mut Merges) -> Option<Next> {
    let (live, target) = (case.live, case.target.storage());
    let drops = case.contract && live.versions().any(|version| case.target.version(version.name).is_none());
    let (judges, rehearses) = (case.findings.needs_scan(), drops || live.storage() != target);
    let mark = |judges: bool, rehearses: bool| {
        digest::of(&[&case.seen.uid, case.target.digest(), &format!("{judges} {rehearses}")])
    };
    // On the way less is left to be asked.
    let (against, all) = (mark(judges, rehearses), mark(true, true));
    let known = case.record.and_then(|record| record.preflight.as_ref()).map(|sweep| &sweep.against);
    if case.unlooked || known.is_some_and(|known| *known == against || *known == all) || !(judges || rehearses) {
        return None;
    }
    let version = live.version(target).filter(|version| version.served).map_or(live.storage(), |version| version.name);
    let becomes = (case.shape)(Stage::Flip, merges);
    let judge = |version: &str| What::Validate { schema: schema(&becomes, version), dry_run: false };
    let rehearse = |_: &str| What::Rehearse;
    let both: [(bool, Pass); 2] = [(judges, (Purpose::Preflight, &judge)), (rehearses, (Purpose::Rehearse, &rehearse))];
    let passes: Vec<Pass> = both.into_iter().filter(|(wanted, _)| *wanted).map(|(_, pass)| pass).collect();
    case.passes(CrdPhase::Preflight, (version, &against), None, &passes)
}

/// P4: what old operators could not have worked with, now that there are none.
fn unlock(case: &Case, merges: &mut Merges) -> Option<Next> {
    let unlock = (case.shape)(Stage::Unlock, merges);
    if !case.differs(&unlock) {
        return None;
    }
    if case.findings.needs_scan() {
        let what = |version: &str| What::Validate { schema: schema(&unlock, version), dry_run: false };
        let through = (case.live.storage(), &*case.against(&unlock));
        let next = case.passes(CrdPhase::Unlock, through, case.there(), &[(Purpose::Validate, &what)]);
        if next.is_some() {
            return next;
        }
    }
    Some(Next::write(CrdPhase::Unlock, Stage::Unlock, unlock))
}

/// P5: after a soak, in which whoever misses something can still go back.
fn flip(case: &Case, merges: &mut Merges) -> Option<Next> {
    let flip = (case.shape)(Stage::Flip, merges);
    if !case.differs(&flip) {
        return None;
    }
    if let Some(who) = &case.stays {
        let message = format!("{who} stores its objects at {}: one storage version is for all", case.live.storage());
        return Some(Next::Wait(Wait { phase: CrdPhase::Flip, message, until: None, stuck: true }));
    }
    let name = case.target.storage();
    let soaked = case.soaked(case.there().unwrap_or(case.now), || {
        format!("every tenant is there; {name} becomes the storage version")
    });
    if let Some((message, until)) = soaked {
        return Some(Next::wait(CrdPhase::Flip, message, Some(until)));
    }
    Some(tried(case, &flip).unwrap_or_else(|| Next::write(CrdPhase::Flip, Stage::Flip, flip)))
}

/// Whether every object stands the rules of the version that it is going to be stored at, where that has others. They are CEL, and
/// the API server judges by what it serves: that is since the definition was unlocked. A write of what is there would not ask it,
/// since what does not change is not judged again (KEP-4008).
fn tried(case: &Case, flip: &Definition) -> Option<Next> {
    let of = |version: &str| {
        case.live.version(version).filter(|version| version.served).map(|version| rules(version.schema))
    };
    let (now, then) = (of(case.live.storage())?, of(flip.storage())?);
    if then.is_subset(&now) {
        return None;
    }
    let judge = |version: &str| What::Validate { schema: schema(flip, version), dry_run: true };
    let through = (flip.storage(), &*case.against(flip));
    case.passes(CrdPhase::Flip, through, case.there(), &[(Purpose::Validate, &judge)])
}

/// P6 and P7: two passes that begin after the API servers have surely taken the flip in (kubernetes/kubernetes#130235).
fn migrate(case: &Case) -> Option<Next> {
    if case.live.storage() != case.target.storage() || case.stored_as_served() {
        return None;
    }
    let flipped = case.record.and_then(|record| record.flipped_at).map_or(case.now, |at| at.0);
    let name = case.live.storage();
    if let Some((message, until)) = case.soaked(flipped, || format!("objects are written anew at {name}")) {
        return Some(Next::wait(CrdPhase::Migrate, message, Some(until)));
    }
    let rewrite = |_: &str| What::Rewrite;
    let passes: [Pass; 2] = [(Purpose::Migrate, &rewrite), (Purpose::Verify, &rewrite)];
    let since = flipped.checked_add(case.soak).ok();
    Some(case.passes(CrdPhase::Migrate, (name, &case.against(case.live)), since, &passes).unwrap_or(Next::Trim))
}

/// P8: one step after the other, so that each can be seen, and all but the last be taken back.
fn contract(case: &Case, merges: &mut Merges) -> Option<Next> {
    if !case.contract {
        return None;
    }
    for stage in [Stage::Deprecate, Stage::Unserve] {
        let shape = (case.shape)(stage, merges);
        if case.differs(&shape) {
            return Some(Next::write(CrdPhase::Contract, stage, shape));
        }
    }
    let dropped = (case.shape)(Stage::Drop, merges);
    if !case.differs(&dropped) {
        return None;
    }
    let stays: BTreeSet<&str> = dropped.versions().map(|version| version.name).collect();
    let gone: BTreeSet<String> = case.live.versions().map(|version| version.name.to_owned()).collect();
    let gone: BTreeSet<String> = gone.into_iter().filter(|name| !stays.contains(name.as_str())).collect();
    let rewrite = |_: &str| What::Rewrite;
    let disown = |_: &str| What::Disown { versions: gone.clone() };
    let scan = |version: &str| What::Validate { schema: schema(&dropped, version), dry_run: false };
    // What `status.storedVersions` says is no evidence: before a version goes every object is written once more.
    let all: [Pass; 3] = [(Purpose::Migrate, &rewrite), (Purpose::Disown, &disown), (Purpose::Contract, &scan)];
    let passes = if gone.is_empty() { &all[2..] } else { &all[..] };
    let through = (case.live.storage(), &*case.against(&dropped));
    let next = case.passes(CrdPhase::Contract, through, case.there(), passes);
    Some(next.unwrap_or_else(|| Next::write(CrdPhase::Contract, Stage::Drop, dropped)))
}

impl Case<'_> {
    fn differs(&self, definition: &Definition) -> bool {
        if self.cosmetic {
            definition.digest() != self.live.digest()
        } else {
            definition.substance() != self.live.substance()
        }
    }

    /// Whether nothing is stored at another version than the storage version, as far as the API server remembers.
    fn stored_as_served(&self) -> bool {
        self.seen.stored_versions.iter().all(|version| version == self.live.storage())
    }

    /// Since when every tenant is there.
    fn there(&self) -> Option<Timestamp> {
        self.record.and_then(|record| record.barrier_at).map(|at| at.0)
    }

    /// What a pass is for: of another object, or from or to another definition, it says nothing.
    fn against(&self, becomes: &Definition) -> String {
        digest::of(&[&self.seen.uid, self.live.digest(), becomes.digest()])
    }

    /// What is left of a soak that began then, for a person, and its end.
    fn soaked(&self, since: Timestamp, then: impl Fn() -> String) -> Option<(String, Timestamp)> {
        let until = since.checked_add(self.soak).unwrap_or(Timestamp::MAX);
        (self.now < until).then(|| (format!("{} at {until:.0}, after a soak", then()), until))
    }

    fn blocked(&self) -> Next {
        let blockers = self.blockers;
        let phase = if blockers.moving { CrdPhase::Waves } else { CrdPhase::Barrier };
        let tenants =
            if blockers.count == 1 { "1 tenant is".to_owned() } else { format!("{} tenants are", blockers.count) };
        let message = format!("{tenants} in the way of the next step: {}", blockers.spoken());
        // The end of a pod changes no member.
        let soon = || self.now.checked_add(SignedDuration::from_secs(2)).unwrap_or(Timestamp::MAX);
        let until = blockers.pods.then(soon);
        Next::Wait(Wait { phase, message, until, stuck: !blockers.moving })
    }
}
