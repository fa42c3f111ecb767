//! Who is granted now: the open wave of each active run in its order, and broken tenants of any run out of turn, within
//! the concurrency of wave, run and fleet.
//!
//! A wave is open when the status that closed its predecessors has been written. Suspension, halt, skips, holds and the
//! release's readiness are those of this very look.
use std::collections::{HashSet, VecDeque};

use super::{
    FailureOrder, GrantOrder,
    judge::Outcome,
    pass::Pass,
    run::{Run, WaveView},
};
use crate::api::{Phase, WavePhase};

/// A run that may grant, with the room that is left.
struct Claim<'p, 'a> {
    run: &'p Run<'a>,
    queue: VecDeque<(usize, &'a str)>,
    taken: usize,
    room: usize,
    wave_room: Vec<usize>,
}

/// Grants of one pass. The run with the fewest tenants on their way goes next, so that a big run cannot starve a small
/// one of the fleet's slots.
/// A run with a tenant that is overdue (`failures`) grants nobody until that is recorded: it may breach the budget, and who is on
/// the way by another run's grant and would go next by this one's is broken from then on, so that it comes before others.
pub fn grants(pass: &Pass, outcomes: &[Outcome], failures: &[(String, FailureOrder)]) -> Vec<GrantOrder> {
    let overdue: HashSet<&str> = failures.iter().map(|(tenant, _)| &**tenant).collect();
    let ceiling = pass.known.fleet.max_concurrency as usize;
    let taken = pass.known.in_flight;
    let sound = |run: &Run| {
        let concerned = |wave: &WaveView| {
            let mut tenants = wave.in_flight.iter().chain(&wave.regressed).chain(&wave.ready);
            tenants.any(|tenant| overdue.contains(tenant))
        };
        overdue.is_empty() || !run.waves.iter().any(concerned)
    };
    let runs = pass.runs.iter().zip(outcomes).enumerate().filter(|(_, (run, _))| sound(run));
    let claim = |(index, (run, outcome))| {
        let mut claim = Claim::new(run, outcome)?;
        // A tenant has one place, also where two runs have planned for it.
        claim.queue.retain(|(_, tenant)| pass.places.get(tenant).is_some_and(|place| place.run == index));
        Some(claim)
    };
    let mut claims: Vec<Claim> = runs.filter_map(claim).collect();
    let mut orders = Vec::new();
    while orders.len() < ceiling.saturating_sub(taken) {
        claims.retain_mut(Claim::has_next);
        let Some(claim) = claims.iter_mut().min_by_key(|claim| claim.taken) else { break };
        orders.extend(claim.next(pass));
    }
    orders
}

/// Whether this look lets the run grant anybody at all.
fn may_grant(run: &Run, outcome: &Outcome) -> bool {
    let halted = run.stored.halted.is_some() || outcome.status.halted.is_some();
    let stopped = halted || outcome.status.phase.ended() || outcome.retiring;
    !(stopped || run.spec.suspend || run.spec.abort || run.spec.undo || run.not_ready.is_some())
}

/// The wave that is granted in turn: the first that is not recorded as done, recorded as begun, and still not done.
fn open_wave(run: &Run, outcome: &Outcome) -> Option<usize> {
    let index = run.waves.iter().position(|wave| wave.stored.phase != WavePhase::Done)?;
    let begun = run.waves.get(index)?.stored.phase != WavePhase::Pending;
    (run.active && run.stored.phase == Phase::Running && begun && !closed(run, outcome, index)).then_some(index)
}

fn closed(run: &Run, outcome: &Outcome, index: usize) -> bool {
    let before = run.waves.get(index).is_none_or(|wave| wave.stored.phase == WavePhase::Done);
    before || outcome.status.waves.get(index).is_none_or(|wave| wave.phase == WavePhase::Done)
}

impl<'p, 'a> Claim<'p, 'a> {
    fn new(run: &'p Run<'a>, outcome: &Outcome) -> Option<Self> {
        if !may_grant(run, outcome) {
            return None;
        }
        let mut queue = VecDeque::new();
        let open = |index: &usize| !closed(run, outcome, *index) && run.approved(*index);
        for (index, wave) in run.waves.iter().enumerate().filter(|(index, _)| open(index)) {
            queue.extend(wave.broken.iter().map(|tenant| (index, *tenant)));
        }
        if let Some((index, wave)) = open_wave(run, outcome)
            .filter(|index| run.opened_before(*index))
            .and_then(|index| Some((index, run.waves.get(index)?)))
        {
            queue.extend(wave.ready.iter().map(|tenant| (index, *tenant)));
        }
        let room = |limit: u32, taken: usize| (limit as usize).saturating_sub(taken);
        Some(Self {
            run,
            queue,
            taken: run.taken(),
            room: room(run.spec.max_concurrency, run.taken()),
            wave_room: run.waves.iter().map(|wave| room(wave.plan.max_concurrency, wave.taken())).collect(),
        })
    }

    /// Drops tenants whose wave is full; whether one is left that can go.
    fn has_next(&mut self) -> bool {
        while let Some((wave, _)) = self.queue.front() {
            if self.wave_room.get(*wave).is_some_and(|room| *room > 0) {
                break;
            }
            self.queue.pop_front();
        }
        self.room > 0 && !self.queue.is_empty()
    }

    fn next(&mut self, pass: &Pass) -> Option<GrantOrder> {
        let (index, tenant) = self.queue.pop_front()?;
        let wish = pass.known.wishes.get(tenant)?;
        let wave = self.run.waves.get(index)?;
        *self.wave_room.get_mut(index)? -= 1;
        (self.room, self.taken) = (self.room - 1, self.taken + 1);
        Some(GrantOrder {
            tenant: tenant.into(),
            uid: wish.member.uid.clone(),
            target: self.run.spec.target.clone(),
            rollout: self.run.name.into(),
            wave: wave.plan.name.clone(),
            broken_before: wish.unwell(),
            towards: wish.towards().cloned(),
            reject: wish.back.and(wish.member.granted.as_ref()).map(|granted| granted.target.clone()),
        })
    }
}
