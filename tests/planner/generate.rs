//! Random fleets, releases and policies.
use leasehold::{
    api::{
        Amount, Coalesce, Limits, OnFailure, Order, PolicySpec, Relation, Requirement, Selector, Soak, Span, Unmatched,
        Wave,
    },
    domain::fleet::{Fleet, ReleaseFacts},
};

use crate::{
    acts,
    cluster::{member, target},
    rng::Rng,
    rules::{Paths, World},
};

pub const RINGS: [&str; 4] = ["canary", "early", "late", ""];

/// The releases of one operator: mostly every step is legal, sometimes few are.
pub fn paths(rng: &mut Rng) -> Paths {
    let strict = rng.percent(30);
    let mut paths = Paths { lowest: [0; 5], back: [None; 5] };
    for version in 0..5 {
        if strict {
            paths.lowest[version as usize] = rng.u32(0, version);
        }
        if rng.percent(if strict { 40 } else { 90 }) {
            paths.back[version as usize] = Some(if strict { rng.u32(0, version) } else { 0 });
        }
    }
    paths
}

pub fn releases(fleet: &mut Fleet, operator: &str, paths: &Paths) {
    for minor in 0..5 {
        let version = format!("1.{minor}.0");
        let from = format!(">=1.{}.0, <{version}", paths.lowest[minor]);
        let facts = ReleaseFacts {
            target: target(&version),
            upgrades_from: (paths.lowest[minor] > 0).then(|| from.parse().unwrap()),
            rollback_to: paths.back[minor].map(|lowest| format!(">=1.{lowest}.0").parse().unwrap()),
            not_ready: None,
        };
        fleet.releases.insert((operator.into(), version), facts);
    }
}

fn amount(rng: &mut Rng, from: u32, to: u32) -> Amount {
    if rng.percent(30) {
        Amount::Percent(u8::try_from(rng.u32(from.min(1) * 5, 60)).unwrap())
    } else {
        Amount::Count(rng.u32(from, to))
    }
}

fn wave(rng: &mut Rng, index: usize) -> Wave {
    let label = (*rng.pick(&RINGS).unwrap()).to_owned();
    let not_in = Requirement { key: "ring".into(), operator: Relation::NotIn, values: vec![label.clone()] };
    let selector = match rng.below(4) {
        0 => None,
        1 => Some(Selector { match_expressions: vec![not_in], ..Selector::default() }),
        _ => Some(Selector { match_labels: [("ring".into(), label)].into(), ..Selector::default() }),
    };
    Wave {
        name: format!("w{index}"),
        selector,
        take: rng.percent(40).then(|| amount(rng, 0, 4)),
        max_concurrency: rng.percent(70).then(|| amount(rng, 1, 4)),
        max_failures: rng.percent(70).then(|| amount(rng, 0, 2)),
        progress_deadline: Span::secs(u64::from(rng.u32(20, 200))),
        soak: Soak { duration: Span::secs(if rng.percent(25) { 0 } else { u64::from(rng.u32(1, 90)) }) },
        gates: acts::gates(rng),
    }
}

/// 1 to 8, mostly few.
fn waves(rng: &mut Rng) -> u32 {
    if rng.percent(85) { rng.u32(1, 5) } else { rng.u32(6, 8) }
}

pub fn policy(rng: &mut Rng) -> PolicySpec {
    let unmatched = if rng.percent(70) {
        Unmatched::LastWave
    } else if rng.percent(60) {
        Unmatched::Ignore
    } else {
        Unmatched::Fail
    };
    let quiet = u64::from(rng.u32(0, 15));
    PolicySpec {
        coalesce: Coalesce { quiet_period: Span::secs(quiet), max_wait: Span::secs(quiet + u64::from(rng.u32(0, 60))) },
        unmatched,
        order: if rng.percent(50) { Order::Seed } else { Order::Name },
        limits: Limits { max_concurrency: amount(rng, 1, 8), max_failures: amount(rng, 0, 3) },
        on_failure: if rng.percent(40) { OnFailure::Rollback } else { OnFailure::Halt },
        revision_history_limit: rng.u32(1, 3),
        waves: (0..waves(rng) as usize).map(|index| wave(rng, index)).collect(),
    }
}

/// A fleet of 1 to 200 tenants, most of them small: what goes wrong goes wrong among few.
pub fn fleet(rng: &mut Rng, now: jiff::Timestamp) -> (Fleet, World) {
    let mut fleet = Fleet { max_concurrency: rng.u32(1, 12), ..Fleet::default() };
    let mut world = World::new();
    for operator in ["memcached", "redis"] {
        let paths = paths(rng);
        releases(&mut fleet, operator, &paths);
        world.insert(operator.into(), paths);
    }
    if rng.percent(85) {
        fleet.policies.insert("default".into(), policy(rng));
    }
    fleet.policies.insert("other".into(), policy(rng));
    let size = match rng.below(100) {
        0..75 => rng.u32(1, 8),
        75..95 => rng.u32(9, 24),
        95..99 => rng.u32(25, 60),
        _ => rng.u32(61, 200),
    };
    let redis = if rng.percent(30) { 40 } else { 0 };
    for n in 0..size {
        let name = format!("t{n:02}");
        let mut member = member(&name, &format!("1.{}.0", rng.below(2)), now);
        member.labels.insert("ring".into(), (*rng.pick(&RINGS).unwrap()).into());
        if rng.percent(redis) {
            member.operator = "redis".into();
        }
        if rng.percent(10) {
            member.policy = if rng.percent(80) { "other".into() } else { "missing".into() };
        }
        fleet.members.insert(name, member);
    }
    (fleet, world)
}
