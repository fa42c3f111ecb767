//! How large a Rollout becomes that has of everything the most.
use leasehold::{
    api::{
        Amount, Condition, Gate, GateStatus, Halt, INLINE, PolicySpec, PrometheusGate, RolloutSpec, RolloutStatus,
        Time, WaveStatus, When,
    },
    plan::{
        analysis::unusable,
        rollout::{decide, preview},
        slices::cut,
    },
};

use crate::{
    cluster::{Cluster, LARGEST, policy, stored, wave},
    desk::name,
};

const WAVES: usize = 32;

/// As long in bytes as so many characters can be.
fn text(most: usize) -> String {
    "🦀".repeat(most)
}

/// A policy of as many waves as there may be, with so many gates among them that are asked, of so many bytes.
fn recipe(gates: usize, each: usize) -> PolicySpec {
    let mut waves: Vec<_> = (0..WAVES).map(|_| wave("rest")).collect();
    for (n, wave) in waves.iter_mut().enumerate() {
        wave.name = format!("{n:w>63}");
        wave.take = (n + 1 < WAVES).then_some(Amount::Count(31));
    }
    for n in 0..gates {
        let query = format!("{:x>each$}", "up");
        let prometheus =
            PrometheusGate { query, max: serde_json::from_value("1".into()).unwrap(), ..PrometheusGate::default() };
        let gate = Gate { name: format!("{n:g>63}"), prometheus: Some(prometheus), ..Gate::default() };
        waves[n % WAVES].gates.after.push(gate);
    }
    policy(&waves)
}

/// A status in which everything is told at length.
fn full(spec: &RolloutSpec) -> RolloutStatus {
    let now = Time("2026-03-01T12:00:00.123456Z".parse().unwrap());
    let condition = |kind: &str| Condition {
        type_: kind.into(),
        status: "False".into(),
        reason: "PlanUnread".into(),
        message: text(1024),
        observed_generation: i64::MAX,
        last_transition_time: now,
    };
    let gate = |gate: &Gate| GateStatus {
        name: gate.name.clone(),
        when: When::After,
        passed: u32::MAX,
        failed: u32::MAX,
        inconclusive: u32::MAX,
        round: u32::MAX,
        round_at: Some(now),
        asked_at: Some(now),
        at: Some(now),
        since: Some(now),
        value: text(64),
        message: text(256),
        ..GateStatus::default()
    };
    let wave = |plan: &leasehold::api::PlannedWave| WaveStatus {
        name: plan.name.clone(),
        members: u32::MAX,
        in_flight: u32::MAX,
        proven: u32::MAX,
        failed: u32::MAX,
        skipped: u32::MAX,
        started_at: Some(now),
        soaking_since: Some(now),
        regressed_since: Some(now),
        soaked_milliseconds: i64::MAX,
        ended_at: Some(now),
        gates: plan.gates.after.iter().map(gate).collect(),
        ..WaveStatus::default()
    };
    RolloutStatus {
        observed_generation: i64::MAX,
        current_wave: Some(spec.waves[0].name.clone()),
        message: text(1024),
        written_at: Some(now),
        started_at: Some(now),
        ended_at: Some(now),
        halted: Some(Halt { reason: text(1024), at: now, generation: i64::MAX }),
        waves: spec.waves.iter().map(wave).collect(),
        conditions: ["Ready", "Reconciling", "Stalled"].map(condition).to_vec(),
        ..RolloutStatus::default()
    }
}

#[test]
fn a_rollout_with_the_most_of_everything_is_not_large() {
    for tenants in [INLINE, 10_000] {
        let policy = recipe(32, 700);
        assert_eq!(unusable(&policy), None);
        let names: Vec<String> = (0..tenants).map(name).collect();
        let mut cluster = Cluster::new(policy).with(&names.iter().map(String::as_str).collect::<Vec<_>>());
        cluster.ask(&[], "1.1.0");
        let (mut rollout, slices) = cut(&preview(&cluster.fleet, cluster.now)[0]);
        assert_eq!(rollout.spec.waves.len(), WAVES);
        rollout.spec.skip = names.into_iter().take(1_000).collect();
        rollout.status = Some(full(&rollout.spec));
        let size = serde_json::to_vec(&rollout).unwrap().len();
        println!("{tenants} tenants: a Rollout of {size} bytes, of {LARGEST}; {} slices", slices.len());
        stored(&rollout);
    }
}

#[test]
fn a_policy_whose_rollout_would_be_too_large_starts_none_and_says_why() {
    for (policy, why) in [(recipe(33, 10), "33 gates that are asked"), (recipe(20, 2_000), "bytes long")] {
        assert!(unusable(&policy).is_some_and(|said| said.contains(why)), "{:?}", unusable(&policy));
        let mut cluster = Cluster::new(policy).with(&["a", "b"]);
        cluster.ask(&[], "1.1.0");
        cluster.wait(10);
        let decisions = decide(&cluster.fleet, cluster.now);
        assert!(decisions.create.is_empty() && decisions.waits["a"].1.contains(why));
    }
}
