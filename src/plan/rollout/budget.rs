//! Failure budgets, and the halt that a breached one latches.
use jiff::Timestamp;

use super::{clock, run::Run};
use crate::{
    api::{Halt, Time},
    domain::fleet::{Fleet, Health},
};

/// How many of the failed tenants a sentence names.
const NAMED: usize = 3;

/// Which budget is breached, by whom: of the waves first, then of the whole run. Waves that are done count too: a canary
/// that crashes an hour later is what it is there for. A person's no at a gate is a breach of its own, and so is a gate
/// that failed too often or kept the run waiting too long. `n` tolerated failures are breached by `n + 1`.
pub fn breach(run: &Run, fleet: &Fleet) -> Option<String> {
    let asked = || run.analysis.looks.iter().find_map(|look| look.breach.clone());
    failures(run, fleet).or_else(|| run.refused()).or_else(asked)
}

fn failures(run: &Run, fleet: &Fleet) -> Option<String> {
    let extra = run.spec.additional_failures;
    let over = |charged: usize, budget: u32| charged > budget.saturating_add(extra) as usize;
    let sentence = |scope: &str, names: &[&str], budget: u32, of: usize| {
        let (failed, tolerated) = (names.len(), budget.saturating_add(extra));
        format!("{scope}: {failed} of {of} tenants failed, {tolerated} tolerated ({})", named(names, fleet))
    };
    let in_wave = run.waves.iter().find(|wave| over(wave.charged.len(), wave.plan.max_failures)).map(|wave| {
        let scope = format!("wave {}", wave.plan.name);
        sentence(&scope, &wave.charged, wave.plan.max_failures, wave.plan.members.len())
    });
    in_wave.or_else(|| {
        let all: usize = run.waves.iter().map(|wave| wave.charged.len()).sum();
        if !over(all, run.spec.max_failures) {
            return None;
        }
        let names: Vec<&str> = run.waves.iter().flat_map(|wave| wave.charged.iter().copied()).collect();
        let members = run.waves.iter().map(|wave| wave.plan.members.len()).sum();
        Some(sentence("the rollout", &names, run.spec.max_failures, members))
    })
}

fn named(names: &[&str], fleet: &Fleet) -> String {
    let why = |name: &&str| match fleet.members.get(*name).map(|member| &member.health) {
        Some(Health::Failed { reason, .. }) => format!("{name}: {reason}"),
        _ => (*name).to_owned(),
    };
    let mut list: Vec<String> = names.iter().take(NAMED).map(why).collect();
    if names.len() > NAMED {
        list.push(format!("and {} more", names.len() - NAMED));
    }
    list.join(", ")
}

/// The halt after this look. It stays, breached or not, until a person has edited the run since, does not suspend it,
/// and the budget holds again.
pub fn latch(run: &Run, breach: Option<String>, now: Timestamp) -> Option<Halt> {
    match (&run.stored.halted, breach) {
        (Some(halt), None) if run.generation > halt.generation && !run.spec.suspend => None,
        (Some(halt), _) => Some(halt.clone()),
        (None, breach) => breach.map(|reason| Halt { reason, at: Time(clock::shown(now)), generation: run.generation }),
    }
}
