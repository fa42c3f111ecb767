//! Leading: renew every retry period, and stop believing the moment anything says otherwise.
//!
//! Validity counts from the *send* of the last renewal that was answered. At its end the term is over with no I/O in
//! between. A conflict is not yet a loss: somebody may have set a label; a read tells.
use std::cmp::Ordering;

use super::{
    Action, Answer, BootInstant, Draining, Event, Flight, Kind, Lease, Outcome, Phase, Reason, Request, RequestId,
    Scope, Sighting, land,
};
use crate::election::term::Epoch;

/// What is held, and the proof of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    pub epoch: Epoch,
    pub nonce: String,
    /// The newest snapshot known to be ours: the next write replaces this one.
    pub lease: Lease,
    pub valid_until: BootInstant,
}

impl Claim {
    pub(super) fn new(lease: Lease, nonce: String, valid_until: BootInstant) -> Self {
        let epoch = Epoch { uid: lease.uid().to_owned(), transitions: lease.transitions() };
        Self { epoch, nonce, lease, valid_until }
    }

    pub(super) fn open(&self) -> Action {
        Action::OpenTerm {
            epoch: self.epoch.clone(),
            valid_until: self.valid_until,
            resource_version: self.lease.resource_version().to_owned(),
        }
    }

    /// Still the Lease of this claim, held by us in this epoch?
    pub(super) fn judge(&self, scope: &Scope, lease: &Lease) -> Result<(), Reason> {
        match lease.holder() {
            _ if lease.uid() != self.epoch.uid => Err(Reason::Replaced),
            None => Err(Reason::Cleared),
            Some(holder) if holder != scope.setup.identity => Err(Reason::ForeignHolder),
            Some(_) if lease.transitions() != self.epoch.transitions => Err(Reason::EpochChanged),
            Some(_) if lease.nonce() != Some(&self.nonce) => Err(Reason::EpochChanged),
            Some(_) => Ok(()),
        }
    }

    /// Takes a newer snapshot that is still ours.
    pub(super) fn adopt(&mut self, scope: &Scope, lease: Lease) -> Result<(), Reason> {
        if lease.age(&self.lease) != Some(Ordering::Less) {
            self.judge(scope, &lease)?;
            self.lease = lease;
        }
        Ok(())
    }

    /// A renewal was stored: valid for the renew deadline from its send.
    pub(super) fn renewed(&mut self, scope: &Scope, sent: BootInstant, lease: Lease) -> Result<(), Reason> {
        self.judge(scope, &lease)?;
        self.valid_until = self.valid_until.max(sent + scope.timings().renew_deadline());
        self.adopt(scope, lease)
    }

    /// The watch may be late, never early: only what is newer counts. `Ok(true)` asks for a read.
    pub(super) fn watched(&mut self, scope: &Scope, sighting: Sighting) -> Result<bool, Reason> {
        let (Sighting::Present(lease) | Sighting::Deleted(lease)) = &sighting;
        match (lease.age(&self.lease), sighting) {
            (None, _) => Ok(true),
            (Some(Ordering::Less | Ordering::Equal), _) => Ok(false),
            (Some(Ordering::Greater), Sighting::Deleted(_)) => Err(Reason::Deleted),
            (Some(Ordering::Greater), Sighting::Present(lease)) => self.adopt(scope, lease).map(|()| false),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Leading {
    claim: Claim,
    renew_at: BootInstant,
    /// A read has to say whether the Lease is still ours, before the next renewal.
    doubt: bool,
    flight: Option<Flight>,
}

impl Leading {
    /// The renewal clock starts at the send of the acquisition. A request still in flight is taken along.
    pub(super) fn new(claim: Claim, sent: BootInstant, flight: Option<Flight>, scope: &Scope) -> Self {
        let renew_at = sent + scope.timings().retry_period();
        Self { claim, renew_at, doubt: false, flight }
    }

    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    pub(super) fn next_wake(&self) -> BootInstant {
        if self.flight.is_some() { self.claim.valid_until } else { self.renew_at.min(self.claim.valid_until) }
    }

    pub(super) fn on(
        &mut self,
        scope: &mut Scope,
        event: Event,
        now: BootInstant,
        out: &mut Vec<Action>,
    ) -> Option<Phase> {
        if now >= self.claim.valid_until {
            return Some(lost(Reason::Expired, out));
        }
        let verdict = match event {
            Event::Tick | Event::Drained => Ok(()),
            Event::Watched(sighting) => self.claim.watched(scope, sighting).map(|unsure| {
                if unsure {
                    self.look(now);
                }
            }),
            Event::Answered(id, answer) => self.answered(scope, id, answer, now, out),
            Event::Shutdown => {
                out.push(Action::CancelTerm);
                out.push(Action::Drain);
                return Some(Phase::Draining(Draining::new(self.claim.clone(), self.flight.take(), scope, now)));
            }
        };
        if let Err(reason) = verdict {
            return Some(lost(reason, out));
        }
        self.act(scope, now, out);
        None
    }

    fn answered(
        &mut self,
        scope: &Scope,
        id: RequestId,
        answer: Answer,
        now: BootInstant,
        out: &mut Vec<Action>,
    ) -> Result<(), Reason> {
        let Some(flight) = land(&mut self.flight, id) else { return Ok(()) };
        let next = (flight.sent + scope.timings().retry_period()).max(now);
        match (flight.kind, answer) {
            (_, Answer::NotFound) => return Err(Reason::Deleted),
            (Kind::Read, Answer::Found(lease)) => {
                if flight.floor.as_ref().is_some_and(|floor| lease.age(floor) == Some(Ordering::Less)) {
                    return Err(Reason::RevisionWentBack);
                }
                self.doubt = false;
                // Nothing new although the renewal met a conflict: whatever that was, do not spin on it.
                self.renew_at = if flight.floor.as_ref() == Some(&lease) { next } else { now };
                self.claim.adopt(scope, lease)?;
            }
            (Kind::Write, Answer::Found(lease)) => {
                self.claim.renewed(scope, flight.sent, lease)?;
                out.push(Action::ExtendTerm { valid_until: self.claim.valid_until });
                self.renew_at = next;
            }
            (Kind::Write, Answer::Conflict) => self.look(now),
            (Kind::Write, Answer::Refused | Answer::Unknown)
            | (Kind::Read, Answer::Conflict | Answer::Refused | Answer::Unknown) => self.renew_at = next,
        }
        Ok(())
    }

    /// Reads the Lease now, before any further renewal.
    fn look(&mut self, now: BootInstant) {
        self.doubt = true;
        self.renew_at = now;
    }

    fn act(&mut self, scope: &mut Scope, now: BootInstant, out: &mut Vec<Action>) {
        if self.flight.is_some() || now < self.renew_at {
            return;
        }
        let request = if self.doubt { Request::Read } else { Request::Renew { base: self.claim.lease.clone() } };
        let floor = Some(self.claim.lease.clone());
        self.flight = Some(scope.send(request, floor, now, self.claim.valid_until, out));
    }
}

/// Cancel first: nothing that follows may come before it. A lost term is never released.
pub(super) fn lost(reason: Reason, out: &mut Vec<Action>) -> Phase {
    out.push(Action::CancelTerm);
    Phase::Ended(Outcome::Lost(reason))
}
