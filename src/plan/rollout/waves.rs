//! The waves of one run, one after the other: pending, running, soaking, done. Done is for ever.
use jiff::Timestamp;

use super::{
    clock,
    run::{Run, WaveView},
    soak,
};
use crate::api::{Time, WavePhase, WaveStatus};

/// The waves after one look.
pub struct Progress {
    pub waves: Vec<WaveStatus>,
    /// The wave under way; `None` when all are done.
    pub current: Option<usize>,
}

/// What the run may do.
#[derive(Clone, Copy)]
pub struct Leave {
    /// Make progress: it is not suspended, halted or winding down, and it is its turn.
    pub going: bool,
    /// Ask its gates: the same, whosever turn it is.
    pub asking: bool,
    /// A person has just let it go on after a halt.
    pub resumed: bool,
}

/// Carries every wave as far as it goes.
pub fn progress(run: &Run, now: Timestamp, leave: Leave) -> Progress {
    let Leave { going, asking, resumed } = leave;
    let mut progress = Progress { waves: Vec::with_capacity(run.waves.len()), current: None };
    for (index, wave) in run.waves.iter().enumerate() {
        let mut status = counted(wave, now);
        if progress.current.is_some() {
            rest(&mut status, WavePhase::Pending);
        } else if wave.stored.phase != WavePhase::Done {
            advance(&mut status, run, (index, wave), now, going);
            progress.current = (status.phase != WavePhase::Done).then_some(index);
        }
        run.analysis.write(index, &mut status, asking, resumed);
        progress.waves.push(status);
    }
    progress
}

/// Says of the wave under way that the run was halted in it.
pub fn halt(progress: &mut Progress) {
    let current = progress.current.and_then(|current| progress.waves.get_mut(current));
    if let Some(wave) = current.filter(|wave| wave.phase != WavePhase::Pending) {
        wave.phase = WavePhase::Halted;
    }
}

/// The waves of a run that ends: counted once more, their soaks stopped.
pub fn stopped(run: &Run, now: Timestamp) -> Vec<WaveStatus> {
    let stop = |(index, wave): (usize, &WaveView)| {
        let mut status = WaveStatus { soaking_since: None, regressed_since: None, ..counted(wave, now) };
        run.analysis.write(index, &mut status, false, false);
        status
    };
    run.waves.iter().enumerate().map(stop).collect()
}

fn counted(wave: &WaveView, now: Timestamp) -> WaveStatus {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let since = wave.stored.regressed_since.filter(|since| since.0 <= now).unwrap_or_else(|| Time::millis(now));
    WaveStatus {
        members: count(wave.plan.members.len()),
        in_flight: count(wave.taken()),
        proven: wave.proven,
        failed: wave.failed,
        skipped: wave.out,
        started_at: wave.stored.started_at.or_else(|| wave.first_grant.map(Time::seconds)),
        regressed_since: (wave.recovering > 0).then_some(since),
        name: wave.plan.name.clone(),
        ..wave.stored.clone()
    }
}

/// The last wave waits for stragglers of all: a run does not succeed while one of its tenants is not well.
fn advance(status: &mut WaveStatus, run: &Run, (index, wave): (usize, &WaveView), now: Timestamp, going: bool) {
    let begun = wave.stored.phase != WavePhase::Pending;
    let last = index + 1 == run.waves.len();
    // Those who wait for the next wave wait for a proof, and there is none.
    let unproven = !last && wave.inconclusive() && run.stake.waiting > 0;
    if !wave.proven_throughout() || unproven || (last && run.taken() > 0) {
        let running = begun || (going && run.active && run.opened_before(index));
        rest(status, if running { WavePhase::Running } else { WavePhase::Pending });
    } else if going && !wave.anybody() {
        finish(status, now);
    } else if going || begun {
        let soak = soak::look(wave.stored, wave.plan.soak, now, going, fell_back(wave, now));
        (status.soaking_since, status.soaked_milliseconds) = (soak.since, soak.soaked);
        status.phase = WavePhase::Soaking;
        if soak.done && run.opened_after(index) {
            finish(status, now);
        }
    }
}

fn rest(status: &mut WaveStatus, phase: WavePhase) {
    (status.phase, status.soaking_since, status.soaked_milliseconds, status.ended_at) = (phase, None, 0, None);
}

fn finish(status: &mut WaveStatus, now: Timestamp) {
    if let Some(since) = status.soaking_since.take() {
        status.soaked_milliseconds = status.soaked_milliseconds.saturating_add(clock::elapsed(since, now));
    }
    (status.phase, status.ended_at) = (WavePhase::Done, Some(Time::seconds(now)));
}

/// Whether a tenant failed since the last look at a soaking wave: more failures than were recorded, or one that is
/// younger than the soak (one may have healed meanwhile). A failure from the future is a clock that went back.
fn fell_back(wave: &WaveView, now: Timestamp) -> bool {
    let young = |at: &Timestamp| *at <= now && wave.stored.soaking_since.is_some_and(|since| *at > since.0);
    wave.failed > wave.stored.failed || wave.last_failure.as_ref().is_some_and(young)
}
