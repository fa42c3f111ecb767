//! What a test asks of a run: who may write, what happened when; and the promise that is checked after each step.
use leasehold::election::BootInstant;

use super::{Candidate, Entry, Life, Sim, Term, Verb, Who};

impl Sim {
    /// Would a write of this candidate be let through now?
    pub fn may_write(&self, who: Who) -> bool {
        self.candidates[who].term.as_ref().is_some_and(|t| t.open && self.now < t.until)
    }

    pub fn leader(&self) -> Option<Who> {
        (0..self.candidates.len()).find(|who| self.may_write(*who))
    }

    pub fn count(&self, entry: &Entry) -> usize {
        self.log.iter().filter(|(_, e)| e == entry).count()
    }

    pub fn sent(&self, who: Who) -> Vec<Verb> {
        let of = |(_, e): &(_, Entry)| if let Entry::Sent(w, verb) = e { (*w == who).then_some(*verb) } else { None };
        self.log.iter().filter_map(of).collect()
    }

    pub fn at(&self, entry: &Entry) -> Option<BootInstant> {
        self.log.iter().find(|(_, e)| e == entry).map(|(at, _)| *at)
    }

    /// No two terms are valid at once, and no epoch comes twice.
    pub(super) fn check(&self) {
        let busy = |c: &Candidate| {
            let leads = |t: &Term| self.now < t.until && (t.open || (c.writes > 0 && c.outcome.is_none()));
            !matches!(c.life, Life::Dead) && c.term.as_ref().is_some_and(leads)
        };
        let valid = self.candidates.iter().filter(|c| busy(c)).count();
        assert!(valid <= 1, "two valid terms at {:?}\n{:#?}", self.now, self.log);
        let epochs: Vec<_> =
            self.log.iter().filter_map(|(_, e)| if let Entry::Opened(_, e) = e { Some(e) } else { None }).collect();
        for (i, later) in epochs.iter().enumerate() {
            for earlier in epochs.iter().take(i).filter(|e| e.uid == later.uid) {
                assert!(earlier.transitions < later.transitions, "an epoch repeats: {earlier:?} {later:?}");
            }
        }
    }
}
