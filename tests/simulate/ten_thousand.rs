//! Ten thousand tenants in short. The wave engine alone, over the fake cluster of the suite `planner`: rendering ten thousand
//! stacks says nothing about waves, and takes minutes without optimisation.
use std::{collections::BTreeMap, fmt::Write as _};

use jiff::{SignedDuration, Timestamp};
use leasehold::{
    api::{Amount, Limits, Order, PolicySpec, Soak, Span, Wave},
    domain::fleet::{Health, Member},
};

use crate::{
    cluster::{Cluster, wave},
    stories::hold_to,
};

/// How long an operator takes to come up.
const COMES_UP: SignedDuration = SignedDuration::from_secs(20);
/// Every so many tenants one crashes.
const CRASHES: usize = 900;

fn policy() -> PolicySpec {
    let share = |name: &str, take, max_failures| Wave {
        take,
        max_concurrency: Some(Amount::Percent(20)),
        max_failures: Some(max_failures),
        soak: Soak { duration: Span::secs(600) },
        ..wave(name)
    };
    let waves = vec![
        Wave { selector: None, ..share("canary", Some(Amount::Count(1)), Amount::Count(0)) },
        Wave { selector: None, ..share("tenth", Some(Amount::Percent(10)), Amount::Percent(1)) },
        share("rest", None, Amount::Percent(1)),
    ];
    let limits = Limits { max_concurrency: Amount::Percent(20), max_failures: Amount::Percent(1) };
    PolicySpec { waves, limits, order: Order::Seed, ..PolicySpec::built_in() }
}

/// What becomes of those on their way by now. Whether anything did.
fn come_up(cluster: &mut Cluster, granted: &mut BTreeMap<String, Timestamp>) {
    let now = cluster.now;
    for name in cluster.moving().iter().map(ToString::to_string).collect::<Vec<_>>() {
        let due = *granted.entry(name.clone()).or_insert_with(|| now + COMES_UP) <= now;
        let number: usize = name.trim_start_matches("t-").parse().unwrap();
        match due {
            true if number.is_multiple_of(CRASHES) => cluster.fail(&name),
            true => cluster.prove(&name),
            false => {}
        }
    }
    granted.retain(|_, due| *due > now);
}

fn line(cluster: &Cluster, waits: &BTreeMap<String, usize>) -> String {
    let all = cluster.fleet.members.values();
    let count = |is: fn(&Member) -> bool| all.clone().filter(|member| is(member)).count();
    let new = |member: &Member| member.granted.as_ref().is_some_and(|g| g.target.version == "1.1.0");
    let proven = all.clone().filter(|m| new(m) && m.health == Health::Proven).count();
    let (moving, failed) = (count(Member::in_flight), count(|m| matches!(m.health, Health::Failed { .. })));
    let waits: Vec<String> = waits.iter().map(|(on, n)| format!("{on} {n}")).collect();
    format!("{proven} proven, {moving} in flight, {failed} failed; waiting: {}", waits.join(", "))
}

#[test]
fn ten_thousand_tenants() {
    let names: Vec<String> = (1..=10_000).map(|n| format!("t-{n:05}")).collect();
    let mut cluster = Cluster::new(policy()).with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    cluster.fleet.max_concurrency = 2_000;
    cluster.ask(&[], "1.1.0");
    let (begin, mut granted, mut transcript) = (cluster.now, BTreeMap::new(), String::new());
    loop {
        let told = cluster.told.len();
        let decisions = cluster.settle();
        come_up(&mut cluster, &mut granted);
        let mut waits = BTreeMap::new();
        for (wait, _) in decisions.waits.values() {
            *waits.entry(wait.on.to_string()).or_default() += 1;
        }
        let at = cluster.now.duration_since(begin).as_secs();
        let events: Vec<String> = cluster.told[told..].iter().map(|(_, reason)| reason.to_string()).collect();
        let events = if events.is_empty() { String::new() } else { format!(" [{}]", events.join(", ")) };
        writeln!(transcript, "{at:>5}s  {}{events}", line(&cluster, &waits)).unwrap();
        let due = granted.values().min().copied();
        let Some(next) = [decisions.wake, due].into_iter().flatten().min() else { break };
        cluster.now = next;
        come_up(&mut cluster, &mut granted);
    }
    hold_to("ten_thousand_tenants", &transcript);
}
