//! How a run goes when nobody fails.
use leasehold::{
    api::{Amount, Phase, WavePhase},
    domain::{fleet::Standing, report::WaitingOn},
    plan::rollout::{EventReason, decide},
};

use crate::cluster::{Cluster, policy, target, wave};

const FIRST: &str = "memcached-1.1.0-1";
const SECOND: &str = "memcached-1.2.0-2";

/// Two canaries and three others, all asked to go to 1.1.0, the plan frozen.
fn begun() -> Cluster {
    let policy = policy(&[wave("canary"), wave("rest")]);
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b@canary", "c", "d", "e"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

#[test]
fn a_version_goes_through_the_fleet_in_waves() {
    use EventReason::{RolloutStarted, RolloutSucceeded, WavePromoted, WaveStarted};
    let mut cluster = begun();
    assert_eq!(cluster.moving(), ["a"], "one at a time");
    assert_eq!(cluster.waits_on("b"), Some(WaitingOn::Concurrency));
    assert_eq!(cluster.waits_on("c"), Some(WaitingOn::PriorWave));
    cluster.prove("a");
    cluster.settle();
    assert_eq!(cluster.moving(), ["b"]);
    cluster.prove("b");
    let decisions = cluster.settle();
    assert_eq!(cluster.status(FIRST).waves[0].phase, WavePhase::Soaking);
    assert_eq!(cluster.waits_on("c"), Some(WaitingOn::Soak));
    let (soak, _) = &decisions.waits["c"];
    assert_eq!(soak.until, decisions.wake, "the soak's end is what the engine wakes for");
    cluster.after(59);
    assert!(cluster.moving().is_empty(), "the soak is not over");
    cluster.after(1);
    assert_eq!(cluster.moving(), ["c"]);
    for name in ["c", "d", "e"] {
        cluster.prove(name);
        cluster.settle();
    }
    assert_eq!(cluster.phase(FIRST), Phase::Running, "the last wave soaks too");
    cluster.after(60);
    assert_eq!(cluster.phase(FIRST), Phase::Succeeded);
    assert_eq!(cluster.granted, ["a", "b", "c", "d", "e"]);
    let told: Vec<EventReason> = cluster.told.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(told, [RolloutStarted, WaveStarted, WavePromoted, WaveStarted, WavePromoted, RolloutSucceeded]);
}

#[test]
fn one_commit_that_changes_many_tenants_is_one_run() {
    let mut cluster = Cluster::new(policy(&[wave("rest")])).with(&["a", "b", "c"]);
    cluster.ask(&["a"], "1.1.0");
    let decisions = cluster.after(9);
    let (wait, _) = &decisions.waits["a"];
    assert_eq!((wait.on, wait.until), (WaitingOn::Coalescing, decisions.wake));
    cluster.ask(&["b", "c"], "1.1.0");
    cluster.after(9);
    assert!(cluster.fleet.rollouts.is_empty(), "quiet for 9 s only");
    cluster.after(1);
    assert_eq!(cluster.fleet.rollouts[FIRST].spec.waves[0].members, ["a", "b", "c"]);
}

#[test]
fn a_stream_of_changes_does_not_hold_a_plan_back_for_ever() {
    let names: Vec<String> = (0..60).map(|n| format!("t{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut cluster = Cluster::new(policy(&[wave("rest")])).with(&names);
    for name in names {
        cluster.ask(&[name], "1.1.0");
        cluster.after(9);
    }
    let plan = &cluster.fleet.rollouts[FIRST].spec.waves[0].members;
    assert_eq!(plan.len(), 34, "frozen after 5 minutes: the 34th tenant changed 297 s after the first");
}
#[test]
fn held_and_paused_tenants_take_no_slot_and_keep_no_run_from_ending() {
    let mut cluster = Cluster::new(policy(&[wave("rest")])).with(&["a", "b", "c"]);
    cluster.member("a").standing = Standing::Held(vec!["quarter-end".into()]);
    cluster.member("b").standing = Standing::Paused;
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    assert_eq!(cluster.moving(), ["c"]);
    assert_eq!((cluster.waits_on("a"), cluster.waits_on("b")), (Some(WaitingOn::Hold), Some(WaitingOn::Paused)));
    cluster.prove("c");
    cluster.settle();
    cluster.after(60);
    assert_eq!((cluster.phase(FIRST), cluster.status(FIRST).skipped), (Phase::Succeeded, 2));
    cluster.after(3600);
    assert_eq!(cluster.fleet.rollouts.len(), 1, "nobody could move, so no run is made");
    cluster.member("a").standing = Standing::Active;
    cluster.settle();
    assert_eq!(cluster.moving(), ["a"], "a run of its own, once the hold is gone");
}

#[test]
fn a_hold_that_ends_while_the_wave_is_open_lets_the_tenant_go_and_the_soak_begin_anew() {
    let mut cluster = begun();
    cluster.member("b").standing = Standing::Held(vec!["audit".into()]);
    cluster.prove("a");
    cluster.settle();
    cluster.after(50);
    cluster.member("b").standing = Standing::Active;
    cluster.after(1);
    assert_eq!(cluster.moving(), ["b"]);
    cluster.prove("b");
    cluster.settle();
    cluster.after(59);
    assert!(cluster.moving().is_empty());
    cluster.after(1);
    assert_eq!(cluster.moving(), ["c"]);
}

#[test]
fn the_next_run_of_an_operator_queues_behind_the_first() {
    let mut cluster = begun();
    cluster.fleet.members.insert("z".into(), crate::cluster::member("z", "1.0.0", cluster.now));
    cluster.ask(&["z"], "1.2.0");
    cluster.after(10);
    assert_eq!(cluster.phase(SECOND), Phase::Queued);
    assert_eq!(cluster.waits_on("z"), Some(WaitingOn::Queued));
    assert_eq!(cluster.version("z"), "1.0.0");
    for name in ["a", "b", "c", "d", "e"] {
        cluster.prove(name);
        cluster.settle();
        cluster.after(60);
    }
    assert_eq!(cluster.phase(FIRST), Phase::Succeeded);
    assert_eq!((cluster.phase(SECOND), cluster.moving()), (Phase::Running, vec!["z"]));
}

#[test]
fn a_release_that_is_not_ready_holds_everybody_where_they_are() {
    let mut cluster = begun();
    let key = ("memcached".to_owned(), "1.1.0".to_owned());
    cluster.fleet.releases.get_mut(&key).unwrap().not_ready = Some("CRD memcacheds.cache.example.com differs".into());
    cluster.prove("a");
    let decisions = cluster.settle();
    assert!(cluster.moving().is_empty());
    let (wait, note) = &decisions.waits["b"];
    assert_eq!(wait.on, WaitingOn::CrdReady);
    assert!(note.contains("differs") && cluster.status(FIRST).message.contains("differs"));
    cluster.fleet.releases.get_mut(&key).unwrap().not_ready = None;
    cluster.settle();
    assert_eq!(cluster.moving(), ["b"]);
}

#[test]
fn only_legal_steps_are_planned() {
    let mut cluster = Cluster::new(policy(&[wave("rest")])).with(&["a", "b"]);
    let release = cluster.fleet.releases.get_mut(&("memcached".to_owned(), "1.4.0".to_owned())).unwrap();
    release.upgrades_from = Some(">=1.3.0, <1.4.0".parse().unwrap());
    let between = cluster.fleet.releases.get_mut(&("memcached".to_owned(), "1.3.0".to_owned())).unwrap();
    between.upgrades_from = Some(">=1.9.0".parse().unwrap());
    cluster.member("b").granted.as_mut().unwrap().target = target("1.3.0");
    cluster.ask(&[], "1.4.0");
    let decisions = cluster.after(10);
    assert_eq!(cluster.moving(), ["b"]);
    let (wait, note) = &decisions.waits["a"];
    assert_eq!(wait.on, WaitingOn::PathBlocked);
    assert!(note.contains("1.4.0") && note.contains("1.0.0") && note.contains(">=1.3.0"), "{note}");
}

#[test]
fn finished_runs_are_kept_up_to_the_limit() {
    let mut policy = policy(&[wave("rest")]);
    policy.revision_history_limit = 2;
    let mut cluster = Cluster::new(policy).with(&["a"]);
    for minor in [1, 2, 3, 4, 3] {
        cluster.ask(&[], &format!("1.{minor}.0"));
        cluster.after(10);
        cluster.prove("a");
        cluster.settle();
        cluster.after(60);
    }
    let left: Vec<&str> = cluster.fleet.rollouts.keys().map(String::as_str).collect();
    assert_eq!(left, ["memcached-1.3.0-5", "memcached-1.4.0-4"]);
}

#[test]
fn two_operators_share_the_ceiling_of_the_fleet_fairly() {
    let mut rest = wave("rest");
    rest.max_concurrency = Some(Amount::Count(10));
    let mut cluster = Cluster::new(policy(&[rest])).with(&["a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4"]);
    cluster.fleet.max_concurrency = 4;
    let others: Vec<_> =
        cluster.fleet.releases.iter().map(|((_, v), f)| (("redis".to_owned(), v.clone()), f.clone())).collect();
    cluster.fleet.releases.extend(others);
    for name in ["b1", "b2", "b3", "b4"] {
        cluster.member(name).operator = "redis".into();
    }
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    assert_eq!(cluster.moving(), ["a1", "a2", "b1", "b2"]);
}

#[test]
fn a_missing_policy_is_named_and_touches_no_run_that_has_its_plan() {
    let mut cluster = begun();
    cluster.member("c").policy = "gone".into();
    cluster.fleet.members.insert("z".into(), crate::cluster::member("z", "1.0.0", cluster.now));
    cluster.member("z").policy = "gone".into();
    cluster.ask(&["z"], "1.1.0");
    let decisions = cluster.after(10);
    assert!(decisions.waits["z"].1.contains("RolloutPolicy gone"));
    assert_eq!(cluster.waits_on("c"), Some(WaitingOn::PriorWave), "its plan is frozen");
}

#[test]
fn status_says_what_goes_on_and_keeps_still_when_nothing_does() {
    let mut cluster = begun();
    assert!(cluster.status(FIRST).message.contains("wave canary (1 of 2): 0 of 2 proven, 1 in flight"));
    let before = cluster.status(FIRST).clone();
    cluster.after(30);
    assert_eq!(*cluster.status(FIRST), before, "time alone writes nothing");
    let ready = before.conditions.iter().find(|c| c.type_ == "Ready").unwrap();
    cluster.prove("a");
    cluster.after(30);
    let now = cluster.status(FIRST).conditions.iter().find(|c| c.type_ == "Ready").unwrap();
    assert_eq!(now.last_transition_time, ready.last_transition_time);
    assert_eq!(now.observed_generation, 1);
}

#[test]
fn a_lost_status_is_rebuilt_and_nobody_jumps_a_wave() {
    let mut cluster = begun();
    for name in ["a", "b"] {
        cluster.prove(name);
        cluster.settle();
    }
    cluster.after(60);
    assert_eq!(cluster.moving(), ["c"]);
    cluster.fleet.rollouts.get_mut(FIRST).unwrap().status = None;
    cluster.prove("c");
    cluster.settle();
    assert!(cluster.moving().is_empty(), "the first wave soaks again before anybody else moves");
    assert_eq!(cluster.status(FIRST).proven, 3);
    cluster.after(60);
    assert_eq!(cluster.moving(), ["d"]);
}

#[test]
fn the_same_fleet_gives_the_same_decisions() {
    let cluster = begun();
    assert_eq!(decide(&cluster.fleet, cluster.now), decide(&cluster.fleet.clone(), cluster.now));
}
