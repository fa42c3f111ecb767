//! Standing by: watch the Lease, and take it once nobody else may believe to hold it.
//!
//! A held Lease is over when the record's own duration has passed since *we* last saw it change; its stamps are never
//! compared with a clock. Before an expired Lease is taken it is read afresh; a free one is tried at once, because the
//! write is guarded by uid and resourceVersion anyway.
use std::{cmp::Ordering, time::Duration};

use super::{
    Action, Answer, BootInstant, Claim, Event, Flight, Kind, Leading, Lease, Leaving, Outcome, Phase, Request, Scope,
    Sighting, land,
};

/// Spreads the candidates that see a free Lease in the same moment; small next to a handover of 150 ms.
const MOST_SPREAD: Duration = Duration::from_millis(40);
/// After losing a race the watch usually names the winner before this; if not, a read does.
const MOST_PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Standby {
    seen: Seen,
    /// Nobody may take the Lease before this: the last holder may still believe.
    held_until: BootInstant,
    /// When to try: `held_until` plus a little jitter, or later after a failed try.
    try_at: BootInstant,
    poll_at: BootInstant,
    /// No request before this.
    quiet_until: BootInstant,
    /// When the read was sent that last confirmed `seen`.
    confirmed: Option<BootInstant>,
    /// A write on `seen` met a conflict: it is not the newest state.
    stale: bool,
    attempts: Vec<Attempt>,
    /// A write of ours may have committed, and no read has told yet.
    unresolved: bool,
    flight: Option<Flight>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Seen {
    NotYet,
    Absent,
    Present(Lease),
}

/// A try to acquire: a Lease that bears this nonce is ours, valid from `sent`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Attempt {
    nonce: String,
    sent: BootInstant,
}

impl Standby {
    pub(super) fn new(now: BootInstant) -> Self {
        Self {
            seen: Seen::NotYet,
            held_until: now,
            try_at: now,
            poll_at: now,
            quiet_until: now,
            confirmed: None,
            stale: false,
            attempts: Vec::new(),
            unresolved: false,
            flight: None,
        }
    }

    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        if let Seen::Present(lease) = &self.seen { Some(lease) } else { None }
    }

    pub(super) fn next_wake(&self) -> Option<BootInstant> {
        let try_at = if self.stale { BootInstant::NEVER } else { self.try_at };
        self.flight.is_none().then_some(self.poll_at.min(try_at).max(self.quiet_until))
    }

    pub(super) fn on(
        &mut self,
        scope: &mut Scope,
        event: Event,
        now: BootInstant,
        out: &mut Vec<Action>,
    ) -> Option<Phase> {
        match event {
            Event::Tick | Event::Drained => {}
            Event::Watched(sighting) => self.watched(scope, sighting, now),
            Event::Answered(id, answer) => {
                if let Some(flight) = land(&mut self.flight, id) {
                    match flight.kind {
                        Kind::Read => self.read(scope, &flight, answer, now),
                        Kind::Write => self.written(scope, &flight, answer, now),
                    }
                }
            }
            Event::Shutdown => return Some(self.withdraw(scope, now, out)),
        }
        if let Some((claim, sent)) = self.won(scope, now) {
            out.push(claim.open());
            return Some(Phase::Leading(Leading::new(claim, sent, self.flight.take(), scope)));
        }
        self.act(scope, now, out);
        None
    }

    /// Ours, and known in time: validity counts from the send of the very attempt whose nonce the Lease bears.
    fn won(&mut self, scope: &Scope, now: BootInstant) -> Option<(Claim, BootInstant)> {
        let renew_deadline = scope.timings().renew_deadline();
        self.attempts.retain(|a| now < a.sent + renew_deadline);
        let lease = self.lease().filter(|l| scope.is_own(l))?;
        let attempt = self.attempts.iter().find(|a| lease.nonce() == Some(&a.nonce))?;
        let claim = Claim::new(lease.clone(), attempt.nonce.clone(), attempt.sent + renew_deadline);
        Some((claim, attempt.sent))
    }

    fn watched(&mut self, scope: &mut Scope, sighting: Sighting, now: BootInstant) {
        let (Sighting::Present(lease) | Sighting::Deleted(lease)) = &sighting;
        if self.is_known(lease) {
            return;
        }
        match sighting {
            Sighting::Present(lease) => self.found(scope, lease, now),
            Sighting::Deleted(_) => self.gone(scope, now),
        }
        // The watch is alive: the next look can wait for the next renewal, and a little longer.
        self.poll_at = now + scope.timings().retry_period() * 5 / 4;
    }

    /// Not newer than what we have. When the versions cannot be compared the watch is believed: the write is guarded.
    fn is_known(&self, lease: &Lease) -> bool {
        self.lease().is_some_and(|seen| lease.age(seen).is_some_and(Ordering::is_le))
    }

    fn read(&mut self, scope: &mut Scope, flight: &Flight, answer: Answer, now: BootInstant) {
        self.poll_at = now + scope.timings().retry_period();
        match answer {
            Answer::Found(lease) => {
                self.unresolved = false;
                self.adopt(scope, flight, lease, now);
            }
            Answer::NotFound => {
                self.unresolved = false;
                self.gone(scope, now);
            }
            Answer::Conflict | Answer::Refused | Answer::Unknown => self.quiet_until = self.poll_at,
        }
    }

    /// A read is the newest state as of its send, unless the watch has shown something newer since.
    fn adopt(&mut self, scope: &mut Scope, flight: &Flight, lease: Lease, now: BootInstant) {
        let overtaken = self.lease() != flight.floor.as_ref() && self.is_known(&lease) && self.lease() != Some(&lease);
        if overtaken {
            return;
        }
        if self.lease() != Some(&lease) {
            self.found(scope, lease, now);
        }
        self.stale = false;
        self.confirmed = Some(flight.sent);
    }

    fn written(&mut self, scope: &mut Scope, flight: &Flight, answer: Answer, now: BootInstant) {
        let retry_period = scope.timings().retry_period();
        match answer {
            Answer::Found(lease) => self.adopt(scope, flight, lease, now),
            Answer::Conflict | Answer::NotFound => {
                self.stale = true;
                let patience = (retry_period / 4).min(MOST_PATIENCE);
                self.poll_at = now + patience + scope.jitter(patience);
            }
            Answer::Refused => self.back_off(scope, now),
            Answer::Unknown => {
                self.unresolved = true;
                self.back_off(scope, now);
                self.poll_at = now;
            }
        }
    }

    fn back_off(&mut self, scope: &mut Scope, now: BootInstant) {
        let retry_period = scope.timings().retry_period();
        self.poll_at = now + retry_period + scope.jitter(retry_period / 5);
        // While the try was under way the watch may have named a holder: never before that one's time is up.
        self.try_at = self.poll_at.max(self.held_until);
    }

    fn found(&mut self, scope: &mut Scope, lease: Lease, now: BootInstant) {
        self.held_until = match lease.holder() {
            None => now,
            // Ours, but not in time to be a term: nobody else may take it, and nobody works under it.
            Some(_) if scope.is_own(&lease) => now,
            // A record without a duration still has a holder: give it as long as we would take.
            Some(_) => now + lease.duration().unwrap_or(scope.timings().lease_duration()),
        };
        self.seen = Seen::Present(lease);
        self.changed(scope);
    }

    /// A deleted Lease does not end its holder's belief: it is left for as long as the holder may go on, at most L.
    fn gone(&mut self, scope: &mut Scope, now: BootInstant) {
        if self.seen == Seen::Absent {
            self.stale = false;
            return;
        }
        self.held_until = self.held_until.min(now + scope.timings().lease_duration()).max(now);
        self.seen = Seen::Absent;
        self.changed(scope);
    }

    fn changed(&mut self, scope: &mut Scope) {
        let spread = (scope.timings().retry_period() / 20).min(MOST_SPREAD);
        self.try_at = self.held_until + scope.jitter(spread);
        self.stale = false;
        self.confirmed = None;
    }

    fn act(&mut self, scope: &mut Scope, now: BootInstant, out: &mut Vec<Action>) {
        if self.flight.is_some() || now < self.quiet_until {
            return;
        }
        let request = if now >= self.try_at && !self.stale {
            self.attempt(scope, now)
        } else if now >= self.poll_at {
            Request::Read
        } else {
            return;
        };
        let floor = self.lease().cloned();
        self.flight = Some(scope.send(request, floor, now, BootInstant::NEVER, out));
    }

    fn attempt(&mut self, scope: &mut Scope, now: BootInstant) -> Request {
        let base = match &self.seen {
            Seen::NotYet => return Request::Read,
            Seen::Absent => None,
            Seen::Present(lease) => Some(lease.clone()),
        };
        let held = base.as_ref().is_some_and(|l| l.holder().is_some() && !scope.is_own(l));
        if held && self.confirmed.is_none_or(|at| at < self.held_until) {
            return Request::Read;
        }
        let nonce = scope.next_nonce();
        self.attempts.push(Attempt { nonce: nonce.clone(), sent: now });
        match base {
            None => Request::Create { nonce },
            Some(base) => Request::Acquire { base, nonce },
        }
    }

    /// Nothing is held, unless a try is under way or nobody knows how it went: then that is found out, and undone.
    fn withdraw(&mut self, scope: &mut Scope, now: BootInstant, out: &mut Vec<Action>) -> Phase {
        let write = self.flight.take_if(|f| f.kind == Kind::Write);
        let until = self.attempts.last().map(|a| a.sent + scope.timings().renew_deadline());
        match until {
            Some(until) if now < until && (write.is_some() || self.unresolved) => {
                let mut leaving = Leaving::withdrawal(until, write, now);
                leaving.on(scope, Event::Tick, now, out).unwrap_or(Phase::Leaving(leaving))
            }
            _ => Phase::Ended(Outcome::NotLeading),
        }
    }
}
