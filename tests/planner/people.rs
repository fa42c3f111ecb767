//! Windows and gates, said for the oracle: from what is there, without a line of the engine.
use jiff::Timestamp;
use leasehold::{
    api::{ApprovalSpec, Decision, Gate, RolloutSpec},
    domain::fleet::{Fleet, Member},
};

/// Whether a window keeps the tenant where it is.
pub fn shut(fleet: &Fleet, member: &Member, now: Timestamp) -> bool {
    let mine = || fleet.windows.values().filter(|window| window.selects(&member.operator, &member.labels));
    let allows = || mine().filter(|window| !window.denies());
    mine().any(|window| window.denies() && window.at(now).open)
        || (allows().next().is_some() && !allows().any(|window| window.at(now).open))
}

fn decisions<'a>(fleet: &'a Fleet, run: &str, spec: &RolloutSpec, wave: usize, gate: &Gate) -> Vec<&'a ApprovalSpec> {
    let about = |approval: &&ApprovalSpec| {
        approval.rollout == run
            && approval.wave == spec.waves[wave].name
            && approval.gate == gate.name
            && approval.plan_hash == spec.plan_hash
    };
    fleet.approvals.values().filter(about).collect()
}

/// Whether every one of these gates has a yes.
pub fn opened(fleet: &Fleet, run: &str, spec: &RolloutSpec, wave: usize, gates: &[Gate]) -> bool {
    let yes = |gate: &Gate| {
        decisions(fleet, run, spec, wave, gate).iter().any(|approval| approval.decision == Decision::Approve)
    };
    gates.iter().filter(|gate| gate.pace().is_none()).all(yes)
}

/// Whether a person said no at any of the run's gates.
pub fn refused(fleet: &Fleet, run: &str, spec: &RolloutSpec) -> bool {
    (0..spec.waves.len()).any(|wave| {
        let gates = &spec.waves[wave].gates;
        let no = |gate: &Gate| {
            decisions(fleet, run, spec, wave, gate).iter().any(|approval| approval.decision == Decision::Reject)
        };
        gates.before.iter().chain(&gates.after).any(no)
    })
}

/// Whether any gate of the run is not open, so that it waits for a person.
pub fn gated(fleet: &Fleet, run: &str, spec: &RolloutSpec) -> bool {
    (0..spec.waves.len()).any(|wave| {
        let gates = &spec.waves[wave].gates;
        !opened(fleet, run, spec, wave, &gates.before) || !opened(fleet, run, spec, wave, &gates.after)
    })
}
