//! How often a run's status is written. In: decisions. Out: the same, without the writes that only count and tell and that
//! come within a second of the last one: a wave of thousands is proven tenant by tenant, and each write of a Rollout is sent to
//! everybody who watches it. What others build on (a phase, a halt, a soak, an answer, a time) never waits.
//!
//! When that was is on record in the status itself, so that another leader keeps the pace.
use jiff::Timestamp;

use super::{Decisions, clock};
use crate::{
    api::{RolloutStatus, Time, WavePhase},
    domain::fleet::Fleet,
};

/// Milliseconds between two such writes: a second, and one more because the record is cut to whole ones.
const PACE: i64 = 1_001;

/// Leaves out the writes that can wait, sees to it that they are made when they are due, and dates the others.
pub fn pace(fleet: &Fleet, decisions: &mut Decisions, now: Timestamp) {
    let stored = |name: &str| fleet.rollouts.get(name).and_then(|rollout| rollout.status.as_ref());
    let mut wake = decisions.wake;
    decisions.status.retain(|name, next| {
        let due = stored(name).filter(|stored| only_counts(stored, next)).and_then(|stored| due(stored, now));
        wake = clock::earlier(wake, due);
        next.written_at = Some(Time::millis(now));
        due.is_none()
    });
    decisions.wake = wake;
}

/// When the next write is due that only counts; `None` where it is by now. A last one in the future is a clock that went back.
fn due(stored: &RolloutStatus, now: Timestamp) -> Option<Timestamp> {
    let last = stored.written_at.filter(|last| last.0 <= now)?;
    clock::to_come(clock::after_millis(last.0, PACE), now)
}

/// Whether the two differ in nothing but numbers and sentences.
fn only_counts(stored: &RolloutStatus, next: &RolloutStatus) -> bool {
    without_counters(stored) == without_counters(next)
}

fn without_counters(status: &RolloutStatus) -> RolloutStatus {
    let mut bare = status.clone();
    (bare.members, bare.in_flight, bare.proven, bare.failed, bare.skipped) = (0, 0, 0, 0, 0);
    (bare.message, bare.written_at) = (String::new(), None);
    for wave in &mut bare.waves {
        (wave.members, wave.in_flight, wave.proven, wave.skipped) = (0, 0, 0, 0);
        // A soak begins anew when there are more failures than on record.
        if !matches!(wave.phase, WavePhase::Soaking | WavePhase::Halted) {
            wave.failed = 0;
        }
    }
    bare.conditions.iter_mut().for_each(|condition| condition.message.clear());
    bare
}
