//! Which groups of tenants become a run now, and why the others do not.
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    clock,
    freeze::{self, Frozen},
    group::{self, Group},
    judge::Outcome,
    pass::Pass,
};
use crate::{
    api::{Phase, PolicySpec, Rollout, Unmatched},
    plan::analysis,
};

/// The runs to create, and what the tenants without a run wait for.
pub struct Creation<'a> {
    pub create: Vec<Rollout>,
    pub waits: Vec<(Group<'a>, Delay)>,
    pub wake: Option<Timestamp>,
}

/// Why a tenant that no unfinished run covers is not on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delay {
    /// More tenants may change in the same commit.
    Coalescing(Timestamp),
    /// Behind the named run.
    Queued(String),
    /// In the named run, which is being created.
    Frozen(String),
    /// Matches no wave of its policy.
    Unmatched(String),
    /// The plan of a run of its operator cannot be read.
    Unread(String),
}

/// Decides for every group. Plans are frozen as late as possible, so that they hold everybody who waits: one run is
/// active, one to another target may be queued behind it, everything else waits as tenants. A broken tenant does not
/// wait: it gets a run of its own, unless that would lead it to what another run has halted or suspended on, be it in this very
/// look.
pub fn creation<'a>(pass: &Pass<'a>, outcomes: &[Outcome]) -> Creation<'a> {
    let mut creation = Creation { create: Vec::new(), waits: Vec::new(), wake: None };
    let mut sequences = Sequences::default();
    for group in group::groups(pass) {
        let Some(policy) = pass.known.policy(group.policy) else { continue };
        if let Some(why) = pass.known.unread.get(group.operator) {
            creation.waits.push((group, Delay::Unread(why.clone())));
            continue;
        }
        if let Some(until) = group.coalesces_until(&policy.coalesce, pass.known.now) {
            creation.wake = clock::earlier(creation.wake, Some(until));
            creation.waits.push((group, Delay::Coalescing(until)));
            continue;
        }
        if let Some(why) = unusable(&group, policy) {
            creation.waits.push((group, Delay::Unmatched(why)));
            continue;
        }
        match obstacle(pass, &creation.create, &group) {
            None => creation.freeze(pass, group, policy, &mut sequences),
            Some(behind) => {
                let (broken, others) = split(pass, outcomes, &group);
                creation.queue(others, policy, behind);
                creation.freeze(pass, broken, policy, &mut sequences);
            }
        }
    }
    creation
}

/// What would be frozen now if nobody waited for more tenants to change, or for other runs to end.
pub fn preview(pass: &Pass) -> Vec<Rollout> {
    let mut creation = Creation { create: Vec::new(), waits: Vec::new(), wake: None };
    let mut sequences = Sequences::default();
    for group in group::groups(pass) {
        let planned = |policy: &&PolicySpec| {
            unusable(&group, policy).is_none() && !pass.known.unread.contains_key(group.operator)
        };
        if let Some(policy) = pass.known.policy(group.policy).filter(planned) {
            creation.freeze(pass, group, policy, &mut sequences);
        }
    }
    creation.create
}

/// The run behind which the group must wait, if any.
fn obstacle(pass: &Pass, created: &[Rollout], group: &Group) -> Option<String> {
    let running = pass.runs_of(group.operator).map(|run| (run.name, &run.spec.target));
    let new = created.iter().filter(|rollout| rollout.spec.operator == group.operator);
    let new = new.map(|rollout| (rollout.metadata.name.as_deref().unwrap_or_default(), &rollout.spec.target));
    let busy: Vec<_> = running.chain(new).collect();
    let same = busy.iter().find(|(_, target)| *target == group.target);
    same.or_else(|| busy.get(1)).map(|(name, _)| (*name).to_owned())
}

/// Those who may take the fix now, and the others.
fn split<'a>(pass: &Pass, outcomes: &[Outcome], group: &Group<'a>) -> (Group<'a>, Group<'a>) {
    let stopped = |phase| matches!(phase, Phase::Halted | Phase::Suspended);
    // What a tenant goes back to was proven with it, whatever others have seen of it.
    let known_bad = group.back.is_none()
        && pass.runs.iter().zip(outcomes).any(|(run, outcome)| {
            let same = run.spec.operator == group.operator && run.spec.target == *group.target;
            same && (stopped(run.stored.phase) || stopped(outcome.status.phase))
        });
    let (mut broken, mut others) = (group.clone(), group.clone());
    broken.members.retain(|candidate| candidate.broken && candidate.movable && !known_bad);
    others.members.retain(|candidate| !(candidate.broken && candidate.movable && !known_bad));
    (broken, others)
}

impl<'a> Creation<'a> {
    /// Notes who waits behind a run; whom the next plan would leave out does not wait for it.
    fn queue(&mut self, group: Group<'a>, policy: &PolicySpec, behind: String) {
        let mut unmatched = group.clone();
        let left_out = |member| policy.unmatched == Unmatched::Ignore && !freeze::selected(policy, member);
        unmatched.members.retain(|candidate| left_out(candidate.member));
        let note = note(&unmatched, policy.unmatched);
        self.waits.push((group, Delay::Queued(behind)));
        self.waits.push((unmatched, Delay::Unmatched(note)));
    }

    fn freeze(&mut self, pass: &Pass, group: Group<'a>, policy: &PolicySpec, sequences: &mut Sequences<'a>) {
        let sequence = sequences.peek(pass, group.operator);
        let Frozen { rollout, left } = freeze::freeze(&group, policy, sequence);
        let (mut planned, mut unmatched) = (group.clone(), group);
        planned.members.retain(|candidate| !left.contains(&candidate.name));
        unmatched.members.retain(|candidate| left.contains(&candidate.name));
        let note = note(&unmatched, policy.unmatched);
        if let Some(rollout) = rollout {
            let name = rollout.metadata.name.clone().unwrap_or_default();
            sequences.take(planned.operator);
            self.create.push(rollout);
            self.waits.push((planned, Delay::Frozen(name)));
        } else if policy.unmatched == Unmatched::Fail && !left.is_empty() {
            self.waits.push((planned, Delay::Unmatched(note.clone())));
        }
        self.waits.push((unmatched, Delay::Unmatched(note)));
    }
}

/// A gate that can never be asked would stop the run halfway: it does not start. Going back goes through no gate.
fn unusable(group: &Group, policy: &PolicySpec) -> Option<String> {
    let why = analysis::unusable(policy).filter(|_| group.back.is_none())?;
    Some(format!("RolloutPolicy {}: {why}; correct the policy, and the rollout starts", group.policy))
}

fn note(unmatched: &Group, rule: Unmatched) -> String {
    let (count, policy) = (unmatched.members.len(), unmatched.policy);
    let names: Vec<&str> = unmatched.members.iter().take(3).map(|candidate| candidate.name).collect();
    let what = if rule == Unmatched::Fail { "the rollout does not start" } else { "they keep their version" };
    format!(
        "{count} tenants match no wave of RolloutPolicy {policy} ({}), so {what}; add a wave or a label",
        names.join(", ")
    )
}

/// The next number of each operator, looked up only when a run is made.
#[derive(Default)]
struct Sequences<'a>(BTreeMap<&'a str, i64>);

impl<'a> Sequences<'a> {
    fn peek(&mut self, pass: &Pass, operator: &'a str) -> i64 {
        *self.0.entry(operator).or_insert_with(|| freeze::next_sequence(pass.known.fleet, operator))
    }

    fn take(&mut self, operator: &'a str) {
        self.0.entry(operator).and_modify(|next| *next += 1);
    }
}
