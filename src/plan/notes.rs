//! What is said of change windows and approvals on the objects themselves: whether they were understood, and count.
use jiff::Timestamp;

use crate::{
    api::{ApprovalSpec, ApprovalStatus, Condition, Phase, PlannedWave, Time, WindowStatus},
    domain::{
        fleet::Fleet,
        window::Window,
        world::{Whose, World},
    },
};

/// A status to write.
#[derive(Clone, Debug, PartialEq)]
pub enum NoteStep {
    Window { name: String, status: WindowStatus },
    Approval { name: String, status: ApprovalStatus },
}

/// Brings windows and approvals into the fleet, those that changed. A window that cannot even be read denies.
pub fn calendar(fleet: &mut Fleet, world: &World) {
    let unreadable = |name: &String| world.undecodable.get(&("changewindows".to_owned(), name.clone()));
    fleet.windows.retain(|name, _| world.windows.contains_key(name) || unreadable(name).is_some());
    for (name, window) in &world.windows {
        if unreadable(name).is_none() && fleet.windows.get(name).is_none_or(|known| known.spec != window.spec) {
            fleet.windows.insert(name.clone(), Window::new(window.spec.clone()));
        }
    }
    for ((_, name), found) in world.undecodable.iter().filter(|((plural, _), _)| plural == "changewindows") {
        fleet.windows.insert(name.clone(), Window::unreadable(format!("it cannot be read: {}", found.error)));
    }
    fleet.approvals.retain(|name, _| world.approvals.contains_key(name));
    for (name, approval) in &world.approvals {
        if fleet.approvals.get(name) != Some(&approval.spec) {
            fleet.approvals.insert(name.clone(), approval.spec.clone());
        }
    }
}

/// The statuses that say something new, and when time alone changes one.
pub fn steps(fleet: &Fleet, world: &World, now: Timestamp) -> (Vec<NoteStep>, Option<Timestamp>) {
    let (mut steps, mut wake) = (Vec::new(), None);
    let rested = |whose, name: &String| {
        let fault = world.faults.get(&(whose, name.clone()));
        fault.is_none_or(|fault| fault.retry_at <= now)
    };
    for (name, object) in &world.windows {
        let Some(window) = fleet.windows.get(name) else { continue };
        let old = object.status.clone().unwrap_or_default();
        let status = window_status(window, &old, object.metadata.generation, now);
        wake = [wake, status.changes_at.map(|at| at.0).filter(|at| *at > now)].into_iter().flatten().min();
        if object.status.as_ref() != Some(&status) && rested(Whose::Window, name) {
            steps.push(NoteStep::Window { name: name.clone(), status });
        }
    }
    for (name, object) in &world.approvals {
        let old = object.status.clone().unwrap_or_default();
        let status = approval_status(&object.spec, fleet, &old, object.metadata.generation, now);
        if object.status.as_ref() != Some(&status) && rested(Whose::Approval, name) {
            steps.push(NoteStep::Approval { name: name.clone(), status });
        }
    }
    (steps, wake)
}

fn window_status(window: &Window, old: &WindowStatus, generation: Option<i64>, now: Timestamp) -> WindowStatus {
    let opening = window.at(now);
    let generation = generation.unwrap_or_default();
    let conditions = match window.trouble() {
        Some(why) => {
            conditions(&old.conditions, false, "CannotBeUnderstood", &format!("it denies: {why}"), generation, now)
        }
        None => conditions(&old.conditions, true, "Understood", "", generation, now),
    };
    WindowStatus {
        observed_generation: generation,
        open: opening.open,
        changes_at: opening.changes.map(Time::seconds),
        conditions,
    }
}

fn approval_status(
    spec: &ApprovalSpec,
    fleet: &Fleet,
    old: &ApprovalStatus,
    generation: Option<i64>,
    now: Timestamp,
) -> ApprovalStatus {
    let generation = generation.unwrap_or_default();
    let (counts, reason, note) = counts(spec, fleet, old);
    let conditions = conditions(&old.conditions, counts, reason, &note, generation, now);
    ApprovalStatus { observed_generation: generation, conditions }
}

/// Whether a decision counts for anything. One that counted keeps saying so when its run has ended: it is part of the record.
fn counts(spec: &ApprovalSpec, fleet: &Fleet, old: &ApprovalStatus) -> (bool, &'static str, String) {
    let counted = old.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
    let Some(rollout) = fleet.rollouts.get(&spec.rollout) else {
        let reason = if counted { "Counted" } else { "NoSuchRollout" };
        return (counted, reason, format!("there is no Rollout {}", spec.rollout));
    };
    let wave = rollout.spec.waves.iter().find(|wave| wave.name == spec.wave);
    let named =
        |wave: &PlannedWave| wave.gates.before.iter().chain(&wave.gates.after).any(|gate| gate.name == spec.gate);
    if !wave.is_some_and(named) {
        return (
            false,
            "NoSuchGate",
            format!("wave {} of Rollout {} has no gate {}", spec.wave, spec.rollout, spec.gate),
        );
    }
    if rollout.spec.plan_hash != spec.plan_hash {
        return (false, "OtherPlan", format!("the plan of Rollout {} is {}", spec.rollout, rollout.spec.plan_hash));
    }
    let phase = rollout.status.as_ref().map_or(Phase::Queued, |status| status.phase);
    match (phase.ended(), counted) {
        (true, false) => (false, "RolloutEnded", format!("Rollout {} had ended before", spec.rollout)),
        (true, true) => (true, "Counted", String::new()),
        (false, _) => (true, "Counts", String::new()),
    }
}

fn conditions(
    old: &[Condition],
    good: bool,
    reason: &str,
    message: &str,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let list: &[(&str, &str)] = if good { &[("Ready", "True")] } else { &[("Ready", "False"), ("Stalled", "True")] };
    let condition = |(kind, status): &(&str, &str)| {
        let same = old.iter().find(|c| c.type_ == *kind && c.status == *status);
        Condition {
            type_: (*kind).into(),
            status: (*status).into(),
            reason: reason.into(),
            message: message.chars().take(2000).collect(),
            observed_generation: generation,
            last_transition_time: same.map_or(Time::seconds(now), |c| c.last_transition_time),
        }
    };
    list.iter().map(condition).collect()
}
