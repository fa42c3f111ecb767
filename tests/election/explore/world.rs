//! One state of everything that is explored: candidates, store, and what is on its way between them.
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};

use leasehold::election::{
    BootInstant,
    core::{Action, Answer, Event, Phase, Request, RequestId, Setup, State, step},
    record::Lease,
};

use super::Bounds;
use crate::{sim::setup, store::Store};

const MOST_PER_INSTANT: u16 = 60;
pub const START: BootInstant = BootInstant::from_nanos(1_000_000_000);

#[derive(Clone)]
pub struct World {
    pub now: BootInstant,
    pub store: Store,
    pub nodes: Vec<Node>,
    /// On their way to the store, also from the dead.
    pub requests: Vec<Message>,
    pub answers: Vec<Reply>,
    /// What a watch may still show although it is over.
    pub past: Option<Lease>,
    pub newest_epoch: i32,
    /// How much has happened in this very instant: two machines that answer each other at once would never end.
    pub busy: u16,
    pub faults_left: u8,
    pub restarts: u8,
}

#[derive(Clone, Hash)]
pub struct Message {
    pub from: usize,
    pub author: Rc<Setup>,
    pub id: RequestId,
    pub request: Request,
    pub late: bool,
}

#[derive(Clone, Hash)]
pub struct Reply {
    pub to: usize,
    pub id: RequestId,
    pub answer: Answer,
    pub late: bool,
}

#[derive(Clone, Hash)]
pub struct Node {
    pub setup: Rc<Setup>,
    pub state: State,
    pub waiting: Option<(RequestId, BootInstant)>,
    pub draining: bool,
    pub paused: bool,
    pub asked_to_stop: bool,
}

fn node(name: &str, bounds: &Bounds, now: BootInstant) -> Node {
    let mut setup = setup(name, bounds.timings);
    setup.drain_timeout = bounds.quantum * 2;
    started(setup, now)
}

pub fn started(setup: Setup, now: BootInstant) -> Node {
    Node {
        setup: Rc::new(setup.clone()),
        state: State::new(setup, now),
        waiting: None,
        draining: false,
        paused: false,
        asked_to_stop: false,
    }
}

impl World {
    pub fn new(bounds: &Bounds) -> Self {
        let nodes = ["a", "b", "c"].iter().take(bounds.candidates).map(|n| node(n, bounds, START)).collect();
        Self {
            now: START,
            store: Store::default(),
            nodes,
            requests: Vec::new(),
            answers: Vec::new(),
            past: None,
            newest_epoch: -1,
            busy: 0,
            faults_left: bounds.faults,
            restarts: 0,
        }
    }

    /// By what can still matter: how busy this instant was does not.
    pub fn fingerprint(&self) -> u64 {
        let Self { now, store, nodes, requests, answers, past, newest_epoch, busy: _, faults_left, restarts } = self;
        let mut hasher = DefaultHasher::new();
        (now, store, nodes, requests, answers).hash(&mut hasher);
        (past, newest_epoch, faults_left, restarts).hash(&mut hasher);
        hasher.finish()
    }

    pub fn tell(&mut self, who: usize, event: Event) {
        self.busy += 1;
        assert!(self.busy < MOST_PER_INSTANT, "no end of it at {:?}: {:#?}", self.now, self.nodes[who].state.phase());
        for action in step(&mut self.nodes[who].state, event, self.now) {
            match action {
                Action::Send { id, request, deadline } => {
                    self.nodes[who].waiting = Some((id, deadline));
                    let author = self.nodes[who].setup.clone();
                    self.requests.push(Message { from: who, author, id, request, late: false });
                }
                Action::OpenTerm { epoch, .. } => {
                    assert!(epoch.transitions > self.newest_epoch, "epoch {epoch:?} after {}", self.newest_epoch);
                    self.newest_epoch = epoch.transitions;
                }
                Action::Drain => self.nodes[who].draining = true,
                Action::ExtendTerm { .. } | Action::CancelTerm | Action::End(_) => {}
            }
        }
    }

    /// Takes out what can change nothing any more, so that worlds that differ only in that are one: answers nobody
    /// waits for, and requests nobody waits for that the store would refuse (a version never comes back).
    pub fn tidy(&mut self) {
        let Self { nodes, requests, answers, store, .. } = self;
        let waits = |who: usize, id: RequestId| nodes[who].waiting.is_some_and(|(waiting, _)| waiting == id);
        let current = store.lease.as_ref();
        answers.retain(|r| waits(r.to, r.id));
        requests.retain(|m| {
            let waited_for = nodes[m.from].setup == m.author && waits(m.from, m.id);
            let effective = match &m.request {
                Request::Read => false,
                Request::Create { .. } => current.is_none(),
                Request::Acquire { base, .. } | Request::Renew { base } | Request::Release { base } => {
                    current == Some(base)
                }
            };
            waited_for || effective
        });
        requests.sort_by(|a, b| (a.from, a.id, &a.author.nonce).cmp(&(b.from, b.id, &b.author.nonce)));
        answers.sort_by_key(|r| (r.to, r.id));
    }

    pub fn check(&self) {
        assert!(self.store.violations.is_empty(), "{:#?}", self.store.violations);
        let valid = self.nodes.iter().filter(|n| n.state.valid_until().is_some_and(|until| self.now < until));
        let valid: Vec<_> = valid.map(|n| n.state.phase()).collect();
        assert!(valid.len() <= 1, "two valid terms at {:?}: {valid:#?}", self.now);
    }

    /// The store carries it out; the answer is on its way.
    pub fn deliver(&mut self, index: usize, keep: bool) {
        let Message { from, author, id, request, .. } = self.requests[index].clone();
        if !keep {
            self.requests.remove(index);
        }
        let before = self.store.current();
        let answer = self.store.apply(&author, &request);
        if self.store.current() != before {
            self.past = before;
        }
        // The answer to a process that is gone reaches nobody.
        if self.nodes[from].setup == author {
            self.answers.push(Reply { to: from, id, answer, late: false });
        }
    }

    /// Everything that is not late has arrived, where there is somebody to take it.
    pub fn is_settled(&self) -> bool {
        self.requests.iter().all(|m| m.late) && self.answers.iter().all(|r| r.late || self.nodes[r.to].paused)
    }

    /// What this node has to do now, unless it is stopped: its time-out, its timer.
    pub fn is_due(&self, who: usize) -> Option<Event> {
        let node = &self.nodes[who];
        if node.paused || matches!(node.state.phase(), Phase::Ended(_)) {
            return None;
        }
        if let Some((id, _)) = node.waiting.filter(|(_, deadline)| *deadline <= self.now) {
            return Some(Event::Answered(id, Answer::Unknown));
        }
        if node.draining {
            return Some(Event::Drained);
        }
        node.state.next_wake().filter(|at| *at <= self.now).map(|_| Event::Tick)
    }
}
