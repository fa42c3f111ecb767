//! The one clock that decides anything: `CLOCK_BOOTTIME`.
//!
//! It never goes back, is not set by anyone, and goes on while the machine sleeps: a leader that was suspended finds
//! its term over (`CLOCK_MONOTONIC`, and with it tokio's timers, would not have noticed). Wall time is used only for
//! the two stamps in the record, which are for people; it must never be compared with anything.
use std::{
    ops::Add,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since the machine booted, time asleep included. Comparable only within one boot of one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootInstant(u64);

#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
/// Elsewhere (a developer's laptop) the monotonic clock has to do.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

impl BootInstant {
    /// Later than any deadline: a term that never expires.
    pub const NEVER: Self = Self(u64::MAX);

    #[must_use]
    pub fn now() -> Self {
        let spec = clock_gettime(CLOCK);
        let seconds = u64::try_from(spec.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(spec.tv_nsec).unwrap_or(0);
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    #[must_use]
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long until `later`; zero when it has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_nanos(later.0.saturating_sub(self.0))
    }
}

/// Saturates: a Lease that claims to run for 68 years is a far deadline, not an overflow.
impl Add<Duration> for BootInstant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Wall time for the stamps of a record. A clock outside the calendar jiff knows (-9999 to 9999) reads as the epoch.
#[must_use]
pub fn wall() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}
