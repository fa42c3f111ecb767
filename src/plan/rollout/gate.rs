//! Gates of a wave, opened by people or asked. A person's decision names the rollout, the wave, the gate, and the hash of the
//! very plan. Read again at each grant: a decision that is taken away closes its gate. A no outranks a yes.
use jiff::Timestamp;

use super::{analysis::Look, clock, run::Run};
use crate::{
    api::{ApprovalSpec, Decision, Gate, GateVerdict, PlannedWave, RolloutSpec, RolloutStatus, WavePhase, When},
    domain::{fleet::Fleet, report::WaitingOn},
};

/// The gates of one wave that people have not opened.
#[derive(Default)]
pub struct Shut<'a> {
    pub before: Vec<&'a str>,
    pub after: Vec<&'a str>,
    /// A person's no, in words.
    pub refused: Option<String>,
}

/// Looks at the gates of a wave.
pub fn shut<'a>(name: &str, spec: &RolloutSpec, wave: &'a PlannedWave, fleet: &Fleet) -> Shut<'a> {
    if wave.gates.is_empty() {
        return Shut::default();
    }
    let decided = |gate: &Gate| {
        let of = |approval: &&ApprovalSpec| bound(approval, name, spec, &wave.name) && approval.gate == gate.name;
        fleet.approvals.values().filter(of).collect::<Vec<_>>()
    };
    let yes = |gate: &&Gate| !decided(gate).iter().any(|approval| approval.decision == Decision::Approve);
    let people = |gate: &&Gate| gate.pace().is_none();
    let closed = |gates: &'a [Gate]| gates.iter().filter(people).filter(yes).map(|gate| &*gate.name).collect();
    let all = wave.gates.before.iter().chain(&wave.gates.after);
    let refused = all.flat_map(decided).find(|approval| approval.decision == Decision::Reject);
    let refused = refused.map(|approval| {
        let why = if approval.comment.is_empty() { String::new() } else { format!(": {}", approval.comment) };
        format!("gate {} of wave {} was refused by {}{why}", approval.gate, wave.name, approval.approver)
    });
    Shut { before: closed(&wave.gates.before), after: closed(&wave.gates.after), refused }
}

/// Whether a decision is about that wave of that very plan.
fn bound(approval: &ApprovalSpec, name: &str, spec: &RolloutSpec, wave: &str) -> bool {
    approval.rollout == name
        && approval.wave == wave
        && !spec.plan_hash.is_empty()
        && approval.plan_hash == spec.plan_hash
}

/// What a wave waits for at its gates.
pub struct Waiting {
    pub on: WaitingOn,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub note: String,
    /// The same without a time, to be stored with the run: it changes only with what is recorded.
    pub brief: String,
}

/// What a wave waits for at its gates; people's first. `broken`: what a broken tenant of it waits for, whom no answer keeps
/// from the fix.
pub fn waiting(run: &Run, status: &RolloutStatus, current: usize, broken: bool) -> Option<Waiting> {
    let (shut, wave, view) = (run.gates.get(current)?, status.waves.get(current)?, run.waves.get(current)?);
    let soaked =
        wave.phase == WavePhase::Soaking && super::soak::over(wave, view.plan.soak).is_some_and(|over| over <= run.now);
    let (gates, when) = match wave.phase {
        WavePhase::Pending | WavePhase::Running => (&shut.before, When::Before),
        _ if soaked => (&shut.after, When::After),
        _ => return None,
    };
    if !gates.is_empty() {
        let (gates, name, wave, hash) = (gates.join(", "), run.name, &view.plan.name, &run.spec.plan_hash);
        let note = format!("waits for a RolloutApproval of {gates}: spec.rollout {name}, wave {wave}, planHash {hash}");
        return Some(Waiting { on: WaitingOn::Approval, since: None, until: None, brief: note.clone(), note });
    }
    if broken {
        return None;
    }
    // A wave that has just been proven is asked about from the next look on.
    let asked = |look: &&Look| look.when == when && !look.open && (look.live || when == When::After);
    let look = run.analysis.looks.iter().filter(|look| look.wave == current).find(asked)?;
    Some(answered(look, run.now))
}

/// What an asked gate was told last, when it is asked again, and when it is given up.
fn answered(look: &Look, now: Timestamp) -> Waiting {
    let (name, status) = (&look.gate.name, &look.next);
    let none = || "no round of questions is complete yet".to_owned();
    let told = |at: &str| format!("{:?}{at}: {}", status.verdict, status.message);
    let last = status.at.map_or_else(none, |at| told(&format!(" at {}", clock::shown(at.0))));
    let brief = format!("waits for gate {name}: {}", status.at.map_or_else(none, |_| told("")));
    let next = status.round_at.filter(|at| at.0 > now);
    let next = next.map_or("it is asked now".to_owned(), |at| format!("asked again at {}", clock::shown(at.0)));
    let until = status.since.map(|since| clock::after(since.0, look.pace.deadline));
    let end = until.map_or(String::new(), |until| match clock::to_come(until, now) {
        Some(until) => format!(", given up after {}", clock::shown(until)),
        None => ", given up with the next answer".to_owned(),
    });
    let on = if status.verdict == GateVerdict::Inconclusive { WaitingOn::Inconclusive } else { WaitingOn::Evidence };
    let until = until.and_then(|until| clock::to_come(until, now));
    let note = format!("waits for gate {name}: {last}; {next}{end}");
    Waiting { on, since: status.since.map(|since| since.0), until, note, brief }
}

impl Run<'_> {
    /// Whether people let that wave go: the broken need no more.
    pub fn approved(&self, wave: usize) -> bool {
        self.gates.get(wave).is_none_or(|gates| gates.before.is_empty())
    }

    /// Whether anybody of that wave may be granted in turn, as far as its gates go.
    pub fn opened_before(&self, wave: usize) -> bool {
        self.approved(wave) && self.answered(wave, When::Before)
    }

    /// Whether that wave may be done once its soak is over.
    pub fn opened_after(&self, wave: usize) -> bool {
        self.gates.get(wave).is_none_or(|gates| gates.after.is_empty()) && self.answered(wave, When::After)
    }

    /// Whether every gate of that wave that is asked is open.
    fn answered(&self, wave: usize, when: When) -> bool {
        self.analysis.looks.iter().filter(|look| look.wave == wave && look.when == when).all(|look| look.open)
    }

    /// A no at a gate of a wave that is not done.
    pub fn refused(&self) -> Option<String> {
        let mut open = self.waves.iter().zip(&self.gates).filter(|(wave, _)| wave.stored.phase != WavePhase::Done);
        open.find_map(|(_, gates)| gates.refused.clone())
    }
}
