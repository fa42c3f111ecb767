//! What is on record of a release's way into a CRD: the kind CrdUpgrade. A hint for what comes next, and the story for people.
use jiff::Timestamp;

use super::{
    Finding,
    claims::{Claim, Sight},
    next::{Next, Wait},
    step::CrdStep,
    users::Blockers,
};
use crate::{
    api::{Condition, CrdFinding, CrdPhase, CrdUpgrade, CrdUpgradeSpec, CrdUpgradeStatus, Purpose, Sweep, Time},
    domain::digest,
    plan::condition::condition,
};

/// Findings that are listed.
const LISTED: usize = 50;
/// Objects after which the progress of a pass is recorded again: what a crash costs at most is done once more.
const STRIDE: u64 = 2_000;

/// The name of the record: `<crd>-<operator>-<version>`, with a digest where that is no name of an object or too long.
#[must_use]
pub fn name(crd: &str, operator: &str, version: &str) -> String {
    let plain = format!("{crd}-{operator}-{version}");
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    if plain.len() <= 253 && plain.chars().all(fits) {
        return plain;
    }
    let short: String = plain.to_ascii_lowercase().chars().map(|c| if fits(c) { c } else { '-' }).take(230).collect();
    format!("{short}-{}", digest::short(plain.as_bytes()))
}

/// The record of that way, if there is one.
pub fn known<'a>(sight: &Sight<'a>, claim: &Claim) -> Option<&'a CrdUpgrade> {
    sight.world.crd_upgrades.get(&claim.record()).map(AsRef::as_ref)
}

/// What is to be written down, if anything.
pub fn step(sight: &Sight, claim: &Claim, next: &Next, blockers: &Blockers, fault: Option<&str>) -> Option<CrdStep> {
    let name = claim.record();
    let Some(upgrade) = sight.world.crd_upgrades.get(&name) else {
        // That a new definition is not served yet is no change of it: what waits for that says so itself.
        let changes = !matches!(next, Next::Done | Next::Wait(Wait { phase: CrdPhase::Expand, .. }));
        if !changes {
            return None;
        }
        let ((operator, version), crd) = (claim.key(), claim.shared.name.clone());
        let spec = CrdUpgradeSpec { crd, operator, version };
        return Some(CrdStep::Begin(Box::new(CrdUpgrade::new(&name, spec))));
    };
    let old = upgrade.status.clone().unwrap_or_default();
    let generation = upgrade.metadata.generation.unwrap_or_default();
    let sweep = sight.world.sweeps.get(&name).or(old.sweep.as_ref());
    let story = Story { next, blockers, fault, sweep, generation, now: sight.now };
    let status = story.status(&old);
    (upgrade.status.as_ref() != Some(&status)).then(|| CrdStep::Tell { name, status: Box::new(status) })
}

/// What a status is told from.
struct Story<'a> {
    next: &'a Next,
    blockers: &'a Blockers,
    fault: Option<&'a str>,
    sweep: Option<&'a Sweep>,
    generation: i64,
    now: Timestamp,
}

impl Story<'_> {
    fn status(&self, old: &CrdUpgradeStatus) -> CrdUpgradeStatus {
        let (phase, now) = (self.next.phase(), Time::millis(self.now));
        let there = self.blockers.none() && phase > CrdPhase::Expand && phase != CrdPhase::Done;
        let flipped = matches!(phase, CrdPhase::Migrate | CrdPhase::Verify);
        // Before the waves, and once all is done, nobody is in the way.
        let waits = phase >= CrdPhase::Waves && phase != CrdPhase::Done;
        let looked = self.sweep.filter(|sweep| matches!(sweep.purpose, Purpose::Preflight | Purpose::Rehearse));
        let looked = looked.filter(|sweep| sweep.ended.is_some() && sweep.failed == 0);
        let findings = match self.next {
            Next::Refused(findings) => findings.all.iter().take(LISTED).map(listed).collect(),
            _ => Vec::new(),
        };
        let more = match self.next {
            Next::Refused(findings) => findings.all.len().saturating_sub(LISTED) + findings.omitted,
            _ => 0,
        };
        CrdUpgradeStatus {
            observed_generation: self.generation,
            phase,
            message: self.message(),
            since: old.since.filter(|_| old.phase == phase).or(Some(now)),
            // A tenant that went back, or joined on an older version, begins the soak anew.
            barrier_at: there.then(|| old.barrier_at.unwrap_or(now)),
            flipped_at: flipped.then(|| old.flipped_at.unwrap_or(now)),
            ended_at: (phase == CrdPhase::Done).then(|| old.ended_at.unwrap_or(now)),
            blocked: if waits { self.blockers.count } else { 0 },
            blockers: if waits { self.blockers.named.clone() } else { Vec::new() },
            findings,
            more_findings: u32::try_from(more).unwrap_or(u32::MAX),
            sweep: self.recorded(old.sweep.as_ref()),
            // Whoever is past it with that pass as the last has passed it.
            preflight: looked.filter(|_| phase > CrdPhase::Preflight).or(old.preflight.as_ref()).cloned(),
            conditions: self.conditions(old),
        }
    }

    /// A pass is recorded at its begin, at its end, and now and then.
    fn recorded(&self, old: Option<&Sweep>) -> Option<Sweep> {
        let current = self.sweep?;
        let near = old.filter(|old| {
            let same = (old.purpose, &old.against, old.began) == (current.purpose, &current.against, current.began);
            same && old.ended == current.ended && current.objects < old.objects + STRIDE
        });
        Some(near.unwrap_or(current).clone())
    }

    fn message(&self) -> String {
        let said = match self.next {
            Next::Write { .. } | Next::Page { .. } | Next::Trim if self.fault.is_some() => {
                self.fault.map(|message| format!("a write failed: {message}"))
            }
            Next::Refused(findings) => Some(format!("refused: {}", findings.spoken())),
            Next::Wait(wait) => Some(wait.message.clone()),
            Next::Write { .. } => Some("the definition is being written".into()),
            Next::Page { .. } => Some("every stored object is gone through".into()),
            Next::Trim => Some("status.storedVersions is being trimmed".into()),
            Next::Done => Some("the definition is as the release has it, with what others still need".into()),
        };
        said.unwrap_or_default().chars().take(2000).collect()
    }

    fn conditions(&self, old: &CrdUpgradeStatus) -> Vec<Condition> {
        let stuck =
            self.fault.is_some() || matches!(self.next, Next::Refused(_) | Next::Wait(Wait { stuck: true, .. }));
        let done = matches!(self.next, Next::Done);
        let reason = format!("{:?}", self.next.phase());
        let wanted = [("Ready", done, true), ("Reconciling", true, !done && !stuck), ("Stalled", true, stuck)];
        let message = self.message();
        let shown = wanted.into_iter().filter(|(_, _, shown)| *shown);
        let conditions = shown.map(|(kind, yes, _)| {
            condition(&old.conditions, (kind, yes), (&reason, &message), self.generation, self.now)
        });
        conditions.collect()
    }
}

fn listed(finding: &Finding) -> CrdFinding {
    let cut = |text: &str| text.chars().take(500).collect();
    CrdFinding {
        verdict: finding.verdict.to_string(),
        version: finding.version.clone(),
        path: cut(&finding.path),
        rule: finding.rule.to_owned(),
        why: cut(&finding.why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_recorded_at_its_begin_now_and_then_and_at_its_end() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let sweep = |objects: u64, ended: Option<i64>| Sweep {
            purpose: Purpose::Migrate,
            against: "a".into(),
            began: Time::millis(at(1)),
            objects,
            failed: 0,
            failures: Vec::new(),
            continue_: None,
            ended: ended.map(|second| Time::millis(at(second))),
        };
        let recorded = |current: &Sweep| {
            let blockers = Blockers::default();
            let story = Story {
                next: &Next::Trim,
                blockers: &blockers,
                fault: None,
                sweep: Some(current),
                generation: 1,
                now: at(9),
            };
            story.recorded(Some(&sweep(0, None))).map(|sweep| sweep.objects)
        };
        assert_eq!(recorded(&sweep(STRIDE - 1, None)), Some(0));
        assert_eq!(recorded(&sweep(STRIDE, None)), Some(STRIDE));
        assert_eq!(recorded(&sweep(5, Some(2))), Some(5));
        assert_eq!(recorded(&Sweep { purpose: Purpose::Verify, ..sweep(5, None) }), Some(5));
    }
}
