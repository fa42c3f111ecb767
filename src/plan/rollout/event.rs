//! What is worth telling: the differences between a run's recorded status and its next one.
use super::{
    EventReason, RolloutEvent,
    run::{Run, WaveView},
};
use crate::api::{Phase, RolloutStatus, WavePhase, WaveStatus};

/// The events that go with a new status.
pub fn between(run: &Run, next: &RolloutStatus) -> Vec<RolloutEvent> {
    let mut events = Vec::new();
    let mut tell = |reason, note: String, warning| {
        events.push(RolloutEvent { rollout: run.name.into(), reason, note, warning });
    };
    let before = run.stored;
    if before.phase == Phase::Queued && next.phase == Phase::Running {
        let spec = run.spec;
        let goes = if next.members == 1 { "goes" } else { "go" };
        let note = format!("{} of {} {goes} to {}", tenants(next.members), spec.operator, spec.target.version);
        tell(EventReason::RolloutStarted, note, false);
    }
    if before.halted.is_some() && next.halted.is_none() && !next.phase.ended() {
        tell(EventReason::RolloutResumed, "goes on after a halt".into(), false);
    } else if before.phase == Phase::Suspended && matches!(next.phase, Phase::Running | Phase::Queued) {
        tell(EventReason::RolloutResumed, "goes on after a suspension".into(), false);
    }
    for (wave, after) in run.waves.iter().zip(&next.waves) {
        if let Some((reason, note)) = in_wave(wave.stored, after) {
            let note = if reason == EventReason::WaveSoakRestarted { fell_back(wave, &note) } else { note };
            tell(reason, note, reason == EventReason::WaveSoakRestarted);
        }
    }
    if let (None, Some(halt)) = (&before.halted, &next.halted) {
        tell(EventReason::WaveHalted, halt.reason.clone(), true);
    }
    match next.phase {
        Phase::Suspended if before.phase != next.phase => {
            tell(EventReason::RolloutSuspended, next.message.clone(), false);
        }
        Phase::Succeeded => tell(EventReason::RolloutSucceeded, next.message.clone(), false),
        Phase::Aborted => tell(EventReason::RolloutAborted, next.message.clone(), true),
        Phase::Superseded => tell(EventReason::RolloutSuperseded, next.message.clone(), false),
        Phase::RolledBack => tell(EventReason::RolloutRolledBack, next.message.clone(), true),
        _ => {}
    }
    events
}

fn tenants(n: u32) -> String {
    format!("{n} tenant{}", if n == 1 { "" } else { "s" })
}

/// Who it was, where that is still to be seen.
fn fell_back(wave: &WaveView, note: &str) -> String {
    let who: Vec<&str> = [&wave.regressed, &wave.in_flight, &wave.charged, &wave.excused]
        .into_iter()
        .flatten()
        .copied()
        .take(3)
        .collect();
    if who.is_empty() { note.to_owned() } else { format!("{note}: {}", who.join(", ")) }
}

fn in_wave(before: &WaveStatus, after: &WaveStatus) -> Option<(EventReason, String)> {
    let name = &after.name;
    let fell_back = before.phase == WavePhase::Soaking
        && (after.phase == WavePhase::Running
            || (after.phase == WavePhase::Soaking
                && after.soaking_since > before.soaking_since
                && before.soaking_since.is_some()));
    match (before.phase, after.phase) {
        (old, WavePhase::Done) if old != WavePhase::Done => Some((
            EventReason::WavePromoted,
            format!("wave {name} is done: {} of {} proven", after.proven, after.members),
        )),
        (WavePhase::Pending, WavePhase::Running | WavePhase::Soaking) => {
            Some((EventReason::WaveStarted, format!("wave {name} starts with {}", tenants(after.members))))
        }
        _ if fell_back => Some((
            EventReason::WaveSoakRestarted,
            format!("wave {name} is no longer proven throughout; its soak starts again"),
        )),
        _ => None,
    }
}
