//! Whether the elector's task still turns, for a health check.
//!
//! Flows in: the time at which the task means to look at the clock next. Flows out: how long it is late.
//! It must never end anything: a term in use past its end is the watchdog's, and a standby that hangs is the kubelet's.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::clock::BootInstant;

/// Of one elector. Clones are about the same one; it may be asked from any thread, also after the election has ended.
#[derive(Debug, Clone)]
pub struct Heartbeat(Arc<AtomicU64>);

impl Heartbeat {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(BootInstant::now().as_nanos())))
    }

    /// The task sleeps, at most until then.
    pub(super) fn next(&self, at: BootInstant) {
        self.0.store(at.as_nanos(), Ordering::Relaxed);
    }

    /// How long the task has been due to turn; zero while it is in time. Milliseconds are a busy machine; a minute is a
    /// runtime that is blocked, or an election that has ended in a process that has not.
    #[must_use]
    pub fn overdue(&self) -> Duration {
        BootInstant::from_nanos(self.0.load(Ordering::Relaxed)).until(BootInstant::now())
    }
}
