//! Runs whose plan cannot be read: parts of it are missing, or are not what was frozen. Who is in the plan is not known, so
//! nothing is decided for their operator, neither for other runs nor for new ones: who was stopped in that plan is not known
//! either. It is said why, and what to do.
use std::collections::BTreeMap;

use super::{clock, conditions, message, pass::Pass};
use crate::{
    api::{Condition, RolloutStatus, Time},
    domain::fleet::Fleet,
};

/// The operators for which nothing is decided, and why.
pub fn operators(fleet: &Fleet) -> BTreeMap<&str, String> {
    let said = |(name, why): (&String, &String)| {
        let operator = &*fleet.rollouts.get(name)?.spec.operator;
        Some((
            operator,
            format!(
                "the plan of rollout {name} cannot be read: {why}; put that back, or delete the Rollout, and who still asks for its version is planned anew"
            ),
        ))
    };
    fleet.unread.iter().filter_map(said).collect()
}

/// What is said of the unfinished runs of such an operator. All else stays as it was last known.
pub fn statuses(pass: &Pass) -> Vec<(String, RolloutStatus)> {
    let mut said = Vec::new();
    for (name, rollout) in &pass.known.fleet.rollouts {
        let Some(why) = pass.known.unread.get(&*rollout.spec.operator) else { continue };
        let stored = rollout.status.clone().unwrap_or_default();
        if stored.phase.ended() {
            continue;
        }
        let message = message::cut(format!("nobody is granted: {why}"));
        let next = RolloutStatus { conditions: stalled(&stored, &message, pass), message, ..stored.clone() };
        if next != stored {
            said.push((name.clone(), next));
        }
    }
    said
}

fn stalled(stored: &RolloutStatus, message: &str, pass: &Pass) -> Vec<Condition> {
    let now = Time(clock::shown(pass.known.now));
    let condition = |(type_, state): (&str, &str)| Condition {
        type_: type_.into(),
        status: state.into(),
        reason: "PlanUnread".into(),
        message: message.to_owned(),
        observed_generation: stored.observed_generation,
        last_transition_time: conditions::since(stored, type_, state).unwrap_or(now),
    };
    [("Ready", "False"), ("Stalled", "True")].map(condition).to_vec()
}
