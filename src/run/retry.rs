//! How long to wait after a failure. The one place that names the back-off crate.
use std::time::Duration;

use backoff::{BackoffBuilder, ExponentialBuilder};
use jiff::{SignedDuration, Timestamp};

use crate::{
    act::Failure,
    domain::world::{Fault, FaultKind},
};

/// The first pause after a failure that time may heal.
const FIRST: Duration = Duration::from_millis(200);
/// The longest pause: a person's correction elsewhere (a quota raised, a right granted) is noticed within it.
const LONGEST: Duration = Duration::from_secs(30);
/// An object that changed under our hands: the watch is about to show it.
const STALE: Duration = Duration::from_millis(20);

/// The fault that this failure makes of what was there before.
#[must_use]
pub fn fault(failure: &Failure, before: Option<&Fault>, now: Timestamp) -> Fault {
    let times = before.map_or(1, |fault| fault.times.saturating_add(1));
    let first = if failure.kind == FaultKind::Stale { STALE } else { FIRST };
    let pause = pause(first, times);
    Fault {
        object: failure.object.clone(),
        kind: failure.kind,
        message: failure.message.chars().take(1000).collect(),
        at: now,
        retry_at: now.checked_add(SignedDuration::try_from(pause).unwrap_or_default()).unwrap_or(now),
        times,
    }
}

/// The pause after so many failures in a row: doubling, bounded.
fn pause(first: Duration, times: u32) -> Duration {
    let schedule = ExponentialBuilder::default().with_min_delay(first).with_max_delay(LONGEST).without_max_times();
    let nth = usize::try_from(times.clamp(1, 32) - 1).unwrap_or_default();
    schedule.build().nth(nth).unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u128> = (1..=10).map(|n| pause(FIRST, n).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    }
}
