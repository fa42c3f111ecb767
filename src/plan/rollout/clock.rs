//! Arithmetic on instants that cannot fail: everything saturates.
use jiff::Timestamp;

use crate::api::{Span, Time};

/// `span` after `at`; the end of time when that is past it.
pub fn after(at: Timestamp, span: Span) -> Timestamp {
    at.checked_add(span.signed()).unwrap_or(Timestamp::MAX)
}

/// Milliseconds from `since` to `now`; 0 when the clock went back behind `since`.
pub fn elapsed(since: Time, now: Timestamp) -> i64 {
    now.as_millisecond().saturating_sub(since.0.as_millisecond()).max(0)
}

/// A span in whole milliseconds.
pub fn millis(span: Span) -> i64 {
    i64::try_from(span.get().as_millis()).unwrap_or(i64::MAX)
}

/// `at` in whole milliseconds plus `millis`, rounded up so that a wake at that instant never comes too early.
pub fn after_millis(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond().saturating_add(millis)).unwrap_or(Timestamp::MAX)
}

/// The earlier of two instants, either of which may be missing.
pub fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// `deadline` when it is still to come.
pub fn to_come(deadline: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (deadline > now).then_some(deadline)
}

/// `at` as a person reads it: without a fraction of a second.
pub fn shown(at: Timestamp) -> Timestamp {
    Time::seconds(at).0
}
