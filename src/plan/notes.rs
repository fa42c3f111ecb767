//! What is said of change windows and approvals on the objects themselves: whether they were understood, and count.
use jiff::Timestamp;

use super::condition::condition;
use crate::{
    api::{
        ApprovalSpec, ApprovalStatus, Condition, Decision, Phase, PlannedWave, Rollout, RolloutApproval, Time,
        WavePhase, WaveStatus, WindowStatus,
    },
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
        let status = approval_status(object, fleet, world, now);
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

fn approval_status(approval: &RolloutApproval, fleet: &Fleet, world: &World, now: Timestamp) -> ApprovalStatus {
    let generation = approval.metadata.generation.unwrap_or_default();
    let (counts, reason, note) = counts(approval, fleet, world);
    let old = approval.status.as_ref().map_or(&[][..], |status| &status.conditions);
    ApprovalStatus {
        observed_generation: generation,
        conditions: conditions(old, counts, reason, &note, generation, now),
    }
}

/// Whether a decision counts for anything. One that counted keeps saying so when its run has ended: it is part of the record.
fn counts(approval: &RolloutApproval, fleet: &Fleet, world: &World) -> (bool, &'static str, String) {
    let (spec, old) = (&approval.spec, approval.status.iter().flat_map(|status| &status.conditions));
    let counted = old.into_iter().any(|c| c.type_ == "Ready" && c.status == "True");
    let Some(rollout) = fleet.rollouts.get(&spec.rollout) else {
        let reason = if counted { "Counted" } else { "NoSuchRollout" };
        return (counted, reason, format!("there is no Rollout {}", spec.rollout));
    };
    let wave = rollout.spec.waves.iter().find(|wave| wave.name == spec.wave);
    let named =
        |wave: &PlannedWave| wave.gates.all().find(|(_, gate)| gate.name == spec.gate).map(|(_, gate)| gate.clone());
    let Some(gate) = wave.and_then(named) else {
        return (
            false,
            "NoSuchGate",
            format!("wave {} of Rollout {} has no gate {}", spec.wave, spec.rollout, spec.gate),
        );
    };
    if rollout.spec.plan_hash != spec.plan_hash {
        return (false, "OtherPlan", format!("the plan of Rollout {} is {}", spec.rollout, rollout.spec.plan_hash));
    }
    let phase = rollout.status.as_ref().map_or(Phase::Queued, |status| status.phase);
    // A no counts at any gate.
    if gate.approval.is_none() && spec.decision == Decision::Approve {
        let note = format!(
            "gate {} is asked and not opened by people: mend what it measures, or `abort` the Rollout and correct its policy",
            spec.gate
        );
        return (false, "NotAnApprovalGate", note);
    }
    let done = wave_is_done(rollout, &spec.wave);
    // What opened the gate may not have been said to count before the wave was done: by whoever led then, who crashed.
    let counted = counted || done && gate.approval.is_some() && opened(approval, rollout, world);
    if done && !phase.ended() && !counted {
        return (false, "WaveDone", format!("wave {} of Rollout {} was done before", spec.wave, spec.rollout));
    }
    match (phase.ended() || done, counted) {
        (true, false) => (false, "RolloutEnded", format!("Rollout {} had ended before", spec.rollout)),
        (true, true) => (true, "Counted", String::new()),
        (false, _) => (true, "Counts", String::new()),
    }
}

/// Whether this is a yes that was there before its wave was done, and nobody had said yes to that gate of that plan before.
fn opened(approval: &RolloutApproval, rollout: &Rollout, world: &World) -> bool {
    let at = |approval: &RolloutApproval| {
        (approval.metadata.creation_timestamp.as_ref().map(|at| at.0), approval.metadata.name.clone())
    };
    let ended = wave_status(rollout, &approval.spec.wave).and_then(|wave| wave.ended_at);
    let in_time = ended.is_some_and(|ended| at(approval).0.is_some_and(|at| at <= ended.0));
    let mut same = world.approvals.values().filter(|other| word(other) == word(approval));
    approval.spec.decision == Decision::Approve && in_time && same.all(|other| at(other) >= at(approval))
}

/// What is said, and to which question.
fn word(approval: &RolloutApproval) -> ([&str; 4], Decision) {
    let ApprovalSpec { rollout, wave, gate, plan_hash, decision, .. } = &approval.spec;
    ([rollout, wave, gate, plan_hash], *decision)
}

fn wave_is_done(rollout: &Rollout, wave: &str) -> bool {
    wave_status(rollout, wave).is_some_and(|status| status.phase == WavePhase::Done)
}

fn wave_status<'a>(rollout: &'a Rollout, wave: &str) -> Option<&'a WaveStatus> {
    rollout.status.as_ref()?.waves.iter().find(|status| status.name == wave)
}

fn conditions(
    old: &[Condition],
    good: bool,
    reason: &str,
    message: &str,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let list: &[(&str, bool)] = if good { &[("Ready", true)] } else { &[("Ready", false), ("Stalled", true)] };
    list.iter().map(|kind| condition(old, *kind, (reason, message), generation, now)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::{civil::date, tz::TimeZone};
    use serde_json::json;

    use super::*;

    /// A decision at that gate of the run's one wave, which is in that phase and ended at second 7: made in that second, and one like
    /// it in another; what is said of it.
    fn said(gate: &str, decision: Decision, phase: &str, (second, other): (i8, i8)) -> (bool, &'static str) {
        let rollout: Rollout = serde_json::from_value(json!({
            "apiVersion": "leasehold.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "r"},
            "spec": {
                "operator": "memcached", "target": {"version": "1.1.0", "digest": "d"}, "policy": "default", "sequence": 1,
                "order": "Name", "maxConcurrency": 1, "maxFailures": 0, "revisionHistoryLimit": 10, "planHash": "h",
                "waves": [{"name": "all", "members": ["acme"], "maxConcurrency": 1, "maxFailures": 0,
                    "progressDeadline": "10m", "soak": "1m", "gates": {"before": [{"name": "start", "approval": {}}],
                    "after": [{"name": "errors", "cel": {"expression": "true"}}]}}],
            },
            "status": {"phase": "Running", "currentWave": "all", "waves": [{"name": "all", "phase": phase, "endedAt": "2026-01-05T10:00:07Z"}]},
        }))
        .unwrap();
        let fleet = Fleet { rollouts: [("r".to_owned(), rollout)].into(), ..Fleet::default() };
        let spec = ApprovalSpec {
            rollout: "r".into(),
            wave: "all".into(),
            gate: gate.into(),
            plan_hash: "h".into(),
            decision,
            approver: "ann".into(),
            comment: String::new(),
        };
        let made = |name: &str, second: i8| {
            let mut approval = RolloutApproval::new(name, spec.clone());
            let at = date(2026, 1, 5).at(10, 0, second, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
            approval.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at));
            Arc::new(approval)
        };
        let (it, other) = (made("it", second), made("other", other));
        let approvals = [("it".to_owned(), it.clone()), ("other".to_owned(), other)].into();
        let (counts, reason, _) = counts(&it, &fleet, &World { approvals, ..World::default() });
        (counts, reason)
    }

    #[test]
    fn only_a_decision_that_changes_something_is_said_to_count() {
        assert_eq!(said("start", Decision::Approve, "Running", (5, 1)), (true, "Counts"));
        assert_eq!(said("errors", Decision::Approve, "Running", (5, 1)), (false, "NotAnApprovalGate"));
        assert_eq!(said("errors", Decision::Reject, "Running", (5, 1)), (true, "Counts"), "a no counts at any gate");
        assert_eq!(said("start", Decision::Approve, "Done", (5, 1)), (false, "WaveDone"));
        assert_eq!(said("start", Decision::Reject, "Done", (5, 6)), (false, "WaveDone"));
    }

    #[test]
    fn what_opened_a_gate_counted_although_nobody_came_to_say_so_in_time() {
        assert_eq!(said("start", Decision::Approve, "Done", (5, 6)), (true, "Counted"));
        assert_eq!(said("start", Decision::Approve, "Done", (5, 5)), (true, "Counted"), "one of two in a second");
        assert_eq!(said("start", Decision::Approve, "Done", (8, 9)), (false, "WaveDone"), "it came after all was done");
        assert_eq!(said("errors", Decision::Approve, "Done", (5, 6)), (false, "NotAnApprovalGate"));
    }
}
