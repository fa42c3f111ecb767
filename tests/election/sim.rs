//! Candidates, a store and the network between them, in virtual time.
//!
//! Every fault is a [`Fault`]: which request of whom, and what becomes of it. After each step the promise that matters
//! is checked: no two terms are valid at once.
mod network;
mod process;
mod verdict;

use std::{collections::BTreeMap, time::Duration};

use leasehold::election::{
    BootInstant, Epoch, Outcome, Timings,
    core::{Action, Answer, Event, Phase, Request, RequestId, Setup, Sighting, State, step},
};

use self::network::verb;
pub use self::network::{Fate, Fault, Verb};
use crate::store::Store;

pub type Who = usize;

pub fn seconds(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

pub fn timings(lease: u64, renew: f64, retry: f64) -> Timings {
    Timings::new(Duration::from_secs(lease), seconds(renew), seconds(retry)).expect("valid timings")
}

pub fn setup(identity: &str, timings: Timings) -> Setup {
    let seed = identity.bytes().fold(7, |h: u64, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
    let drain_timeout = timings.renew_deadline() / 2;
    Setup { identity: identity.into(), nonce: format!("nonce-{identity}"), timings, drain_timeout, seed }
}

#[derive(Debug, Clone)]
pub struct Term {
    pub until: BootInstant,
    pub open: bool,
}

#[derive(Debug)]
pub struct Candidate {
    pub state: State,
    pub term: Option<Term>,
    pub outcome: Option<Outcome>,
    /// Writes that the work under the term has under way.
    pub writes: usize,
    pub watching: bool,
    /// Cut off: requests vanish, answers too.
    pub partitioned: bool,
    life: Life,
    waiting: Option<RequestId>,
    draining: bool,
}

#[derive(Debug)]
enum Life {
    Running,
    /// With what has come in meanwhile.
    Paused(Vec<Due>),
    Dead,
}

#[derive(Debug, Clone)]
enum Due {
    Wake,
    Arrive(RequestId, Request, Fate),
    Answer(RequestId, Answer),
    Sight(Sighting),
    Drained,
}

/// One thing that happened, for the test to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Sent(Who, Verb),
    Stored(Who, Verb),
    Opened(Who, Epoch),
    Cancelled(Who),
    Ended(Who, Outcome),
}

pub struct Sim {
    pub now: BootInstant,
    pub store: Store,
    pub candidates: Vec<Candidate>,
    pub faults: Vec<Fault>,
    pub log: Vec<(BootInstant, Entry)>,
    /// One way, candidate to store or back.
    pub latency: Duration,
    queue: BTreeMap<(BootInstant, u64), (Who, Due)>,
    sequence: u64,
}

impl Sim {
    pub fn new(store: Store, setups: impl IntoIterator<Item = Setup>) -> Self {
        let now = BootInstant::from_nanos(1_000_000_000);
        let mut sim = Self {
            now,
            store,
            candidates: Vec::new(),
            faults: Vec::new(),
            log: Vec::new(),
            latency: Duration::from_millis(2),
            queue: BTreeMap::new(),
            sequence: 0,
        };
        for setup in setups {
            sim.join(setup);
        }
        sim
    }

    pub fn join(&mut self, setup: Setup) -> Who {
        let who = self.candidates.len();
        self.candidates.push(Candidate {
            state: State::new(setup, self.now),
            term: None,
            outcome: None,
            writes: 0,
            watching: true,
            partitioned: false,
            life: Life::Running,
            waiting: None,
            draining: false,
        });
        self.schedule(Duration::ZERO, who, Due::Wake);
        who
    }

    fn schedule(&mut self, after: Duration, who: Who, due: Due) {
        self.schedule_at(self.now + after, who, due);
    }

    fn schedule_at(&mut self, at: BootInstant, who: Who, due: Due) {
        self.sequence += 1;
        self.queue.insert((at.max(self.now), self.sequence), (who, due));
    }

    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= end) {
            let ((at, _), (who, due)) = entry.remove_entry();
            self.now = at;
            self.happen(who, due);
        }
        self.now = end;
    }

    /// Runs until it holds; a test that waits in vain fails after ten minutes of virtual time.
    pub fn run_until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let limit = self.now + Duration::from_mins(10);
        while !holds(self) {
            let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= limit) else {
                panic!("waited in vain: {what}\n{:#?}", self.candidates);
            };
            let ((at, _), (who, due)) = entry.remove_entry();
            self.now = at;
            self.happen(who, due);
        }
    }

    /// Stops right after the next renewal of this candidate was sent.
    pub fn next_renewal(&mut self, who: Who) {
        let renewals = self.count(&Entry::Sent(who, Verb::Renew));
        self.run_until("a renewal", |s| s.count(&Entry::Sent(who, Verb::Renew)) > renewals);
    }

    fn happen(&mut self, who: Who, due: Due) {
        let Some(candidate) = self.candidates.get_mut(who) else { return };
        if let Due::Arrive(id, request, fate) = due {
            return self.arrive(who, id, &request, &fate);
        }
        match &mut candidate.life {
            Life::Running if candidate.outcome.is_none() => {}
            Life::Running | Life::Dead => return,
            Life::Paused(backlog) => return backlog.push(due),
        }
        let event = match due {
            Due::Wake => Event::Tick,
            Due::Answer(id, answer) if candidate.waiting == Some(id) => {
                candidate.waiting = None;
                Event::Answered(id, answer)
            }
            Due::Sight(sighting) if candidate.watching && !candidate.partitioned => Event::Watched(sighting),
            Due::Drained if candidate.draining && candidate.writes == 0 => {
                candidate.draining = false;
                Event::Drained
            }
            Due::Answer(..) | Due::Arrive(..) | Due::Sight(_) | Due::Drained => return,
        };
        self.tell(who, event);
    }

    /// Hands one event to a candidate, carries its actions out, checks the promises.
    pub fn tell(&mut self, who: Who, event: Event) {
        let now = self.now;
        let actions = step(&mut self.candidates[who].state, event, now);
        for action in actions {
            self.perform(who, action);
        }
        if let Some(at) = self.candidates[who].state.next_wake() {
            self.schedule_at(at, who, Due::Wake);
        }
        self.check();
    }

    fn perform(&mut self, who: Who, action: Action) {
        let candidate = &mut self.candidates[who];
        match action {
            Action::Send { id, request, deadline } => {
                candidate.waiting = Some(id);
                self.log.push((self.now, Entry::Sent(who, verb(&request))));
                self.schedule_at(deadline, who, Due::Answer(id, Answer::Unknown));
                let fate = self.fate(who, verb(&request));
                let delay = if let Fate::Late(late) = fate { self.latency + late } else { self.latency };
                self.schedule(delay, who, Due::Arrive(id, request, fate));
            }
            Action::OpenTerm { epoch, valid_until, .. } => {
                assert!(candidate.term.is_none(), "one process, one term");
                candidate.term = Some(Term { until: valid_until, open: true });
                self.log.push((self.now, Entry::Opened(who, epoch)));
            }
            Action::ExtendTerm { valid_until } => {
                candidate.term.as_mut().expect("extends an open term").until = valid_until;
            }
            Action::CancelTerm => {
                candidate.term.as_mut().expect("cancels an open term").open = false;
                self.log.push((self.now, Entry::Cancelled(who)));
            }
            Action::Drain => {
                candidate.draining = true;
                self.schedule(Duration::ZERO, who, Due::Drained);
            }
            Action::End(outcome) => {
                candidate.outcome = Some(outcome);
                self.log.push((self.now, Entry::Ended(who, outcome)));
            }
        }
    }
}

/// Two candidates, the first of which leads and has just been seen to.
pub fn led() -> Sim {
    let timings = Timings::default();
    let mut sim = Sim::new(Store::default(), [setup("a", timings)]);
    sim.run_until("a leads", |s| s.leader() == Some(0));
    sim.join(setup("b", timings));
    sim.run_for(seconds(5.0));
    assert!(matches!(sim.candidates[1].state.phase(), Phase::Standby(_)));
    sim
}
