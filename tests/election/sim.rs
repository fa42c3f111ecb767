//! Candidates, a store and the network between them, in virtual time.
//!
//! Every fault is a [`Fault`]: which request of whom, and what becomes of it. After each step the promise that matters
//! is checked: no two terms are valid at once.
use std::{collections::BTreeMap, time::Duration};

use leasehold::election::{
    BootInstant, Epoch, Outcome, Timings,
    core::{Action, Answer, Event, Phase, Request, RequestId, Setup, Sighting, State, step},
};

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

    pub fn fault(&mut self, who: Who, verb: Verb, fate: Fate) {
        self.faults.push(Fault { who, verb, skip: 0, times: 1, fate });
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

    fn fate(&mut self, who: Who, verb: Verb) -> Fate {
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

    fn arrive(&mut self, who: Who, id: RequestId, request: &Request, fate: &Fate) {
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
            backlog.into_iter().for_each(|due| self.schedule(Duration::ZERO, who, due));
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

    fn check(&self) {
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
