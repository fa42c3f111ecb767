//! One random schedule: a fleet, things that happen to it, and an engine that is shown it now and then.
use std::collections::BTreeMap;

use jiff::SignedDuration;
use leasehold::{
    domain::fleet::{Fleet, Granted, Health, OwnEdit, Standing},
    plan::rollout::{Decisions, decide, invariants},
};

use crate::{
    asked::{self, Out},
    cluster::{Cluster, policy, wave, writes},
    generate,
    oracle::{Look, Oracle},
    races::{self, Late},
    rng::Rng,
    rules::World,
    trace,
};

/// What a version does to a tenant.
#[derive(Clone, Copy)]
enum Fate {
    Good,
    /// Fails by a fact.
    Bad,
    /// Is never heard of again.
    Stuck,
    /// Is proven, then falls back, then fails.
    Crashes,
    /// Is proven, falls back, and is well again.
    Wobbles,
}

/// What is to become of a tenant, and when.
struct Due {
    granted: Granted,
    at: i64,
    fate: Fate,
}

pub struct Schedule {
    pub rng: Rng,
    pub cluster: Cluster,
    pub world: World,
    pub oracle: Oracle,
    /// Milliseconds that really passed.
    pub real: i64,
    /// Milliseconds by which the engine's clock was put forward since its last look.
    pub forward: i64,
    pub ticks: u64,
    /// How often each thing was told of, and tenants were granted in and out of turn: shows that schedules get anywhere.
    pub seen: BTreeMap<String, u64>,
    /// Whether every look is printed.
    pub told: bool,
    due: BTreeMap<String, Due>,
    fates: BTreeMap<(String, String), Fate>,
    old: Option<Fleet>,
    /// Questions that were put and are not answered yet.
    pub out: Vec<Out>,
    /// Whether grants of a leader that died may land late: in every fourth schedule, so that the others keep their course.
    lates: bool,
    /// Such a grant, under way.
    pub late: Option<Late>,
}

impl Schedule {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let mut cluster = Cluster::new(policy(&[wave("rest")]));
        let (fleet, world) = generate::fleet(&mut rng, cluster.now);
        cluster.fleet = fleet;
        Self {
            rng,
            cluster,
            world,
            oracle: Oracle::default(),
            real: 0,
            forward: 0,
            ticks: 0,
            seen: BTreeMap::new(),
            told: false,
            due: BTreeMap::new(),
            fates: BTreeMap::new(),
            old: None,
            out: Vec::new(),
            lates: seed % 4 == 1,
            late: None,
        }
    }

    pub fn pass(&mut self, millis: i64) {
        self.real += millis;
        self.cluster.now += SignedDuration::from_millis(millis);
        for (_, member) in
            self.cluster.fleet.members.iter_mut().filter(|(_, member)| member.standing == Standing::Paused)
        {
            if let Some(granted) = member.granted.as_mut().filter(|_| member.health == Health::Moving) {
                granted.paused += millis;
            }
        }
        self.health();
        self.answer();
    }

    /// Lets tenants fare as it is their fate.
    pub fn health(&mut self) {
        let now = self.cluster.now;
        for (name, member) in &mut self.cluster.fleet.members {
            let Some(granted) = &member.granted else { continue };
            let same = |due: &Due| {
                Granted { paused: granted.paused, own_edit: granted.own_edit, ..due.granted.clone() } == *granted
            };
            if self.due.get(name).is_some_and(|due| !same(due)) {
                self.due.remove(name);
            }
            if member.health == Health::Moving && !self.due.contains_key(name) {
                let version = granted.target.version.clone();
                let fate = self.fates.get(&(name.clone(), version.clone())).copied();
                let fate = fate.unwrap_or_else(|| draw(&mut self.rng));
                self.fates.insert((name.clone(), version), fate);
                let at = self.real + i64::try_from(self.rng.below(30_000)).unwrap();
                self.due.insert(name.clone(), Due { granted: granted.clone(), at, fate });
            }
            let Some(due) = self.due.get_mut(name).filter(|due| due.at <= self.real) else { continue };
            let failed = Health::Failed { reason: "CrashLoop".into(), message: "exit 1".into(), at: now };
            let again = |due: &mut Due, health| {
                due.at = self.real + 5_000;
                health
            };
            member.health = match (due.fate, &member.health) {
                (Fate::Good, Health::Moving) => Health::Proven,
                (Fate::Bad, Health::Moving) | (Fate::Crashes, Health::Regressed) => failed,
                (Fate::Crashes | Fate::Wobbles, Health::Moving) => again(due, Health::Proven),
                (Fate::Crashes | Fate::Wobbles, Health::Proven) => again(due, Health::Regressed),
                (Fate::Wobbles, Health::Regressed) => {
                    due.fate = Fate::Good;
                    Health::Proven
                }
                (_, health) => health.clone(),
            };
            if member.health == Health::Proven
                && let Some(granted) = &mut member.granted
            {
                granted.own_edit = OwnEdit::No;
            }
        }
        self.due.retain(|name, _| self.cluster.fleet.members.contains_key(name));
    }

    /// The next time that something becomes of a tenant by itself.
    pub fn next_due(&self) -> Option<i64> {
        let waiting = |(name, due): (&String, &Due)| {
            let health = &self.cluster.fleet.members.get(name)?.health;
            let more = match due.fate {
                Fate::Good | Fate::Bad => *health == Health::Moving,
                Fate::Stuck => false,
                Fate::Crashes | Fate::Wobbles => !matches!(health, Health::Failed { .. }),
            };
            more.then_some(due.at)
        };
        let answers = self.out.iter().map(|out| out.at);
        self.due.iter().filter_map(waiting).chain(answers).filter(|at| *at > self.real).min()
    }

    /// One look of the engine: at the fleet as it is or as it was, with all, some or none of its writes done.
    pub fn tick(&mut self) -> Result<Decisions, String> {
        let stale = self.old.is_some() && self.rng.percent(15);
        let view = if stale { self.old.take().map(|old| races::overlaid(old, &self.cluster.fleet)) } else { None };
        let crash = self.rng.percent(8);
        let two = self.rng.percent(4) && view.is_none();
        self.look(view.as_ref(), crash, two)
    }

    /// `stale`: what is shown instead of what is; `crash`: only some of the writes are done; `two`: another leader does the
    /// same at the same time.
    pub fn look(&mut self, stale: Option<&Fleet>, crash: bool, two: bool) -> Result<Decisions, String> {
        self.ticks += 1;
        let now = self.cluster.now;
        let fleet = std::mem::take(&mut self.cluster.fleet);
        let view = stale.unwrap_or(&fleet);
        let decisions = decide(view, now);
        let look =
            Look { world: &self.world, view, now, real: self.real, forward: self.forward, decisions: &decisions };
        let mut list = writes(&decisions);
        if crash {
            self.rng.shuffle(&mut list);
            list.truncate(usize::try_from(self.rng.below(list.len() as u64 + 1)).unwrap());
        }
        if two {
            list = races::interleaved(&mut self.rng, list);
            *self.seen.entry("TwoLeaders".into()).or_default() += 1;
        }
        if self.told {
            trace::print(&look, &list, stale.is_some());
        }
        self.oracle.judge(&look)?;
        let found = invariants::check(view, &decisions, now);
        if let Some(violation) = found.first() {
            return Err(format!("the engine's own check, and not the oracle: {violation}"));
        }
        if self.ticks.is_multiple_of(8) && decide(view, now) != decisions {
            return Err("invariant 10: the same fleet gave other decisions".into());
        }
        self.oracle.written(&look, &list, !crash);
        self.count(&decisions);
        self.put(&decisions, crash);
        self.forward = 0;
        let lost = Late::of(&decisions, &list, (view, now));
        let seen = if two || self.late.is_some() { Some(view.clone()) } else { stale.cloned() };
        self.cluster.fleet = fleet;
        let landed = !two && self.ticks.is_multiple_of(2) && self.land();
        if crash {
            // What was answered was in the memory of the process that died.
            self.cluster.fleet.analyses.clear();
        }
        let before = two.then(|| self.cluster.fleet.clone());
        for write in list {
            let refused = |seen: &Fleet| races::overtaken(&write, seen, &self.cluster.fleet, two);
            if !seen.as_ref().is_some_and(refused) {
                self.cluster.apply(write);
            }
        }
        if let Some(before) = before {
            races::kept_together(&before, &self.cluster.fleet)?;
        }
        if crash && !landed && stale.is_none() && decisions.asks.is_empty() && !asked::any(&self.cluster.fleet) {
            self.same_again(&decisions, now)?;
        }
        self.land();
        self.late = lost.filter(|_| crash && self.lates);
        Ok(decisions)
    }

    fn count(&mut self, decisions: &Decisions) {
        let told = decisions.events.iter().map(|event| event.reason.to_string());
        let grants = decisions.grants.iter().map(|order| if order.broken_before { "GrantToBroken" } else { "Grant" });
        let failures = decisions.failures.iter().map(|(_, order)| &*order.reason);
        let back = decisions.grants.iter().filter(|order| order.reject.is_some()).map(|_| "GrantBack".to_owned());
        let hops = decisions.grants.iter().filter(|order| order.towards.is_some()).map(|_| "GrantHop".to_owned());
        let waits = decisions.waits.values().map(|(wait, _)| format!("WaitingOn{}", wait.on));
        let gates = decisions.status.values().flat_map(|status| &status.waves).flat_map(|wave| &wave.gates);
        let gates: Vec<String> = gates.map(|gate| format!("Gate{:?}", gate.verdict)).collect();
        let halted = |status: &&leasehold::api::RolloutStatus| {
            status.halted.as_ref().is_some_and(|halt| halt.reason.starts_with("gate asked"))
        };
        let halts = decisions.status.values().filter(halted).map(|_| "GateHalted".to_owned());
        for word in told
            .chain(gates)
            .chain(halts)
            .chain(grants.chain(failures).map(str::to_owned))
            .chain(waits)
            .chain(back)
            .chain(hops)
        {
            *self.seen.entry(word).or_default() += 1;
        }
    }

    /// Keeps the fleet of now, to be shown later as if nothing had happened since.
    pub fn remember(&mut self) {
        self.old = Some(self.cluster.fleet.clone());
    }
}

fn draw(rng: &mut Rng) -> Fate {
    match rng.below(100) {
        0..72 => Fate::Good,
        72..80 => Fate::Bad,
        80..86 => Fate::Stuck,
        86..92 => Fate::Crashes,
        _ => Fate::Wobbles,
    }
}
