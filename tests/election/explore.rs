//! N44: every order in which messages can arrive, be lost, be late, arrive twice, and processes stop, resume or die,
//! for two and three candidates up to a bound. In each reachable state: at most one valid term, no write over a Lease
//! that is somebody else's, epochs that only grow.
//!
//! Time moves in steps. Within a step everything that is on its way arrives, in any order, mixed in any way with timers
//! and with what the watch shows. A fault (drop, delay, duplicate, crash, pause, stale news) costs one of a budget; what
//! is late may arrive at any later moment, also after its sender has given up, or died.
use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
    thread,
    time::Duration,
};

use leasehold::election::{
    BootInstant, Timings,
    core::{Action, Answer, Event, Phase, Request, RequestId, Setup, Sighting, State, step},
    record::Lease,
};

use crate::{
    sim::{seconds, setup, timings},
    store::Store,
};

#[derive(Clone)]
struct World {
    now: BootInstant,
    store: Store,
    nodes: Vec<Node>,
    /// On their way to the store, also from the dead.
    requests: Vec<Message>,
    answers: Vec<Reply>,
    /// What a watch may still show although it is over.
    past: Option<Lease>,
    newest_epoch: i32,
    /// How much has happened in this very instant: two machines that answer each other at once would never end.
    busy: u16,
    faults_left: u8,
    restarts: u8,
}

#[derive(Clone, Hash)]
struct Message {
    from: usize,
    author: Rc<Setup>,
    id: RequestId,
    request: Request,
    late: bool,
}

#[derive(Clone, Hash)]
struct Reply {
    to: usize,
    id: RequestId,
    answer: Answer,
    late: bool,
}

#[derive(Clone, Hash)]
struct Node {
    setup: Rc<Setup>,
    state: State,
    waiting: Option<(RequestId, BootInstant)>,
    draining: bool,
    paused: bool,
    asked_to_stop: bool,
}

struct Bounds {
    candidates: usize,
    timings: Timings,
    quantum: Duration,
    horizon: Duration,
    faults: u8,
    shutdowns: bool,
    watches: bool,
}

struct Search {
    bounds: Bounds,
    seen: HashSet<u64>,
    steps: u64,
    handovers: u64,
}

const MOST_PER_INSTANT: u16 = 60;
const START: BootInstant = BootInstant::from_nanos(1_000_000_000);

fn node(name: &str, bounds: &Bounds, now: BootInstant) -> Node {
    let mut setup = setup(name, bounds.timings);
    setup.drain_timeout = bounds.quantum * 2;
    started(setup, now)
}

fn started(setup: Setup, now: BootInstant) -> Node {
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
    fn new(bounds: &Bounds) -> Self {
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
    fn fingerprint(&self) -> u64 {
        let Self { now, store, nodes, requests, answers, past, newest_epoch, busy: _, faults_left, restarts } = self;
        let mut hasher = DefaultHasher::new();
        (now, store, nodes, requests, answers).hash(&mut hasher);
        (past, newest_epoch, faults_left, restarts).hash(&mut hasher);
        hasher.finish()
    }

    fn tell(&mut self, who: usize, event: Event) {
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
    fn tidy(&mut self) {
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

    fn check(&self) {
        assert!(self.store.violations.is_empty(), "{:#?}", self.store.violations);
        let valid = self.nodes.iter().filter(|n| n.state.valid_until().is_some_and(|until| self.now < until));
        let valid: Vec<_> = valid.map(|n| n.state.phase()).collect();
        assert!(valid.len() <= 1, "two valid terms at {:?}: {valid:#?}", self.now);
    }

    /// The store carries it out; the answer is on its way.
    fn deliver(&mut self, index: usize, keep: bool) {
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
    fn is_settled(&self) -> bool {
        self.requests.iter().all(|m| m.late) && self.answers.iter().all(|r| r.late || self.nodes[r.to].paused)
    }

    /// What this node has to do now, unless it is stopped: its time-out, its timer.
    fn is_due(&self, who: usize) -> Option<Event> {
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

impl Search {
    fn run(bounds: Bounds) -> Self {
        let mut search = Self { seen: HashSet::new(), steps: 0, handovers: 0, bounds };
        let world = World::new(&search.bounds);
        search.visit(&world);
        search
    }

    fn visit(&mut self, world: &World) {
        world.check();
        if !self.seen.insert(world.fingerprint()) {
            return;
        }
        self.handovers = self.handovers.max(u64::try_from(world.newest_epoch.max(0)).expect("not negative"));
        self.arrivals(world);
        self.timers(world);
        self.news(world);
        if world.faults_left > 0 {
            self.faults(world);
        }
    }

    fn branch(&mut self, world: &World, change: impl FnOnce(&mut World)) {
        self.steps += 1;
        let mut next = world.clone();
        change(&mut next);
        next.tidy();
        self.visit(&next);
    }

    fn arrivals(&mut self, world: &World) {
        for index in 0..world.requests.len() {
            self.branch(world, |w| w.deliver(index, false));
        }
        for index in 0..world.answers.len() {
            if !world.nodes[world.answers[index].to].paused {
                self.branch(world, |w| {
                    let Reply { to, id, answer, .. } = w.answers.remove(index);
                    w.nodes[to].waiting = None;
                    w.tell(to, Event::Answered(id, answer));
                });
            }
        }
    }

    /// Whoever runs does what is due before time goes on; being slow is a pause, and that is a fault.
    fn timers(&mut self, world: &World) {
        let due: Vec<_> = (0..world.nodes.len()).filter_map(|who| Some((who, world.is_due(who)?))).collect();
        for (who, event) in &due {
            self.branch(world, |w| {
                match event {
                    Event::Answered(..) => w.nodes[*who].waiting = None,
                    Event::Drained => w.nodes[*who].draining = false,
                    _ => {}
                }
                w.tell(*who, event.clone());
            });
        }
        if due.is_empty() && world.is_settled() && world.now < START + self.bounds.horizon {
            let quantum = self.bounds.quantum;
            self.branch(world, |w| {
                w.now = w.now + quantum;
                w.busy = 0;
            });
        }
        for who in 0..world.nodes.len() {
            let node = &world.nodes[who];
            let may_stop = self.bounds.shutdowns && !node.paused && !node.asked_to_stop;
            if may_stop && matches!(node.state.phase(), Phase::Leading(_)) {
                self.branch(world, |w| {
                    w.nodes[who].asked_to_stop = true;
                    w.tell(who, Event::Shutdown);
                });
            }
        }
    }

    /// The watch shows the present at any time, and, as a fault, the past.
    fn news(&mut self, world: &World) {
        if !self.bounds.watches {
            return;
        }
        let stale = world.past.as_ref().filter(|_| world.faults_left > 0);
        for who in 0..world.nodes.len() {
            if world.nodes[who].paused {
                continue;
            }
            for (news, cost) in world.store.current().iter().map(|l| (l, 0)).chain(stale.map(|l| (l, 1))) {
                if world.nodes[who].state.lease() != Some(news) {
                    self.branch(world, |w| {
                        w.faults_left -= cost;
                        w.tell(who, Event::Watched(Sighting::Present(news.clone())));
                    });
                }
            }
        }
    }

    fn faults(&mut self, world: &World) {
        let fault = |w: &mut World| w.faults_left -= 1;
        for index in 0..world.requests.len() {
            self.branch(world, |w| {
                fault(w);
                w.requests.remove(index);
            });
            self.branch(world, |w| {
                fault(w);
                w.deliver(index, true);
            });
            if !world.requests[index].late {
                self.branch(world, |w| {
                    fault(w);
                    w.requests[index].late = true;
                });
            }
        }
        for index in 0..world.answers.len() {
            self.branch(world, |w| {
                fault(w);
                w.answers.remove(index);
            });
            if !world.answers[index].late {
                self.branch(world, |w| {
                    fault(w);
                    w.answers[index].late = true;
                });
            }
        }
        for who in 0..world.nodes.len() {
            self.process_faults(world, who);
        }
    }

    fn process_faults(&mut self, world: &World, who: usize) {
        if world.nodes[who].paused {
            return self.branch(world, |w| w.nodes[who].paused = false);
        }
        if matches!(world.nodes[who].state.phase(), Phase::Ended(_)) {
            return;
        }
        self.branch(world, |w| {
            w.faults_left -= 1;
            w.nodes[who].paused = true;
        });
        // Dies and is started anew, with the identity it had and a nonce it had not.
        self.branch(world, |w| {
            w.faults_left -= 1;
            w.restarts += 1;
            let mut setup = w.nodes[who].state.setup().clone();
            setup.nonce = format!("nonce-restart-{}", w.restarts);
            w.answers.retain(|r| r.to != who);
            w.nodes[who] = started(setup, w.now);
        });
    }
}

/// As tight as three steps can be told apart: a renewal every two, a term of three, a Lease of four.
fn bounds(candidates: usize, horizon: f64, faults: u8) -> Bounds {
    let (timings, quantum) = (timings(4, 3.0, 2.0), seconds(1.0));
    Bounds { candidates, timings, quantum, horizon: seconds(horizon), faults, shutdowns: false, watches: false }
}

/// Prints what was searched; `cargo test --test election explore -- --nocapture` shows it.
fn explore(what: &str, bounds: Bounds) {
    // The search recurses once per event of a schedule.
    let search = thread::Builder::new().stack_size(256 << 20).spawn(|| Search::run(bounds));
    let search = search.expect("a thread").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    println!("{what}: {} states, {} steps, up to {} handovers", search.seen.len(), search.steps, search.handovers);
    assert!(search.handovers >= 1, "the bounds must leave room for a successor");
}

/// `ELECTION_DEPTH=1` searches further, for minutes.
fn deeper() -> bool {
    std::env::var_os("ELECTION_DEPTH").is_some()
}

#[test]
fn n44_two_candidates_that_watch_one_fault() {
    let horizon = if deeper() { 10.0 } else { 8.0 };
    explore("two that watch, one fault", Bounds { watches: true, ..bounds(2, horizon, 1) });
}

#[test]
fn n44_two_candidates_that_watch_and_are_told_to_stop_one_fault() {
    let horizon = if deeper() { 6.0 } else { 4.0 };
    let bounds = Bounds { watches: true, shutdowns: true, ..bounds(2, horizon, 1) };
    explore("two that watch and are told to stop, one fault", bounds);
}

#[test]
fn n44_two_candidates_that_poll_and_are_told_to_stop_two_faults() {
    let horizon = if deeper() { 8.0 } else { 5.0 };
    explore("two that poll and are told to stop, two faults", Bounds { shutdowns: true, ..bounds(2, horizon, 2) });
}

#[test]
fn n44_three_candidates_that_poll_one_fault() {
    let horizon = if deeper() { 9.0 } else { 6.0 };
    explore("three that poll and are told to stop, one fault", Bounds { shutdowns: true, ..bounds(3, horizon, 1) });
}

#[test]
fn n44_two_candidates_that_poll_more_faults() {
    let (horizon, faults) = if deeper() { (8.0, 3) } else { (7.0, 2) };
    explore("two that poll, more faults", bounds(2, horizon, faults));
}
