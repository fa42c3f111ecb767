//! The proof of leadership, and the count of what is being done under it.
//!
//! Flows in: what the elector knows (open, extend, cancel). Flows out: a [`Term`] that every write is made to ask.
//! It must never be extended by anyone but the elector, and never answer from a timer: [`Term::check`] reads the clock.
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::clock::BootInstant;

/// Names one term of one Lease, for ever: transitions grow with every change of hands, and a Lease that was deleted
/// and made anew has another uid. Stamped on objects it lets a writer refuse what a later leader has touched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Epoch {
    pub uid: String,
    pub transitions: i32,
}

/// The term is over: do not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Expired {
    #[error("the term was cancelled: leadership was lost or is being given up")]
    Cancelled,
    #[error("the term is past its deadline: it was not renewed in time")]
    Overdue,
}

/// Proof of leadership. Clones share one term.
#[derive(Debug, Clone)]
pub struct Term(Arc<Inner>);

/// The elector's end of a term. Dropped (also by a panic), it cancels.
#[derive(Debug)]
pub struct Tenure(Arc<Inner>);

/// One write under way. A shutdown waits until the last one is dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    epoch: Option<Epoch>,
    resource_version: String,
    valid_until: AtomicU64,
    doors: watch::Sender<Doors>,
}

/// Both under one lock: a write either counts before the doors close, or does not start.
#[derive(Debug, Clone, Copy)]
struct Doors {
    open: bool,
    in_flight: usize,
}

impl Inner {
    fn new(epoch: Option<Epoch>, resource_version: String, valid_until: BootInstant) -> Arc<Self> {
        let doors = watch::Sender::new(Doors { open: true, in_flight: 0 });
        Arc::new(Self { epoch, resource_version, valid_until: AtomicU64::new(valid_until.as_nanos()), doors })
    }

    fn valid_until(&self) -> BootInstant {
        BootInstant::from_nanos(self.valid_until.load(Ordering::SeqCst))
    }

    async fn wait_for(&self, condition: impl FnMut(&Doors) -> bool) {
        // The sender lives in `self`, so the only error there is cannot occur.
        let _ = self.doors.subscribe().wait_for(condition).await;
    }
}

impl Term {
    /// For `--leader-elect=false`: no epoch, never over. Whoever uses it answers for being alone.
    #[must_use]
    pub fn unfenced() -> Self {
        Self(Inner::new(None, String::new(), BootInstant::NEVER))
    }

    /// None for a term without election.
    #[must_use]
    pub fn epoch(&self) -> Option<&Epoch> {
        self.0.epoch.as_ref()
    }

    /// The Lease's version when this term was won. Caches have to be at least this new before the first write: what
    /// the predecessor wrote is older. Empty for a term without election.
    #[must_use]
    pub fn acquired_at_resource_version(&self) -> &str {
        &self.0.resource_version
    }

    /// Right before each write, and never cached.
    ///
    /// # Errors
    /// When the term was cancelled, or when its deadline has passed on the clock that also counts suspended time.
    pub fn check(&self) -> Result<(), Expired> {
        match () {
            () if !self.0.doors.borrow().open => Err(Expired::Cancelled),
            () if BootInstant::now() >= self.0.valid_until() => Err(Expired::Overdue),
            () => Ok(()),
        }
    }

    /// What is left until the deadline; zero when the term is over. It grows with each renewal.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        match self.check() {
            Ok(()) if self.0.valid_until() == BootInstant::NEVER => Duration::MAX,
            Ok(()) => BootInstant::now().until(self.0.valid_until()),
            Err(_) => Duration::ZERO,
        }
    }

    /// Resolves when leadership is lost or being given up. May come late on a busy runtime: [`Term::check`] does not.
    pub async fn cancelled(&self) {
        self.0.wait_for(|doors| !doors.open).await;
    }

    /// Counts a write until the guard is dropped; None when the term is over.
    #[must_use]
    pub fn enter(&self) -> Option<InFlight> {
        let entered = self.0.doors.send_if_modified(|doors| {
            let admitted = doors.open && BootInstant::now() < self.0.valid_until();
            doors.in_flight += usize::from(admitted);
            admitted
        });
        entered.then(|| InFlight(self.0.clone()))
    }

    /// Runs one write: checked, counted, and dropped at the deadline the term has now, so that its request cannot
    /// linger until a successor leads.
    ///
    /// # Errors
    /// `Cancelled` or `Overdue` before it started; `Overdue` when it was cut off, and then it may have been carried out.
    pub async fn write<T>(&self, request: impl Future<Output = T>) -> Result<T, Expired> {
        let Some(_in_flight) = self.enter() else {
            return Err(self.check().err().unwrap_or(Expired::Cancelled));
        };
        let Some(limit) = tokio::time::Instant::now().checked_add(self.budget()) else {
            return Ok(request.await);
        };
        tokio::time::timeout_at(limit, request).await.map_err(|_| Expired::Overdue)
    }

    /// Like `remaining`, but goes on while the term drains.
    fn budget(&self) -> Duration {
        match self.0.valid_until() {
            BootInstant::NEVER => Duration::MAX,
            until => BootInstant::now().until(until),
        }
    }

    /// How many writes are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.doors.borrow().in_flight
    }
}

impl Tenure {
    /// A new term, and the elector's end of it.
    #[must_use]
    pub fn open(epoch: Epoch, resource_version: String, valid_until: BootInstant) -> (Self, Term) {
        let inner = Inner::new(Some(epoch), resource_version, valid_until);
        (Self(inner.clone()), Term(inner))
    }

    /// Never shortens.
    pub fn extend(&self, valid_until: BootInstant) {
        self.0.valid_until.fetch_max(valid_until.as_nanos(), Ordering::SeqCst);
    }

    /// From here on no write starts. Those under way go on.
    pub fn cancel(&self) {
        self.0.doors.send_if_modified(|doors| std::mem::replace(&mut doors.open, false));
    }

    /// Resolves when no write is under way. Meaningful after `cancel` only.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let inner = self.0.clone();
        async move { inner.wait_for(|doors| doors.in_flight == 0).await }
    }

    pub(super) fn overseen(&self) -> Overseen {
        Overseen(self.0.clone())
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.doors.send_modify(|doors| doors.in_flight -= 1);
    }
}

/// What the watchdog sees of a term.
pub(super) struct Overseen(Arc<Inner>);

impl Overseen {
    /// Somebody may still write: the term is open, or a write is under way.
    pub(super) fn in_use(&self) -> bool {
        let doors = *self.0.doors.borrow();
        doors.open || doors.in_flight > 0
    }

    pub(super) fn valid_until(&self) -> BootInstant {
        self.0.valid_until()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.0.doors.borrow().in_flight
    }
}
