//! Random schedules of faults over three candidates, and the long soak. The promises are checked after every step
//! (see [`Sim`]); here it is also asked that the election comes back to life when the faults stop.
use std::time::Duration;

use leasehold::election::{Timings, core::Answer};
use proptest::prelude::*;
use serde_json::json;

use crate::{
    sim::{Entry, Fate, Sim, Verb, Who, seconds, setup, timings},
    store::Store,
};

#[derive(Debug, Clone)]
enum Move {
    Fault(Who, Verb, Fate),
    Pause(Who),
    Resume(Who),
    Partition(Who, bool),
    Watch(Who, bool),
    Kill(Who),
    Shutdown(Who),
    HangWrite(Who),
    FinishWrites(Who),
    Label(u8),
}

const CANDIDATES: usize = 3;

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Lost),
        Just(Fate::AnswerLost),
        Just(Fate::AnswerReset),
        Just(Fate::Twice),
        (0u64..20_000).prop_map(|ms| Fate::Late(Duration::from_millis(ms))),
        (0u64..20_000).prop_map(|ms| Fate::AnswerLate(Duration::from_millis(ms))),
        Just(Fate::Instead(Answer::Refused)),
        Just(Fate::Instead(Answer::Conflict)),
        Just(Fate::Instead(Answer::Unknown)),
    ]
}

fn any_move() -> impl Strategy<Value = Move> {
    let verb =
        prop_oneof![Just(Verb::Read), Just(Verb::Create), Just(Verb::Acquire), Just(Verb::Renew), Just(Verb::Release)];
    let who = 0..CANDIDATES;
    prop_oneof![
        4 => (who.clone(), verb, fate()).prop_map(|(w, v, f)| Move::Fault(w, v, f)),
        1 => who.clone().prop_map(Move::Pause),
        1 => who.clone().prop_map(Move::Resume),
        1 => (who.clone(), any::<bool>()).prop_map(|(w, on)| Move::Partition(w, on)),
        1 => (who.clone(), any::<bool>()).prop_map(|(w, on)| Move::Watch(w, on)),
        1 => who.clone().prop_map(Move::Kill),
        1 => who.clone().prop_map(Move::Shutdown),
        1 => who.clone().prop_map(Move::HangWrite),
        1 => who.prop_map(Move::FinishWrites),
        1 => any::<u8>().prop_map(Move::Label),
    ]
}

/// The three seats, each taken by one process after the other.
struct Fleet {
    sim: Sim,
    seats: [Who; CANDIDATES],
    timings: Timings,
}

impl Fleet {
    fn new(timings: Timings) -> Self {
        let mut sim = Sim::new(Store::default(), []);
        let seats = ["a", "b", "c"].map(|name| sim.join(setup(name, timings)));
        Self { sim, seats, timings }
    }

    /// A process that ended is started again: same identity by mistake, or a new one.
    fn restart(&mut self) {
        for seat in 0..CANDIDATES {
            if self.sim.is_over(self.seats[seat]) {
                let number = self.sim.candidates.len();
                let mut next =
                    setup(&format!("seat-{}", if number.is_multiple_of(2) { seat } else { number }), self.timings);
                next.nonce = format!("process-{number}");
                next.seed = number as u64;
                self.seats[seat] = self.sim.join(next);
            }
        }
    }

    fn make(&mut self, what: Move) {
        let seats = self.seats;
        match what {
            Move::Fault(w, verb, fate) => self.sim.fault(seats[w], verb, fate),
            Move::Pause(w) => self.sim.pause(seats[w]),
            Move::Resume(w) => self.sim.resume(seats[w]),
            Move::Partition(w, cut) => self.sim.candidates[seats[w]].partitioned = cut,
            Move::Watch(w, on) => self.sim.candidates[seats[w]].watching = on,
            Move::Kill(w) => self.sim.kill(seats[w]),
            Move::Shutdown(w) => self.sim.shutdown(seats[w]),
            Move::HangWrite(w) if self.sim.may_write(seats[w]) => self.sim.candidates[seats[w]].writes = 1,
            Move::FinishWrites(w) => self.sim.finish_writes(seats[w]),
            Move::Label(value) if self.sim.store.lease.is_some() => {
                self.sim.edit(|l| l["metadata"]["labels"]["anybody"] = json!(value.to_string()));
            }
            Move::HangWrite(_) | Move::Label(_) => {}
        }
    }

    /// No more faults: within two lease durations and a little somebody leads, and goes on leading.
    fn recovers(&mut self) {
        self.sim.faults.clear();
        for who in 0..self.sim.candidates.len() {
            self.sim.resume(who);
            self.sim.candidates[who].partitioned = false;
            self.sim.finish_writes(who);
        }
        // What is late by up to 20 s may still prolong a Lease once.
        for _ in 0..60 {
            self.restart();
            self.sim.run_for(seconds(1.0));
        }
        let leader = self.sim.leader();
        assert!(leader.is_some(), "nobody leads: {:#?}", self.sim.log.iter().rev().take(40).collect::<Vec<_>>());
        self.sim.run_for(seconds(30.0));
        assert_eq!(self.sim.leader(), leader);
    }
}

fn cases(usual: u32) -> ProptestConfig {
    let cases = std::env::var("ELECTION_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_schedule_of_faults_leaves_at_most_one_leader_and_ends_with_one(
        moves in prop::collection::vec((0u64..6_000, any_move()), 1..60),
        calm in any::<bool>(),
    ) {
        let mut fleet = Fleet::new(if calm { Timings::default() } else { timings(6, 3.0, 1.0) });
        for (pause, what) in moves {
            fleet.sim.run_for(Duration::from_millis(pause));
            fleet.restart();
            fleet.make(what);
        }
        fleet.recovers();
    }
}

/// Ten minutes in which the network of somebody breaks or heals every few seconds.
#[test]
fn n39_ten_minutes_of_flapping() {
    for seed in 0..10u64 {
        let mut fleet = Fleet::new(Timings::default());
        let mut dice = seed;
        let end = fleet.sim.now + Duration::from_mins(10);
        while fleet.sim.now < end {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let roll = usize::try_from(dice >> 40).expect("24 bits");
            let who = roll % CANDIDATES;
            let cut = fleet.sim.candidates[fleet.seats[who]].partitioned;
            fleet.make(Move::Partition(who, !cut));
            fleet.sim.run_for(Duration::from_millis(500 + (roll as u64 >> 8) % 7_000));
            fleet.restart();
        }
        let sent = fleet.sim.log.iter().filter(|(_, e)| matches!(e, Entry::Sent(..))).count();
        let terms = fleet.sim.log.iter().filter(|(_, e)| matches!(e, Entry::Opened(..))).count();
        assert!(terms > 5, "the flapping changed hands {terms} times");
        assert!(sent < 600 * CANDIDATES, "{sent} requests: less than one a second and candidate");
        fleet.recovers();
    }
}
