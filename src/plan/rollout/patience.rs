//! When a gate is given up: after its deadline, and a last round of questions that began after it. While nobody leads nobody
//! asks, so time alone gives no gate up.
use jiff::Timestamp;

use super::clock;
use crate::api::{GateStatus, Pace, Time};

/// When the patience with a gate ends that is waited for.
pub fn deadline(status: &GateStatus, pace: Pace, now: Timestamp) -> Option<Timestamp> {
    let since = status.since.filter(|since| since.0 <= now)?;
    Some(clock::after(since.0, pace.deadline))
}

/// Whether a round that is under way is to be begun anew, because it may have waited for somebody who asks.
pub fn too_old(round: Time, status: &GateStatus, pace: Pace, now: Timestamp) -> bool {
    deadline(status, pace, now).is_some_and(|deadline| deadline <= now && round.0 < deadline)
}

/// When the gate is given up, as far as that is known: when its last round has had an interval, or at once when that was
/// answered.
pub fn end(status: &GateStatus, pace: Pace, now: Timestamp) -> Option<Timestamp> {
    let deadline = deadline(status, pace, now)?;
    if status.asked_at.is_some_and(|asked| asked.0 >= deadline) {
        return Some(deadline);
    }
    let last = status.round_at.filter(|round| round.0 >= deadline)?;
    Some(clock::after(last.0, pace.interval))
}
