//! What a tenant asks for that it was not granted yet, and what about the tenant itself stands in the way.
use std::collections::HashMap;

use super::path::Releases;
use crate::{
    api::RolloutTarget,
    domain::{
        fleet::{Health, Member, Standing},
        report::WaitingOn,
    },
};

/// A tenant's wish to move.
pub struct Wish<'a> {
    pub member: &'a Member,
    pub target: &'a RolloutTarget,
    pub refusal: Option<Refusal>,
}

/// Why this tenant cannot be granted its wish, whatever any run says.
#[derive(Clone)]
pub struct Refusal {
    pub kind: Kind,
    pub on: WaitingOn,
    pub note: String,
}

/// What a refusal means for a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The target itself is not ready: a run to it waits.
    Release,
    /// Not until somebody asks for something else: the tenant is put into no plan.
    Never,
    /// Not at the moment: the tenant is in the plan, takes no slot, and keeps no run from going on.
    Now,
}

impl<'a> Wish<'a> {
    /// The tenant's wish, if it has one. A tenant that is being deleted wants nothing.
    pub fn of(steps: &mut Steps<'_, 'a>, member: &'a Member) -> Option<Self> {
        if !member.wants_to_move() || member.standing == Standing::Deleting {
            return None;
        }
        let (target, granted) = (member.desired.as_ref()?, member.granted.as_ref()?);
        Some(Self { member, target, refusal: refusal(steps, member, &granted.target, target) })
    }

    /// Whether what the tenant has now is known to have failed: it may take a fix out of turn.
    pub fn broken(&self) -> bool {
        matches!(self.member.health, Health::Failed { .. })
    }

    /// Whether the tenant was not well before the grant, so that a failure after it is nobody's news.
    pub fn unwell(&self) -> bool {
        matches!(self.member.health, Health::Failed { .. } | Health::Regressed)
    }

    /// Whether the tenant could be granted its wish right now, as far as it is concerned.
    pub fn movable(&self) -> bool {
        self.refusal.is_none()
    }

    /// Whether the tenant belongs into a plan.
    pub fn plannable(&self) -> bool {
        self.refusal.as_ref().is_none_or(|refusal| refusal.kind == Kind::Now)
    }
}

/// Verdicts on steps, worked out once for all the tenants that would take the same one.
pub struct Steps<'r, 'a> {
    releases: &'r Releases<'a>,
    known: HashMap<(&'a str, &'a RolloutTarget, &'a RolloutTarget), Option<Refusal>>,
}

impl<'r, 'a> Steps<'r, 'a> {
    pub fn new(releases: &'r Releases<'a>) -> Self {
        Self { releases, known: HashMap::new() }
    }

    fn refusal(&mut self, operator: &'a str, from: &'a RolloutTarget, to: &'a RolloutTarget) -> Option<Refusal> {
        let releases = self.releases;
        let verdict = self.known.entry((operator, from, to)).or_insert_with(|| {
            if let Some(note) = releases.illegal(operator, from, to) {
                return Some(Refusal { kind: Kind::Never, on: WaitingOn::PathBlocked, note });
            }
            let note = releases.not_ready(operator, to)?;
            Some(Refusal { kind: Kind::Release, on: WaitingOn::CrdReady, note })
        });
        verdict.clone()
    }
}

fn refusal<'a>(
    steps: &mut Steps<'_, 'a>,
    member: &'a Member,
    from: &'a RolloutTarget,
    to: &'a RolloutTarget,
) -> Option<Refusal> {
    let refuse = |kind, on, note| Some(Refusal { kind, on, note });
    if member.rejected.contains(&to.digest) {
        let note = format!(
            "{} failed here and is not granted again by itself; clear `status.rejected` or ask for another version",
            to.version
        );
        return refuse(Kind::Never, WaitingOn::PathBlocked, note);
    }
    if from.version.is_empty() {
        let note = "what it runs is not known: its status is lost, and no workload of it says so".to_owned();
        return refuse(Kind::Never, WaitingOn::Evidence, note);
    }
    if let Some(refusal) = steps.refusal(&member.operator, from, to) {
        return Some(refusal);
    }
    if let Some(why) = &member.blocked {
        return refuse(Kind::Now, WaitingOn::Inconclusive, why.clone());
    }
    match &member.standing {
        Standing::Paused => refuse(Kind::Now, WaitingOn::Paused, "the tenant's mode is Paused".into()),
        Standing::Held(holds) => refuse(
            Kind::Now,
            WaitingOn::Hold,
            format!("held back by {}; remove the hold to let it move", holds.join(", ")),
        ),
        Standing::Active | Standing::Deleting => None,
    }
}
