//! What a tenant asks for that it was not granted yet, and what about the tenant itself stands in the way.
use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    calendar::Calendar,
    path::{Releases, Way},
};
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
    /// Where it goes next: what it asks for, a step on the way there, or what it had before.
    pub target: &'a RolloutTarget,
    /// The run that is undone by this, if it goes back.
    pub back: Option<&'a str>,
    pub refusal: Option<Refusal>,
}

/// Why this tenant cannot be granted its wish, whatever any run says.
#[derive(Clone)]
pub struct Refusal {
    pub kind: Kind,
    pub on: WaitingOn,
    pub note: String,
    /// When that may be over by itself.
    pub until: Option<Timestamp>,
}

/// What a refusal means for a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The target itself is not ready: a run to it waits.
    Release,
    /// Not until somebody asks for something else: the tenant is put into no plan.
    Never,
    /// Outside its window: the tenant waits, and its wave with it.
    Closed,
    /// Not at the moment: the tenant is in the plan, takes no slot, and keeps no run from going on.
    Now,
}

impl<'a> Wish<'a> {
    /// The tenant's wish, if it has one. A tenant that is being deleted wants nothing; one that goes back has nothing else
    /// to say until it is there.
    pub fn of(
        steps: &mut Steps<'_, 'a>,
        calendar: &Calendar,
        back: Option<(&'a str, &'a RolloutTarget)>,
        member: &'a Member,
    ) -> Option<Self> {
        if member.standing == Standing::Deleting {
            return None;
        }
        let granted = &member.granted.as_ref()?.target;
        if let Some((run, target)) = back {
            let no = refusal(steps, member, granted, target);
            // Where there is no way back the tenant stays.
            if no.as_ref().is_none_or(|refusal| refusal.kind != Kind::Never) {
                let no = no.or_else(|| blocked(member, target)).or_else(|| stands_still(member));
                let no = no.or_else(|| closed(calendar, member));
                return Some(Self { member, target, back: Some(run), refusal: no });
            }
        }
        let desired = member.desired.as_ref().filter(|desired| *desired != granted)?;
        let (target, mut no) = steps.way(member, granted, desired);
        no = no.or_else(|| refusal(steps, member, granted, target)).or_else(|| blocked(member, target));
        let refusal = no.or_else(|| stands_still(member)).or_else(|| closed(calendar, member));
        Some(Self { member, target, back: None, refusal })
    }

    /// What it asks for in the end, where that is not the next step.
    pub fn towards(&self) -> Option<&'a RolloutTarget> {
        self.member.desired.as_ref().filter(|desired| self.back.is_none() && *desired != self.target)
    }

    /// Whether what the tenant has now is known to have failed: it may take a fix out of turn.
    pub fn broken(&self) -> bool {
        matches!(self.member.health, Health::Failed { .. })
    }

    /// Whether the tenant was not well before the grant, so that a failure after it is nobody's news.
    pub fn unwell(&self) -> bool {
        matches!(self.member.health, Health::Failed { .. } | Health::Regressed)
    }

    /// Whether the tenant could be granted its wish, once it is its turn and its window is open.
    pub fn movable(&self) -> bool {
        self.refusal.as_ref().is_none_or(|refusal| refusal.kind == Kind::Closed)
    }

    /// Whether its window is closed, and nothing else stands in the way.
    pub fn shut(&self) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.kind == Kind::Closed)
    }

    /// Whether the tenant belongs into a plan.
    pub fn plannable(&self) -> bool {
        self.refusal.as_ref().is_none_or(|refusal| matches!(refusal.kind, Kind::Now | Kind::Closed))
    }
}

/// Verdicts on steps, worked out once for all the tenants that would take the same one.
pub struct Steps<'r, 'a> {
    releases: &'r Releases<'a>,
    ways: HashMap<(&'a str, &'a RolloutTarget, &'a RolloutTarget), Way<'a>>,
    known: HashMap<(&'a str, &'a RolloutTarget, &'a RolloutTarget), Option<Refusal>>,
}

impl<'r, 'a> Steps<'r, 'a> {
    pub fn new(releases: &'r Releases<'a>) -> Self {
        Self { releases, ways: HashMap::new(), known: HashMap::new() }
    }

    /// The next step towards what the tenant asks for, or why there is none.
    fn way(
        &mut self,
        member: &'a Member,
        from: &'a RolloutTarget,
        to: &'a RolloutTarget,
    ) -> (&'a RolloutTarget, Option<Refusal>) {
        if from.version.is_empty() || member.rejected.contains(&to.digest) {
            // What is said of these is said of the wish itself.
            return (to, None);
        }
        let releases = self.releases;
        let look = || releases.way(&member.operator, from, to, &member.rejected);
        let way = if member.rejected.is_empty() {
            self.ways.entry((&member.operator, from, to)).or_insert_with(look).clone()
        } else {
            look()
        };
        match way {
            Way::Direct => (to, None),
            Way::Over(first) => (first, None),
            Way::Blocked(note) => (to, Some(refuse(Kind::Never, WaitingOn::PathBlocked, note))),
        }
    }

    fn refusal(&mut self, operator: &'a str, from: &'a RolloutTarget, to: &'a RolloutTarget) -> Option<Refusal> {
        let releases = self.releases;
        let verdict = self.known.entry((operator, from, to)).or_insert_with(|| {
            if let Some(note) = releases.illegal(operator, from, to) {
                return Some(refuse(Kind::Never, WaitingOn::PathBlocked, note));
            }
            let note = releases.not_ready(operator, to)?;
            Some(refuse(Kind::Release, WaitingOn::CrdReady, note))
        });
        verdict.clone()
    }
}

fn refuse(kind: Kind, on: WaitingOn, note: String) -> Refusal {
    Refusal { kind, on, note, until: None }
}

/// What about the step stands in the way.
fn refusal<'a>(
    steps: &mut Steps<'_, 'a>,
    member: &'a Member,
    from: &'a RolloutTarget,
    to: &'a RolloutTarget,
) -> Option<Refusal> {
    if from.version.is_empty() {
        let note = "what it runs is not known: its status is lost, and no workload of it says so".to_owned();
        return Some(refuse(Kind::Never, WaitingOn::Evidence, note));
    }
    if member.rejected.contains(&to.digest) {
        let note = format!(
            "{} failed here, or was taken back, and is not granted again by itself; clear `status.rejected` or ask for another version",
            to.version
        );
        return Some(refuse(Kind::Never, WaitingOn::PathBlocked, note));
    }
    steps.refusal(&member.operator, from, to)
}

/// What about the tenant and its wish stands in the way.
fn blocked(member: &Member, target: &RolloutTarget) -> Option<Refusal> {
    let note = member.blocked.as_deref().or_else(|| member.refused_note(target))?;
    Some(refuse(Kind::Now, WaitingOn::Inconclusive, note.to_owned()))
}

/// A window that is shut.
fn closed(calendar: &Calendar, member: &Member) -> Option<Refusal> {
    let (note, until) = calendar.closed(member)?;
    Some(Refusal { until, ..refuse(Kind::Closed, WaitingOn::Window, note) })
}

/// A person's word about the tenant itself.
fn stands_still(member: &Member) -> Option<Refusal> {
    match &member.standing {
        Standing::Paused => Some(refuse(Kind::Now, WaitingOn::Paused, "the tenant's mode is Paused".into())),
        Standing::Held(holds) => {
            let note = format!("held back by {}; remove the hold to let it move", holds.join(", "));
            Some(refuse(Kind::Now, WaitingOn::Hold, note))
        }
        Standing::Active | Standing::Deleting => None,
    }
}
