//! The second look at decisions: it passes what is right and names what is not.
use leasehold::{
    api::{Phase, RolloutSpec, RolloutStatus, WavePhase},
    domain::fleet::{Health, Standing},
    plan::rollout::{Decisions, GrantOrder, decide, invariants},
};

use crate::cluster::{Cluster, policy, target, wave};

const FIRST: &str = "memcached-1.1.0-1";

/// A run whose canary is in flight.
fn begun() -> Cluster {
    let policy = policy(&[wave("canary"), wave("rest")]);
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b@canary", "c", "d"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

fn order(tenant: &str, wave: &str) -> GrantOrder {
    GrantOrder {
        tenant: tenant.into(),
        uid: format!("uid-{tenant}"),
        target: target("1.1.0"),
        rollout: FIRST.into(),
        wave: wave.into(),
        broken_before: false,
        towards: None,
        reject: None,
    }
}

fn broken(cluster: &Cluster, decisions: &Decisions) -> Vec<u8> {
    let mut numbers: Vec<u8> =
        invariants::check(&cluster.fleet, decisions, cluster.now).iter().map(|found| found.invariant).collect();
    numbers.dedup();
    numbers
}

fn grants(cluster: &Cluster, orders: Vec<GrantOrder>) -> Vec<u8> {
    broken(cluster, &Decisions { grants: orders, ..Decisions::default() })
}

#[test]
fn what_the_engine_decides_passes() {
    let cluster = begun();
    assert!(broken(&cluster, &decide(&cluster.fleet, cluster.now)).is_empty());
}

#[test]
fn a_grant_out_of_bounds_is_named() {
    let mut cluster = begun();
    assert_eq!(grants(&cluster, vec![order("b", "canary")]), [1], "one at a time");
    assert_eq!(grants(&cluster, vec![order("c", "rest")]), [2], "the second wave before the first is done");
    cluster.prove("a");
    assert!(grants(&cluster, vec![order("b", "canary")]).is_empty());
    assert_eq!(grants(&cluster, vec![order("b", "rest")]), [4], "of another wave");
    assert_eq!(grants(&cluster, vec![order("b", "canary"), order("b", "canary")]), [6, 1], "twice");
    let other = GrantOrder { uid: "uid-of-another".into(), ..order("b", "canary") };
    assert_eq!(grants(&cluster, vec![other]), [6]);
    let other = GrantOrder { target: target("1.2.0"), ..order("b", "canary") };
    assert_eq!(grants(&cluster, vec![other]), [6, 9]);
    cluster.fleet.max_concurrency = 0;
    assert_eq!(grants(&cluster, vec![order("b", "canary")]), [1], "the fleet's ceiling");
}

#[test]
fn a_grant_against_a_persons_word_is_named() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.member("b").standing = Standing::Held(vec!["audit".into()]);
    assert_eq!(grants(&cluster, vec![order("b", "canary")]), [8]);
    cluster.member("b").standing = Standing::Active;
    let words: [fn(&mut RolloutSpec); 3] =
        [|spec| spec.suspend = true, |spec| spec.abort = true, |spec| spec.skip = vec!["b".into()]];
    for change in words {
        let before = cluster.fleet.rollouts[FIRST].clone();
        cluster.edit(FIRST, change);
        assert_eq!(grants(&cluster, vec![order("b", "canary")]), [8]);
        cluster.fleet.rollouts.insert(FIRST.into(), before);
    }
}

#[test]
fn an_illegal_or_rejected_step_is_named() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.member("b").rejected.push(target("1.1.0").digest);
    assert_eq!(grants(&cluster, vec![order("b", "canary")]), [9]);
    cluster.member("b").rejected.clear();
    let key = ("memcached".to_owned(), "1.1.0".to_owned());
    cluster.fleet.releases.get_mut(&key).unwrap().upgrades_from = Some(">=1.0.5".parse().unwrap());
    assert_eq!(grants(&cluster, vec![order("b", "canary")]), [7]);
    cluster.fleet.releases.get_mut(&key).unwrap().upgrades_from = None;
    cluster.fleet.releases.get_mut(&key).unwrap().not_ready = Some("its CRD differs".into());
    assert_eq!(grants(&cluster, vec![order("b", "canary")]), [7]);
}

#[test]
fn a_run_over_its_budget_must_halt_and_stay_halted() {
    let mut cluster = begun();
    cluster.fail("a");
    assert_eq!(grants(&cluster, vec![order("b", "canary")]), [3]);
    let status = cluster.status(FIRST).clone();
    let unmoved = Decisions { status: [(FIRST.into(), status)].into(), ..Decisions::default() };
    assert_eq!(broken(&cluster, &unmoved), [3], "it goes on");
    cluster.settle();
    cluster.prove("a");
    let resumed = RolloutStatus { halted: None, ..cluster.status(FIRST).clone() };
    let resumed = Decisions { status: [(FIRST.into(), resumed)].into(), ..Decisions::default() };
    assert_eq!(broken(&cluster, &resumed), [3], "nobody acted");
}

#[test]
fn a_wave_that_passes_with_a_tenant_in_flight_is_named() {
    let cluster = begun();
    let mut status = cluster.status(FIRST).clone();
    status.waves[0].phase = WavePhase::Done;
    assert_eq!(broken(&cluster, &Decisions { status: [(FIRST.into(), status)].into(), ..Decisions::default() }), [2]);
}

#[test]
fn a_failure_that_is_none_and_a_deletion_too_early_are_named() {
    let mut cluster = begun();
    cluster.wait(600);
    let decisions = decide(&cluster.fleet, cluster.now);
    assert!(broken(&cluster, &decisions).is_empty());
    cluster.prove("a");
    assert_eq!(broken(&cluster, &Decisions { failures: decisions.failures, ..Decisions::default() }), [3]);
    cluster.member("a").health = Health::Moving;
    assert_eq!(broken(&cluster, &Decisions { delete: vec![FIRST.into()], ..Decisions::default() }), [4]);
}

#[test]
fn a_run_that_has_ended_stays_ended() {
    let mut cluster = begun();
    cluster.edit(FIRST, |spec| spec.abort = true);
    cluster.settle();
    let alive = RolloutStatus { phase: Phase::Running, ..cluster.status(FIRST).clone() };
    assert_eq!(broken(&cluster, &Decisions { status: [(FIRST.into(), alive)].into(), ..Decisions::default() }), [6]);
}

#[test]
fn whatever_goes_on_while_a_plan_of_the_operator_cannot_be_read_is_named() {
    let mut cluster = begun();
    cluster.prove("a");
    let status = |cluster: &Cluster, change: fn(&mut RolloutStatus)| {
        let mut next = cluster.status(FIRST).clone();
        change(&mut next);
        broken(cluster, &Decisions { status: [(FIRST.into(), next)].into(), ..Decisions::default() })
    };
    let another = |cluster: &Cluster| {
        let mut rollout = cluster.fleet.rollouts[FIRST].clone();
        rollout.metadata.name = Some("memcached-1.1.0-2".into());
        broken(cluster, &Decisions { create: vec![rollout], ..Decisions::default() })
    };
    assert!(grants(&cluster, vec![order("b", "canary")]).is_empty() && another(&cluster).is_empty());
    cluster.fleet.unread.insert(FIRST.into(), "a part of it is not there".into());
    assert_eq!(grants(&cluster, vec![order("b", "canary")]), [4]);
    assert_eq!(another(&cluster), [4]);
    assert_eq!(status(&cluster, |next| next.waves[0].phase = WavePhase::Done), [4]);
    assert_eq!(status(&cluster, |next| next.phase = Phase::Succeeded), [4]);
    assert!(status(&cluster, |next| next.message = "said".into()).is_empty());
}

/// A grant of a run that somebody deleted landed late, and the next run had got its name: its every plan was refused.
#[test]
fn a_tenant_that_is_not_in_the_plan_takes_no_place_of_it() {
    let mut cluster = begun();
    cluster.prove("a");
    let (mut other, canary) = (cluster.fleet.members["a"].clone(), grants(&cluster, vec![order("b", "canary")]));
    (other.uid, other.health) = ("uid-x".into(), Health::Moving);
    cluster.fleet.members.insert("x".into(), other);
    assert_eq!((canary, grants(&cluster, vec![order("b", "canary")])), (vec![], vec![]));
    cluster.member("a").health = Health::Moving;
    assert_eq!(grants(&cluster, vec![order("b", "canary")]), [1], "who is in the plan does");
}
