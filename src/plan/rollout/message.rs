//! One sentence on what goes on in a run, or what it waits for. It changes only when the facts do: a status that told
//! the time would be written for ever.
use super::{
    clock, gate,
    judge::Winding,
    run::{Run, WaveView},
    soak,
};
use crate::api::{Phase, RolloutStatus, WavePhase};

/// Length that the kind allows.
const LONGEST: usize = 1024;

/// The sentence for a run that goes on.
pub fn of(run: &Run, status: &RolloutStatus, active: &str, current: usize, winding: &Winding) -> String {
    let text = match (status.phase, &status.halted) {
        _ if winding.undone => going_back(status),
        _ if winding.superseded => superseding(run, status),
        (_, Some(halt)) => halted(&halt.reason, winding.refused.as_deref()),
        (Phase::Suspended, _) => {
            format!(
                "suspended by a person: nobody is granted, {} in flight may finish; set `suspend: false` to go on",
                status.in_flight
            )
        }
        (Phase::Queued, _) => queued(status, active),
        _ => under_way(run, status, current),
    };
    cut(text)
}

fn halted(reason: &str, refused: Option<&str>) -> String {
    let back = refused.map_or(String::new(), |why| format!("; going back is refused: {why}"));
    format!(
        "halted: {reason}{back}; mend or `skip` who failed, or set `additionalFailures`, or take the no at a gate back, then resume it; or set `abort` or `undo`"
    )
}

/// Broken tenants do not wait for the turn of their run.
fn queued(status: &RolloutStatus, active: &str) -> String {
    let gone = status.in_flight + status.proven + status.failed;
    let ahead = format!("; broken tenants go ahead of it: {} proven, {} in flight", status.proven, status.in_flight);
    format!("queued behind rollout {active}{}", if gone > 0 { &ahead } else { "" })
}

fn going_back(status: &RolloutStatus) -> String {
    let why = status.halted.as_ref().map_or("undone by a person".to_owned(), |halt| halt.reason.clone());
    format!("going back: {why}; {} in flight may finish first", status.in_flight)
}

fn superseding(run: &Run, status: &RolloutStatus) -> String {
    let others = run.stake.elsewhere;
    format!(
        "being superseded: {others} of its tenants ask for something else; {} in flight may finish",
        status.in_flight
    )
}

fn under_way(run: &Run, status: &RolloutStatus, current: usize) -> String {
    let (Some(view), Some(wave)) = (run.waves.get(current), status.waves.get(current)) else {
        return String::new();
    };
    let title = format!("wave {} ({} of {})", wave.name, current + 1, status.waves.len());
    if let Some(gates) = gate::waiting(run, status, current, false) {
        return format!("{title} {}", gates.brief);
    }
    if wave.phase == WavePhase::Soaking {
        return match soak::over(wave, view.plan.soak) {
            Some(over) => format!("{title} is proven and soaks until {}", clock::shown(over)),
            None => format!("{title} is proven; its soak stands still"),
        };
    }
    if view.inconclusive() && view.proven_throughout() {
        return format!("{title}: {}", nothing_proven(view));
    }
    let counts = format!("{title}: {} of {} proven, {} in flight", wave.proven, wave.members, wave.in_flight);
    let aside = |n: u32, what: &str| if n > 0 { format!(", {n} {what}") } else { String::new() };
    let counts = counts + &aside(wave.failed, "failed") + &aside(wave.skipped, "left out");
    let counts = counts + &aside(view.shut, "outside their change windows");
    let paused = run.waves.iter().map(|wave| wave.paused).sum();
    let counts = counts + &aside(paused, "of those in flight paused by a person: set their mode to Active to go on");
    match &run.not_ready {
        Some(why) => format!("{counts}; nobody is granted: {why}"),
        None => counts,
    }
}

/// Why a wave in which nothing is left to do does not pass, and what to do.
pub fn nothing_proven(wave: &WaveView) -> String {
    let names: Vec<&str> = wave.excused.iter().copied().take(3).collect();
    format!(
        "nobody is proven, and what failed ({}) was broken before or changed itself: mend them, or `skip` them to go on without a proof",
        names.join(", ")
    )
}

/// The sentence for a run that has ended.
pub fn ended(status: &RolloutStatus) -> String {
    let how = match status.phase {
        Phase::Aborted => "ended by a person",
        Phase::Superseded => "ended, because its tenants ask for something else",
        Phase::RolledBack => "ended; those that it moved go back by a run of their own where that is legal",
        _ => "done",
    };
    let RolloutStatus { members, proven, failed, skipped, in_flight, .. } = status;
    let left = members.saturating_sub(proven + failed + skipped + in_flight);
    let mut text = format!("{how}: {proven} of {members} proven");
    for (n, what) in
        [(*failed, "failed"), (*skipped, "left out"), (*in_flight, "still in flight"), (left, "not granted")]
    {
        if n > 0 {
            text = format!("{text}, {n} {what}");
        }
    }
    text
}

pub fn cut(mut text: String) -> String {
    if text.len() > LONGEST {
        let end = (0..=LONGEST - 3).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    text
}
