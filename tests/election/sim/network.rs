//! The network between candidates and store: which request of whom is lost, late, doubled, or answered by somebody else.
use std::time::Duration;

use leasehold::election::core::{Answer, Request, RequestId, Sighting};

use super::{Due, Entry, Sim, Who};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Read,
    Create,
    Acquire,
    Renew,
    Release,
}

/// What becomes of one request.
#[derive(Debug, Clone)]
pub enum Fate {
    /// Never arrives; the sender's own deadline ends the wait.
    Lost,
    /// Carried out, but the answer never arrives.
    AnswerLost,
    /// Carried out, then the connection breaks: the sender knows at once that it does not know.
    AnswerReset,
    /// Arrives so much later.
    Late(Duration),
    /// Carried out at once, answered so much later.
    AnswerLate(Duration),
    /// Arrives twice; the second answer is the one that comes back.
    Twice,
    /// Answered without being carried out.
    Instead(Answer),
}

#[derive(Debug, Clone)]
pub struct Fault {
    pub who: Who,
    pub verb: Verb,
    /// How many matching requests it lets pass first, and how many it hits then.
    pub skip: usize,
    pub times: usize,
    pub fate: Fate,
}

pub fn verb(request: &Request) -> Verb {
    match request {
        Request::Read => Verb::Read,
        Request::Create { .. } => Verb::Create,
        Request::Acquire { .. } => Verb::Acquire,
        Request::Renew { .. } => Verb::Renew,
        Request::Release { .. } => Verb::Release,
    }
}

impl Sim {
    pub fn fault(&mut self, who: Who, verb: Verb, fate: Fate) {
        self.faults.push(Fault { who, verb, skip: 0, times: 1, fate });
    }

    pub(super) fn fate(&mut self, who: Who, verb: Verb) -> Fate {
        if self.candidates[who].partitioned {
            return Fate::Lost;
        }
        let hit = self.faults.iter_mut().find(|f| f.who == who && f.verb == verb && f.times > 0);
        match hit {
            Some(fault) if fault.skip > 0 => {
                fault.skip -= 1;
                Fate::Late(Duration::ZERO)
            }
            Some(fault) => {
                fault.times -= 1;
                fault.fate.clone()
            }
            None => Fate::Late(Duration::ZERO),
        }
    }

    pub(super) fn arrive(&mut self, who: Who, id: RequestId, request: &Request, fate: &Fate) {
        let answer = match fate {
            Fate::Lost => return,
            Fate::Instead(answer) => answer.clone(),
            Fate::Twice => {
                self.carry_out(who, request);
                self.carry_out(who, request)
            }
            Fate::AnswerLost | Fate::AnswerReset | Fate::AnswerLate(_) | Fate::Late(_) => self.carry_out(who, request),
        };
        let (delay, answer) = match fate {
            Fate::AnswerLost => return,
            Fate::AnswerReset => (self.latency, Answer::Unknown),
            Fate::AnswerLate(late) => (self.latency + *late, answer),
            _ => (self.latency, answer),
        };
        if !self.candidates[who].partitioned {
            self.schedule(delay, who, Due::Answer(id, answer));
        }
    }

    fn carry_out(&mut self, who: Who, request: &Request) -> Answer {
        let before = self.store.current();
        let setup = self.candidates[who].state.setup().clone();
        let answer = self.store.apply(&setup, request);
        assert!(self.store.violations.is_empty(), "{:#?}\n{:#?}", self.store.violations, self.log);
        if self.store.current() != before {
            self.log.push((self.now, Entry::Stored(who, verb(request))));
            self.broadcast();
        }
        answer
    }

    /// Every watch shows the Lease as it is now.
    pub fn broadcast(&mut self) {
        let Some(lease) = self.store.current() else { return };
        for who in 0..self.candidates.len() {
            self.schedule(self.latency, who, Due::Sight(Sighting::Present(lease.clone())));
        }
    }

    pub fn edit(&mut self, change: impl FnOnce(&mut serde_json::Value)) {
        self.store.edit(change);
        self.broadcast();
    }

    pub fn delete_lease(&mut self) {
        let Some(last) = self.store.delete() else { return };
        for who in 0..self.candidates.len() {
            self.schedule(self.latency, who, Due::Sight(Sighting::Deleted(last.clone())));
        }
    }
}
