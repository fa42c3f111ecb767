//! The search itself: from each state every next event, and, while the budget lasts, every fault.
use std::collections::HashSet;

use leasehold::election::core::{Event, Phase, Sighting};

use super::{
    Bounds,
    world::{Reply, START, World, started},
};

pub struct Search {
    bounds: Bounds,
    pub seen: HashSet<u64>,
    pub steps: u64,
    pub handovers: u64,
}

impl Search {
    pub fn run(bounds: Bounds) -> Self {
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
