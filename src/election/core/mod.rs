//! The protocol, pure: `step(state, event, now)` says what to do next.
//!
//! Flows in: what was seen, answered or asked, and the [`BootInstant`] at which it became known. Flows out: [`Action`]s
//! for a shell to carry out in order, and [`State::next_wake`], the one timer it has to keep.
//! It must never do I/O, read a clock or draw a random number: identity, nonce and seed are data ([`Setup`]).
//!
//! One process, one term: `Standby` → `Leading` → (`Draining` → `Leaving` →) `Ended`, never back.
mod draining;
mod leading;
mod leaving;
mod request;
mod standby;

use std::{sync::Arc, time::Duration};

use super::{clock::BootInstant, config::Timings, record::Lease, term::Epoch};
pub use draining::Draining;
pub use leading::{Claim, Leading};
pub use leaving::Leaving;
pub use request::{Answer, Author, Request, RequestId};
pub use standby::Standby;

/// What one candidate is made of; fixed for its life.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Setup {
    pub identity: String,
    /// Unique to this process. Each attempt to acquire leaves `<nonce>.<n>` on the Lease.
    pub nonce: String,
    pub timings: Timings,
    /// How long a shutdown waits for writes in flight; the end of the term's validity cuts it short.
    pub drain_timeout: Duration,
    /// Seeds the jitter.
    pub seed: u64,
}

/// Why a term ended without being asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No renewal was answered in time.
    Expired,
    /// Another identity holds the Lease.
    ForeignHolder,
    /// Somebody emptied the holder.
    Cleared,
    /// The Lease is gone.
    Deleted,
    /// The Lease was deleted and made anew.
    Replaced,
    /// Same holder, other transitions or nonce: a second process with our identity.
    EpochChanged,
    /// The API server's data is older than what we have seen: etcd was restored.
    RevisionWentBack,
    /// The elector's own task is gone.
    ElectorDied,
}

impl Reason {
    /// For the log and the metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::ForeignHolder => "foreign_holder",
            Self::Cleared => "cleared",
            Self::Deleted => "deleted",
            Self::Replaced => "replaced",
            Self::EpochChanged => "epoch_changed",
            Self::RevisionWentBack => "revision_went_back",
            Self::ElectorDied => "elector_died",
        }
    }
}

/// How it ended. Everything but `Released` and `NotLeading` should make the process exit non-zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Led, was asked to stop, drained, gave the Lease back.
    Released,
    /// Was asked to stop before it led.
    NotLeading,
    /// Writes were still in flight when the time to drain was over; the Lease was not given back.
    DrainTimedOut,
    /// The term ended on its own.
    Lost(Reason),
}

/// What the watch says. It may be late and it may repeat itself; it is never taken for the newest state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sighting {
    Present(Lease),
    /// With the last state, whose resourceVersion is that of the deletion.
    Deleted(Lease),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// A timer came due. Harmless at any time.
    Tick,
    Watched(Sighting),
    Answered(RequestId, Answer),
    Shutdown,
    /// No write is in flight any more (only after `CancelTerm`).
    Drained,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send it, drop it at the deadline, and report `Answered`, `Unknown` when nothing came.
    /// One request at a time: it takes the place of whatever is still in flight.
    Send {
        id: RequestId,
        request: Request,
        deadline: BootInstant,
    },
    OpenTerm {
        epoch: Epoch,
        valid_until: BootInstant,
        resource_version: String,
    },
    ExtendTerm {
        valid_until: BootInstant,
    },
    /// Before anything else in the same step: from here on no new write may start.
    CancelTerm,
    /// Report `Drained` when no write is in flight.
    Drain,
    /// Nothing more will come.
    End(Outcome),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    scope: Scope,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    Standby(Standby),
    Leading(Leading),
    Draining(Draining),
    Leaving(Leaving),
    Ended(Outcome),
}

/// What every phase needs: who we are, and the source of ids and jitter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Scope {
    setup: Arc<Setup>,
    next_id: u64,
    attempts: u64,
    jitter: u64,
}

/// The one request in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Flight {
    id: RequestId,
    kind: Kind,
    sent: BootInstant,
    /// The newest snapshot known when it was sent: a read must not be older.
    floor: Option<Lease>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Read,
    Write,
}

impl State {
    #[must_use]
    pub fn new(setup: Setup, now: BootInstant) -> Self {
        let scope = Scope { jitter: setup.seed, next_id: 0, attempts: 0, setup: Arc::new(setup) };
        Self { scope, phase: Phase::Standby(Standby::new(now)) }
    }

    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.scope.setup
    }

    /// The newest snapshot of the Lease this candidate knows.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        match &self.phase {
            Phase::Standby(standby) => standby.lease(),
            Phase::Leading(leading) => Some(&leading.claim().lease),
            Phase::Draining(draining) => Some(&draining.claim().lease),
            Phase::Leaving(_) | Phase::Ended(_) => None,
        }
    }

    /// Until when a write of this candidate may be under way: while leading, and while the last ones drain.
    #[must_use]
    pub fn valid_until(&self) -> Option<BootInstant> {
        match &self.phase {
            Phase::Leading(leading) => Some(leading.claim().valid_until),
            Phase::Draining(draining) => Some(draining.claim().valid_until),
            Phase::Standby(_) | Phase::Leaving(_) | Phase::Ended(_) => None,
        }
    }

    /// When to send the next [`Event::Tick`]; None when only an answer or the watch can move things.
    #[must_use]
    pub fn next_wake(&self) -> Option<BootInstant> {
        match &self.phase {
            Phase::Standby(standby) => standby.next_wake(),
            Phase::Leading(leading) => Some(leading.next_wake()),
            Phase::Draining(draining) => Some(draining.next_wake()),
            Phase::Leaving(leaving) => Some(leaving.next_wake()),
            Phase::Ended(_) => None,
        }
    }
}

/// Takes one event, returns what to do, in order.
pub fn step(state: &mut State, event: Event, now: BootInstant) -> Vec<Action> {
    let mut out = Vec::new();
    let scope = &mut state.scope;
    let next = match &mut state.phase {
        Phase::Standby(standby) => standby.on(scope, event, now, &mut out),
        Phase::Leading(leading) => leading.on(scope, event, now, &mut out),
        Phase::Draining(draining) => draining.on(scope, event, now, &mut out),
        Phase::Leaving(leaving) => leaving.on(scope, event, now, &mut out),
        Phase::Ended(_) => None,
    };
    if let Some(next) = next {
        if let Phase::Ended(outcome) = &next {
            out.push(Action::End(*outcome));
        }
        state.phase = next;
    }
    out
}

impl Scope {
    fn timings(&self) -> Timings {
        self.setup.timings
    }

    /// Sends a request that is dropped after a third of the renew deadline, or at `limit` if that is sooner.
    fn send(
        &mut self,
        request: Request,
        floor: Option<Lease>,
        now: BootInstant,
        limit: BootInstant,
        out: &mut Vec<Action>,
    ) -> Flight {
        let id = RequestId(self.next_id);
        self.next_id += 1;
        let kind = if request == Request::Read { Kind::Read } else { Kind::Write };
        let deadline = (now + self.timings().attempt_timeout()).min(limit);
        out.push(Action::Send { id, request, deadline });
        Flight { id, kind, sent: now, floor }
    }

    fn next_nonce(&mut self) -> String {
        self.attempts += 1;
        format!("{}.{}", self.setup.nonce, self.attempts)
    }

    /// Ours, from whichever attempt of this very process.
    fn is_own(&self, lease: &Lease) -> bool {
        lease.holder() == Some(&self.setup.identity)
            && lease
                .nonce()
                .and_then(|n| n.strip_prefix(self.setup.nonce.as_str()))
                .is_some_and(|rest| rest.starts_with('.'))
    }

    /// Somewhere in [0, most): splitmix64 over the seed.
    fn jitter(&mut self, most: Duration) -> Duration {
        self.jitter = self.jitter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.jitter;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX).max(1);
        Duration::from_nanos((z ^ (z >> 31)) % most)
    }
}

/// Takes the flight that `id` answers; an answer to anything older is dropped.
fn land(flight: &mut Option<Flight>, id: RequestId) -> Option<Flight> {
    flight.take_if(|f| f.id == id)
}
