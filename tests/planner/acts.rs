//! What people do to calendars and gates.
use leasehold::{
    api::{ApprovalGate, ApprovalSpec, Decision, Gate, Gates, Schedule, Selector, Span, WindowAction, WindowSpec},
    domain::window::Window,
};

use crate::{asked, generate::RINGS, rng::Rng, schedule::Schedule as Story};

/// The gates of a wave: mostly none; some are opened by people, some are asked.
pub fn gates(rng: &mut Rng) -> Gates {
    let mut some = |chance, asked_chance| {
        let gate = Gate { name: format!("g{}", rng.below(2)), approval: Some(ApprovalGate {}), ..Gate::default() };
        let mut gates = if rng.percent(chance) { vec![gate] } else { Vec::new() };
        if rng.percent(asked_chance) {
            gates.push(asked::gate(rng));
        }
        gates
    };
    Gates { before: some(8, 10), after: some(6, 10) }
}

impl Story {
    /// A window is opened, or taken away.
    pub fn calendar(&mut self) {
        let name = format!("w{}", self.rng.below(3));
        if self.rng.percent(55) {
            self.cluster.fleet.windows.remove(&name);
            return;
        }
        let ring = (*self.rng.pick(&RINGS).unwrap()).to_owned();
        let selector = Selector { match_labels: [("ring".into(), ring)].into(), ..Selector::default() };
        let minutes = self.rng.u32(2, 9);
        // Openings that run into each other are looked at one by one: seldom, they cost most of a schedule's time.
        let open = if self.rng.percent(97) { self.rng.u32(1, minutes - 1) } else { minutes };
        let schedule = Schedule {
            cron: format!("*/{minutes} * * * *"),
            duration: Span::secs(60 * u64::from(open)),
            time_zone: "Europe/Berlin".into(),
        };
        let brake = self.rng.percent(40);
        let spec = WindowSpec {
            action: if brake || self.rng.percent(50) { WindowAction::Deny } else { WindowAction::Allow },
            reason: String::new(),
            selector: self.rng.percent(50).then_some(selector),
            operators: if self.rng.percent(20) { vec!["redis".into()] } else { Vec::new() },
            schedule: (!brake).then_some(schedule),
            until: None,
        };
        self.cluster.fleet.windows.insert(name, Window::new(spec));
    }

    /// Somebody decides about the gates of a run, or takes a decision back.
    pub fn decide_gates(&mut self) {
        let names: Vec<String> = self.cluster.fleet.rollouts.keys().cloned().collect();
        let Some(run) = self.rng.pick(&names).cloned() else { return };
        let spec = self.cluster.fleet.rollouts[&run].spec.clone();
        for wave in &spec.waves {
            for gate in wave.gates.before.iter().chain(&wave.gates.after).filter(|gate| gate.pace().is_none()) {
                let key = format!("{run}-{}-{}-{}", wave.name, gate.name, self.rng.below(2));
                let roll = self.rng.below(10);
                if roll == 0 {
                    self.cluster.fleet.approvals.remove(&key);
                    continue;
                }
                let approval = ApprovalSpec {
                    rollout: run.clone(),
                    wave: wave.name.clone(),
                    gate: gate.name.clone(),
                    plan_hash: if roll == 1 { "0123456789abcdef".into() } else { spec.plan_hash.clone() },
                    decision: if roll == 2 { Decision::Reject } else { Decision::Approve },
                    approver: "ann".into(),
                    comment: String::new(),
                };
                self.cluster.fleet.approvals.insert(key, approval);
            }
        }
    }

    /// What opens and closes by itself is taken away: what is left stands until a person acts.
    pub fn no_more_clocks(&mut self) {
        self.cluster.fleet.windows.retain(|_, window| window.spec.schedule.is_none());
    }
}
