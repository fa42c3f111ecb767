//! Giving the Lease back: the released record, written onto a snapshot that says "held by us, in this epoch".
//!
//! That snapshot's resourceVersion goes with the write, so a successor's Lease cannot be cleared, however long this
//! process was paused in between. After a conflict or an answer that never came, a read decides afresh. Past the end of
//! the term nothing is written.
use super::{
    Action, Answer, BootInstant, Claim, Event, Flight, Kind, Lease, Outcome, Phase, Reason, Request, RequestId, Scope,
    land,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Leaving {
    /// Absent for a try to acquire that was overtaken by the shutdown: it never became a term.
    claim: Option<Claim>,
    /// The snapshot to release; read afresh when there is none.
    base: Option<Lease>,
    until: BootInstant,
    retry_at: BootInstant,
    /// A release of ours may have committed.
    released: bool,
    flight: Option<Flight>,
}

impl Leaving {
    pub(super) fn release(claim: Claim, now: BootInstant) -> Self {
        let base = Some(claim.lease.clone());
        let until = claim.valid_until;
        Self { claim: Some(claim), base, until, retry_at: now, released: false, flight: None }
    }

    /// `write` is the try that is still in flight, if any.
    pub(super) fn withdrawal(until: BootInstant, write: Option<Flight>, now: BootInstant) -> Self {
        Self { claim: None, base: None, until, retry_at: now, released: false, flight: write }
    }

    pub(super) fn next_wake(&self) -> BootInstant {
        if self.flight.is_some() { self.until } else { self.retry_at.min(self.until) }
    }

    pub(super) fn on(
        &mut self,
        scope: &mut Scope,
        event: Event,
        now: BootInstant,
        out: &mut Vec<Action>,
    ) -> Option<Phase> {
        if let Event::Answered(id, answer) = event
            && let Some(outcome) = self.answered(scope, id, answer, now)
        {
            return Some(Phase::Ended(outcome));
        }
        if now >= self.until {
            return Some(Phase::Ended(self.overdue()));
        }
        if self.flight.is_none() && now >= self.retry_at {
            let request = match self.base.clone() {
                Some(base) => Request::Release { base },
                None => Request::Read,
            };
            self.flight = Some(scope.send(request, self.base.clone(), now, self.until, out));
        }
        None
    }

    fn overdue(&self) -> Outcome {
        if self.claim.is_some() { Outcome::Lost(Reason::Expired) } else { Outcome::NotLeading }
    }

    fn done(&self) -> Outcome {
        if self.claim.is_some() { Outcome::Released } else { Outcome::NotLeading }
    }

    fn answered(&mut self, scope: &Scope, id: RequestId, answer: Answer, now: BootInstant) -> Option<Outcome> {
        let flight = land(&mut self.flight, id)?;
        let releasing = flight.kind == Kind::Write && self.base.is_some();
        match answer {
            Answer::Found(_) if releasing => return Some(self.done()),
            Answer::Found(lease) => match self.judge(scope, &lease) {
                Ok(()) => self.base = Some(lease),
                Err(_) if self.released || self.claim.is_none() => return Some(self.done()),
                Err(reason) => return Some(Outcome::Lost(reason)),
            },
            Answer::NotFound if self.released || self.claim.is_none() => return Some(self.done()),
            Answer::NotFound => return Some(Outcome::Lost(Reason::Deleted)),
            // The try did not commit; there is nothing to give back.
            Answer::Refused if flight.kind == Kind::Write && !releasing => return Some(self.done()),
            Answer::Conflict | Answer::Unknown if flight.kind == Kind::Write => {
                // A conflict too: what answered may have been the second copy of a request whose first one committed.
                self.released |= releasing;
                self.base = None;
            }
            Answer::Conflict | Answer::Refused | Answer::Unknown => {
                self.retry_at = (flight.sent + scope.timings().retry_period() / 2).max(now);
            }
        }
        None
    }

    fn judge(&self, scope: &Scope, lease: &Lease) -> Result<(), Reason> {
        match &self.claim {
            Some(claim) => claim.judge(scope, lease),
            None if scope.is_own(lease) => Ok(()),
            None => Err(Reason::ForeignHolder),
        }
    }
}
