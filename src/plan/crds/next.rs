//! The next step of one release's way into one CRD. Decided from what the cluster has: the record only remembers when a soak
//! began and how far a pass has come.
//! Must never: take a step that a tenant's operator cannot work with, or drop what some object still has.
use std::{collections::BTreeSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Findings, Stage, Waivers,
    merges::Merges,
    step::What,
    sweeps::{self, Progress},
    users::Blockers,
};
use crate::{
    api::{CrdPhase, CrdUpgradeStatus, Purpose, Sweep},
    domain::crd::{CrdSeen, Definition},
};

/// What is decided about.
pub struct Case<'a> {
    pub seen: &'a CrdSeen,
    /// What the cluster has.
    pub live: &'a Arc<Definition>,
    /// What the release brings.
    pub target: &'a Arc<Definition>,
    pub waivers: &'a Waivers,
    /// The release ends what earlier ones had.
    pub contract: bool,
    pub blockers: &'a Blockers,
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
    /// One page of a pass.
    Page {
        phase: CrdPhase,
        sweep: Sweep,
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
    let expand = case.at(Stage::Expand, merges);
    if expand.findings.refusing().next().is_some() {
        return Next::Refused(expand.findings.clone());
    }
    if case.differs(&expand.definition) {
        return Next::write(CrdPhase::Expand, Stage::Expand, expand.definition.clone());
    }
    if !case.seen.established {
        return Next::wait(CrdPhase::Expand, "the API server does not serve the definition yet", None);
    }
    let last = case.at(if case.contract { Stage::Drop } else { Stage::Flip }, merges);
    if !case.differs(&last.definition) && case.stored_as_served() {
        return Next::Done;
    }
    if !case.blockers.none() {
        return case.blocked();
    }
    unlock(case, merges)
        .or_else(|| flip(case, merges))
        .or_else(|| migrate(case))
        .or_else(|| contract(case, merges))
        .unwrap_or(Next::Done)
}

/// P4: what old operators could not have worked with, now that there are none.
fn unlock(case: &Case, merges: &mut Merges) -> Option<Next> {
    let unlock = case.at(Stage::Unlock, merges);
    if !case.differs(&unlock.definition) {
        return None;
    }
    if unlock.findings.needs_scan() {
        let what = |version: &str| What::Validate { schema: schema(&unlock.definition, version), dry_run: false };
        let against = unlock.definition.digest().to_owned();
        if let Some(next) = case.pass(CrdPhase::Unlock, Purpose::Validate, &against, None, what) {
            return Some(next);
        }
    }
    Some(Next::write(CrdPhase::Unlock, Stage::Unlock, unlock.definition.clone()))
}

/// P5: after a soak, in which whoever misses something can still go back.
fn flip(case: &Case, merges: &mut Merges) -> Option<Next> {
    let flip = case.at(Stage::Flip, merges);
    if !case.differs(&flip.definition) {
        return None;
    }
    let since = case.record.and_then(|record| record.barrier_at).map_or(case.now, |at| at.0);
    let name = case.target.storage();
    let soaked = case.soaked(since, || format!("every tenant is there; {name} becomes the storage version"));
    Some(soaked.map_or_else(
        || Next::write(CrdPhase::Flip, Stage::Flip, flip.definition.clone()),
        |(message, until)| Next::wait(CrdPhase::Flip, message, Some(until)),
    ))
}

/// P6 and P7: two passes that begin after the API servers have surely taken the flip in (kubernetes/kubernetes#130235).
fn migrate(case: &Case) -> Option<Next> {
    if case.stored_as_served() {
        return None;
    }
    let flipped = case.record.and_then(|record| record.flipped_at).map_or(case.now, |at| at.0);
    let name = case.live.storage();
    if let Some((message, until)) = case.soaked(flipped, || format!("objects are written anew at {name}")) {
        return Some(Next::wait(CrdPhase::Migrate, message, Some(until)));
    }
    let since = flipped.checked_add(case.soak).ok();
    let against = case.live.digest();
    let verifying = case.sweep.is_some_and(|sweep| {
        sweep.purpose == Purpose::Verify && sweep.against == against && since.is_none_or(|since| sweep.began.0 >= since)
    });
    if !verifying && let Some(next) = case.pass(CrdPhase::Migrate, Purpose::Migrate, against, since, |_| What::Rewrite)
    {
        return Some(next);
    }
    let verify = case.pass(CrdPhase::Verify, Purpose::Verify, against, since, |_| What::Rewrite);
    Some(verify.unwrap_or(Next::Trim))
}

/// P8: one step after the other, so that each can be seen, and all but the last be taken back.
fn contract(case: &Case, merges: &mut Merges) -> Option<Next> {
    if !case.contract {
        return None;
    }
    for stage in [Stage::Deprecate, Stage::Unserve] {
        let merged = case.at(stage, merges);
        if case.differs(&merged.definition) {
            return Some(Next::write(CrdPhase::Contract, stage, merged.definition.clone()));
        }
    }
    let dropped = case.at(Stage::Drop, merges);
    if !case.differs(&dropped.definition) {
        return None;
    }
    let against = format!("{}/{}", case.live.digest(), dropped.definition.digest());
    let gone: BTreeSet<String> = case.live.versions().map(|version| version.name.to_owned()).collect();
    let stays: BTreeSet<String> = dropped.definition.versions().map(|version| version.name.to_owned()).collect();
    let gone: BTreeSet<String> = gone.difference(&stays).cloned().collect();
    let scanned = case.sweep.is_some_and(|sweep| sweep.purpose == Purpose::Contract && sweep.against == against);
    if !gone.is_empty() && !scanned {
        let disown = |_: &str| What::Disown { versions: gone.clone() };
        if let Some(next) = case.pass(CrdPhase::Contract, Purpose::Disown, &against, None, disown) {
            return Some(next);
        }
    }
    let scan = |version: &str| What::Validate { schema: schema(&dropped.definition, version), dry_run: false };
    let scan = case.pass(CrdPhase::Contract, Purpose::Contract, &against, None, scan);
    Some(scan.unwrap_or_else(|| Next::write(CrdPhase::Contract, Stage::Drop, dropped.definition.clone())))
}

impl Case<'_> {
    fn at(&self, stage: Stage, merges: &mut Merges) -> Arc<super::merges::Merged> {
        merges.get(self.live, self.target, stage, self.waivers)
    }

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
        let until = blockers.pods.then(|| self.now.checked_add(SignedDuration::from_secs(2)).unwrap_or(Timestamp::MAX));
        Next::Wait(Wait { phase, message, until, stuck: !blockers.moving })
    }

    /// The pass for that purpose: nothing once it is through.
    fn pass(
        &self,
        phase: CrdPhase,
        purpose: Purpose,
        against: &str,
        since: Option<Timestamp>,
        what: impl Fn(&str) -> What,
    ) -> Option<Next> {
        match sweeps::progress(self.sweep, purpose, against, since, self.now) {
            Progress::Passed => None,
            Progress::Failed { sweep, again } => Some(Next::Wait(Wait {
                phase,
                message: format!(
                    "{}. Mend or delete them; all are looked at again at {again:.0}",
                    sweeps::spoken(&sweep)
                ),
                until: Some(again),
                stuck: true,
            })),
            Progress::Page(sweep) => Some(Next::Page { phase, sweep, what: what(self.live.storage()) }),
        }
    }
}

/// The schema of that version, or of the storage version where it is gone.
fn schema(definition: &Definition, version: &str) -> Arc<Value> {
    let version = definition.version(version).or_else(|| definition.version(definition.storage()));
    version.map(|version| Arc::new(version.schema.clone())).unwrap_or_default()
}
