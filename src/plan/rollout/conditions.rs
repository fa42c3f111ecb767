//! Ready, Reconciling and Stalled of a run, as kstatus reads them: Reconciling while it goes on or waits, Stalled only
//! when halted, and Ready once nothing more will happen (the reason says how it ended). What does not hold is absent.
use jiff::Timestamp;

use crate::api::{Condition, Phase, RolloutStatus, Time};

/// The conditions that go with `status`; a time of transition is kept while the condition says the same.
pub fn of(stored: &RolloutStatus, status: &RolloutStatus, now: Timestamp) -> Vec<Condition> {
    let list: &[(&str, &str)] = match status.phase {
        Phase::Succeeded | Phase::Aborted | Phase::Superseded | Phase::RolledBack => &[("Ready", "True")],
        Phase::Halted => &[("Ready", "False"), ("Stalled", "True")],
        Phase::Queued | Phase::Running | Phase::Suspended => &[("Ready", "False"), ("Reconciling", "True")],
    };
    let condition = |(type_, state): &(&str, &str)| Condition {
        type_: (*type_).into(),
        status: (*state).into(),
        reason: format!("{:?}", status.phase),
        message: status.message.clone(),
        observed_generation: status.observed_generation,
        last_transition_time: since(stored, type_, state).unwrap_or_else(|| Time::seconds(now)),
    };
    list.iter().map(condition).collect()
}

/// Since when a condition has been in that state.
pub fn since(stored: &RolloutStatus, type_: &str, state: &str) -> Option<Time> {
    let same = |condition: &&Condition| condition.type_ == type_ && condition.status == state;
    stored.conditions.iter().find(same).map(|condition| condition.last_transition_time)
}
