//! Why a gate that is asked halts its run, in words: what it was told last, whom it is shut for, and how to go on without them.
use crate::{
    api::{Gate, GateStatus},
    domain::analysis::{Answers, Outcome, Subject},
};

/// Tenants that are named.
const NAMED: usize = 3;

/// It failed in more rounds than are tolerated.
pub fn too_often(gate: &Gate, wave: &str, status: &GateStatus, allowed: u32) -> String {
    let (gate, failed, last) = (&gate.name, status.failed, &status.message);
    format!("gate {gate} of wave {wave} failed in {failed} rounds of questions, {allowed} tolerated: {last}")
}

/// Its deadline is over.
pub fn too_long(gate: &Gate, wave: &str, status: &GateStatus) -> String {
    let (name, last) = (&gate.name, &status.message);
    let deadline = gate.pace().map_or(String::new(), |pace| format!(" within {}", pace.deadline));
    let last = if last.is_empty() { "no round was complete" } else { last };
    format!("gate {name} of wave {wave} was not passed{deadline}: {last}")
}

/// How to go on without those about whom the last answers were no or, where none was, told nothing. Answers are in memory: a
/// leader that was told nothing yet names nobody.
pub fn without(answers: Option<&Answers>, subjects: &[Subject]) -> String {
    let told = |outcome| {
        let of = move |name: &&Subject| answers.and_then(|a| a.of.get(*name)).is_some_and(|a| a.outcome == outcome);
        subjects.iter().filter(of).flatten().map(String::as_str).collect::<Vec<_>>()
    };
    let failed = told(Outcome::Failed);
    let shut = if failed.is_empty() { told(Outcome::Inconclusive) } else { failed };
    let names = shut.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match shut.len() {
        0 => String::new(),
        n if n > NAMED => format!("; `skip` {names} and {} more to go on without them", n - NAMED),
        _ => format!("; `skip` {names} to go on without them"),
    }
}
