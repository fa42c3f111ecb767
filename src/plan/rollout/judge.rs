//! Where one run stands after this look: its next status, and whether it may still grant.
use jiff::Timestamp;

use super::{
    back, budget, clock, conditions, message,
    pass::Known,
    run::{Run, WaveView},
    soak,
    waves::{self, Leave, Progress},
};
use crate::{
    api::{Halt, Phase, RolloutStatus, Time, WaveStatus},
    domain::analysis::Asked,
};

/// The verdict on one run.
pub struct Outcome {
    pub status: RolloutStatus,
    /// Its members want something else: nobody is granted any more, and it ends when nobody is in flight.
    pub retiring: bool,
    /// When its soak will be over.
    pub wake: Option<Timestamp>,
    /// What its gates are to be asked now.
    pub asks: Vec<Asked>,
}

/// How a run comes to its end before it is done.
pub struct Winding {
    pub undone: bool,
    pub superseded: bool,
    /// Why its policy's way back is refused.
    pub refused: Option<String>,
}

/// Judges a run. `active` names the run that has the operator's turn. The order is the order of rank: an abort outranks
/// everything, an undo everything else, a lost interest outranks a halt, a halt outranks a suspension.
pub fn judge(run: &Run, active: &str, known: &Known) -> Outcome {
    let now = known.now;
    if run.spec.abort {
        return end(run, Phase::Aborted, now);
    }
    let halted = budget::latch(run, budget::breach(run, known.fleet), now);
    let (suspended, stake) = (run.spec.suspend, run.stake);
    let back = if halted.is_some() { back::leads_back(run, known) } else { None };
    let undone = run.spec.undo || matches!(back, Some(Ok(())));
    let superseded = lost_interest(run, halted.is_some()) || (stake.newer > 0 && halted.is_none() && !suspended);
    let retiring = undone || superseded;
    if retiring && run.in_flight() == 0 {
        let mut outcome = end(run, if undone { Phase::RolledBack } else { Phase::Superseded }, now);
        outcome.status.halted = halted;
        return outcome;
    }
    // A queued run goes on only to end: when its members were granted out of turn and nobody waits for more.
    let turn = run.active || stake.waiting == 0;
    let asking = halted.is_none() && !suspended && !retiring;
    let resumed = run.stored.halted.is_some() && halted.is_none();
    let mut progress = waves::progress(run, now, Leave { going: turn && asking, asking, resumed });
    if halted.is_some() {
        waves::halt(&mut progress);
    }
    let Progress { waves, current } = progress;
    let Some(current) = current else {
        return end_with(run, Phase::Succeeded, waves, halted, now);
    };
    let phase = match (&halted, suspended, run.active) {
        (Some(_), _, _) => Phase::Halted,
        (None, true, _) => Phase::Suspended,
        (None, false, true) => Phase::Running,
        (None, false, false) => Phase::Queued,
    };
    let wake = run.waves.get(current).zip(waves.get(current)).and_then(|(wave, status)| wake(wave, status, now));
    let looks = run.analysis.looks.iter().filter(|look| asking && look.live);
    let asks = looks.clone().flat_map(|look| look.asks.iter().cloned()).collect();
    let wake = looks.map(|look| look.wake).fold(wake, clock::earlier);
    let mut status = counted(run, waves);
    (status.phase, status.halted) = (phase, halted);
    status.current_wave = run.waves.get(current).map(|wave| wave.plan.name.clone());
    let refused = back.and_then(Result::err);
    status.message = message::of(run, &status, active, current, &Winding { undone, superseded, refused });
    status.conditions = conditions::of(run.stored, &status, now);
    Outcome { status, retiring, wake, asks }
}

/// When the soak will be over; or, when the clock went back, when it reaches a failure that it then takes for a new one.
fn wake(wave: &WaveView, status: &WaveStatus, now: Timestamp) -> Option<Timestamp> {
    let over = soak::over(status, wave.plan.soak)?;
    clock::earlier(clock::to_come(over, now), wave.last_failure.and_then(|at| clock::to_come(at, now)))
}

/// Whether nobody is left who wants this run to go on, and somebody wants something else. A run that is not halted goes
/// on for those who are on the target and want to stay: their soak is still of use.
fn lost_interest(run: &Run, halted: bool) -> bool {
    let interested = run.stake.waiting + if halted { 0 } else { run.stake.settled };
    interested == 0 && run.stake.elsewhere > 0
}

fn end(run: &Run, phase: Phase, now: Timestamp) -> Outcome {
    end_with(run, phase, waves::stopped(run, now), run.stored.halted.clone(), now)
}

fn end_with(run: &Run, phase: Phase, waves: Vec<WaveStatus>, halted: Option<Halt>, now: Timestamp) -> Outcome {
    let mut status = counted(run, waves);
    (status.phase, status.halted) = (phase, halted);
    (status.current_wave, status.ended_at) = (None, Some(Time::seconds(now)));
    status.message = message::ended(&status);
    status.conditions = conditions::of(run.stored, &status, now);
    Outcome { status, retiring: false, wake: None, asks: Vec::new() }
}

fn counted(run: &Run, waves: Vec<WaveStatus>) -> RolloutStatus {
    let sum = |count: fn(&WaveStatus) -> u32| waves.iter().map(count).sum();
    RolloutStatus {
        observed_generation: run.generation,
        members: sum(|wave| wave.members),
        in_flight: sum(|wave| wave.in_flight),
        proven: sum(|wave| wave.proven),
        failed: sum(|wave| wave.failed),
        skipped: sum(|wave| wave.skipped),
        written_at: run.stored.written_at,
        started_at: run.stored.started_at.or_else(|| waves.iter().filter_map(|wave| wave.started_at).min()),
        waves,
        ..RolloutStatus::default()
    }
}
