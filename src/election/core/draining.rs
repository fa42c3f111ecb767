//! Asked to stop: the term is cancelled, the writes in flight run out, and only then is the Lease given back.
//!
//! The Lease is not renewed any more, so the drain is bounded by what is left of the term. When writes are still in
//! flight at the end of it the Lease is *not* given back: a successor waits it out, and they have landed by then.
use super::{
    Action, Answer, BootInstant, Claim, Event, Flight, Leaving, Outcome, Phase, Reason, RequestId, Scope, land,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Draining {
    claim: Claim,
    give_up_at: BootInstant,
    drained: bool,
    /// A renewal (or the read after one) that was under way; its answer says which snapshot is to be released.
    flight: Option<Flight>,
}

impl Draining {
    pub(super) fn new(claim: Claim, flight: Option<Flight>, scope: &Scope, now: BootInstant) -> Self {
        Self { claim, give_up_at: now + scope.setup.drain_timeout, drained: false, flight }
    }

    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    pub(super) fn next_wake(&self) -> BootInstant {
        if self.drained { self.claim.valid_until } else { self.give_up_at.min(self.claim.valid_until) }
    }

    pub(super) fn on(
        &mut self,
        scope: &mut Scope,
        event: Event,
        now: BootInstant,
        out: &mut Vec<Action>,
    ) -> Option<Phase> {
        // Known in time or not at all: a drain that was reported too late did not happen.
        let over = now >= self.claim.valid_until;
        if !self.drained && (over || (now >= self.give_up_at && event != Event::Drained)) {
            return Some(Phase::Ended(Outcome::DrainTimedOut));
        }
        if over {
            return Some(Phase::Ended(Outcome::Lost(Reason::Expired)));
        }
        let verdict = match event {
            Event::Tick | Event::Shutdown => Ok(()),
            Event::Drained => {
                self.drained = true;
                Ok(())
            }
            Event::Watched(sighting) => self.claim.watched(scope, sighting).map(|_| ()),
            Event::Answered(id, answer) => self.answered(scope, id, answer, out),
        };
        if let Err(reason) = verdict {
            return Some(Phase::Ended(Outcome::Lost(reason)));
        }
        (self.drained && self.flight.is_none()).then(|| {
            let mut leaving = Leaving::release(self.claim.clone(), now);
            leaving.on(scope, Event::Tick, now, out).unwrap_or(Phase::Leaving(leaving))
        })
    }

    /// Whether the renewal failed does not matter here: the release is guarded by the snapshot it replaces.
    fn answered(&mut self, scope: &Scope, id: RequestId, answer: Answer, out: &mut Vec<Action>) -> Result<(), Reason> {
        let Some(flight) = land(&mut self.flight, id) else { return Ok(()) };
        match answer {
            Answer::NotFound => Err(Reason::Deleted),
            Answer::Found(lease) if flight.kind == super::Kind::Write => {
                self.claim.renewed(scope, flight.sent, lease)?;
                out.push(Action::ExtendTerm { valid_until: self.claim.valid_until });
                Ok(())
            }
            Answer::Found(lease) => self.claim.adopt(scope, lease),
            Answer::Conflict | Answer::Refused | Answer::Unknown => Ok(()),
        }
    }
}
