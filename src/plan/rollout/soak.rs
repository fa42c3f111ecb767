//! The soak of one wave, on our own clock: how long it has been proven without a break.
//!
//! Kept in the status as a start and a sum: the sum survives a suspension, both are dropped when a tenant fell back.
use jiff::Timestamp;

use super::clock;
use crate::api::{Span, Time, WavePhase, WaveStatus};

/// The state of a soak after one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soak {
    pub since: Option<Time>,
    /// Milliseconds before `since`.
    pub soaked: i64,
    pub done: bool,
}

/// One look at a wave that is proven throughout. `running`: nobody suspended or halted the run; `reset`: a tenant fell
/// back since the last look.
pub fn look(stored: &WaveStatus, length: Span, now: Timestamp, running: bool, reset: bool) -> Soak {
    let fresh = reset || !matches!(stored.phase, WavePhase::Soaking | WavePhase::Halted);
    let (since, soaked) = if fresh { (None, 0) } else { (stored.soaking_since, stored.soaked_milliseconds.max(0)) };
    if !running {
        let stretch = since.map_or(0, |since| clock::elapsed(since, now));
        return Soak { since: None, soaked: soaked.saturating_add(stretch), done: false };
    }
    // A start in the future means that the clock went back: begin this stretch anew rather than wait for the old time.
    let since = since.filter(|since| since.0 <= now).unwrap_or_else(|| Time::millis(now));
    let done = soaked.saturating_add(clock::elapsed(since, now)) >= clock::millis(length);
    Soak { since: Some(since), soaked, done }
}

/// When a running soak will be over.
pub fn over(status: &WaveStatus, length: Span) -> Option<Timestamp> {
    let since = status.soaking_since.filter(|_| status.phase == WavePhase::Soaking)?;
    Some(clock::after_millis(since.0, clock::millis(length).saturating_sub(status.soaked_milliseconds).max(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + secs).unwrap()
    }

    fn soaking(since: Option<i64>, soaked: i64) -> WaveStatus {
        let soaking_since = since.map(|secs| Time(at(secs)));
        WaveStatus { phase: WavePhase::Soaking, soaking_since, soaked_milliseconds: soaked, ..WaveStatus::default() }
    }

    const MINUTE: Span = Span::secs(60);

    #[test]
    fn it_takes_its_time_and_no_more() {
        assert_eq!(look(&WaveStatus::default(), MINUTE, at(0), true, false).since, Some(Time(at(0))));
        assert!(!look(&soaking(Some(0), 0), MINUTE, at(59), true, false).done);
        assert!(look(&soaking(Some(0), 0), MINUTE, at(60), true, false).done);
    }

    #[test]
    fn a_suspension_keeps_what_was_soaked_and_adds_nothing() {
        let paused = look(&soaking(Some(0), 5_000), MINUTE, at(20), false, false);
        assert_eq!(paused, Soak { since: None, soaked: 25_000, done: false });
        let again = look(&soaking(None, 25_000), MINUTE, at(500), true, false);
        assert_eq!(again, Soak { since: Some(Time(at(500))), soaked: 25_000, done: false });
        assert!(look(&soaking(Some(500), 25_000), MINUTE, at(535), true, false).done);
    }

    #[test]
    fn a_tenant_that_fell_back_starts_it_again() {
        let reset = look(&soaking(Some(0), 50_000), MINUTE, at(30), true, true);
        assert_eq!(reset, Soak { since: Some(Time(at(30))), soaked: 0, done: false });
    }

    #[test]
    fn a_clock_that_goes_back_never_shortens_it_and_never_blocks_it() {
        assert!(!look(&soaking(Some(0), 0), MINUTE, at(-3600), true, false).done);
        assert_eq!(look(&soaking(Some(3600), 1_000), MINUTE, at(0), true, false).since, Some(Time(at(0))));
    }
}
