//! Gates of a wave: opened by people, each by a decision that names the rollout, the wave, the gate, and the hash of the
//! very plan. Read again at each grant: a decision that is taken away closes its gate. A no outranks a yes.
use super::run::Run;
use crate::{
    api::{ApprovalSpec, Decision, Gate, PlannedWave, RolloutSpec, RolloutStatus, WavePhase},
    domain::fleet::Fleet,
};

/// The gates of one wave that are not open.
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
    let closed = |gates: &'a [Gate]| gates.iter().filter(yes).map(|gate| &*gate.name).collect();
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

/// What the wave under way waits for at its gates, in words.
pub fn waiting(run: &Run, status: &RolloutStatus, current: usize) -> Option<String> {
    let (shut, wave, view) = (run.gates.get(current)?, status.waves.get(current)?, run.waves.get(current)?);
    let soaked = wave.phase == WavePhase::Soaking
        && super::soak::over(wave, view.plan.soak).is_some_and(|over| over <= run.now)
        && !shut.after.is_empty();
    let gates = match wave.phase {
        WavePhase::Pending | WavePhase::Running if !shut.before.is_empty() => &shut.before,
        _ if soaked => &shut.after,
        _ => return None,
    };
    Some(format!(
        "waits for a RolloutApproval of {}: spec.rollout {}, wave {}, planHash {}",
        gates.join(", "),
        run.name,
        view.plan.name,
        run.spec.plan_hash
    ))
}

impl Run<'_> {
    /// Whether anybody of that wave may be granted, as far as its gates go.
    pub fn opened_before(&self, wave: usize) -> bool {
        self.gates.get(wave).is_none_or(|gates| gates.before.is_empty())
    }

    /// Whether that wave may be done once its soak is over.
    pub fn opened_after(&self, wave: usize) -> bool {
        self.gates.get(wave).is_none_or(|gates| gates.after.is_empty())
    }

    /// A no at a gate of a wave that is not done.
    pub fn refused(&self) -> Option<String> {
        let mut open = self.waves.iter().zip(&self.gates).filter(|(wave, _)| wave.stored.phase != WavePhase::Done);
        open.find_map(|(_, gates)| gates.refused.clone())
    }
}
