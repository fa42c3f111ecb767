//! What can happen to a process: it is stopped and goes on, dies, is told to end, ends its writes.
use std::time::Duration;

use leasehold::election::core::Event;

use super::{Due, Life, Sim, Who};

impl Sim {
    /// SIGSTOP: time goes on, nothing is seen, nothing is done.
    pub fn pause(&mut self, who: Who) {
        if matches!(self.candidates[who].life, Life::Running) {
            self.candidates[who].life = Life::Paused(Vec::new());
        }
    }

    /// SIGCONT: everything that came in between is seen now, in order.
    pub fn resume(&mut self, who: Who) {
        if !matches!(self.candidates[who].life, Life::Paused(_)) {
            return;
        }
        if let Life::Paused(backlog) = std::mem::replace(&mut self.candidates[who].life, Life::Running) {
            for due in backlog {
                self.schedule(Duration::ZERO, who, due);
            }
        }
        self.schedule(Duration::ZERO, who, Due::Wake);
    }

    /// SIGKILL: what is on the way still arrives.
    pub fn kill(&mut self, who: Who) {
        self.candidates[who].life = Life::Dead;
        self.candidates[who].term = None;
    }

    /// Over, one way or the other: a new process has to take its place.
    pub fn is_over(&self, who: Who) -> bool {
        matches!(self.candidates[who].life, Life::Dead) || self.candidates[who].outcome.is_some()
    }

    pub fn shutdown(&mut self, who: Who) {
        if matches!(self.candidates[who].life, Life::Running) && self.candidates[who].outcome.is_none() {
            self.tell(who, Event::Shutdown);
        }
    }

    pub fn finish_writes(&mut self, who: Who) {
        self.candidates[who].writes = 0;
        self.schedule(Duration::ZERO, who, Due::Drained);
    }
}
