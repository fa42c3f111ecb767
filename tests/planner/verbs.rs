//! What people say to a run: suspend, abort, skip. And what the next run makes of it.
use leasehold::{
    api::Phase,
    domain::{fleet::Standing, report::WaitingOn},
    plan::rollout::EventReason,
};

use crate::cluster::{Cluster, member, policy, wave};

const FIRST: &str = "memcached-1.1.0-1";

fn begun() -> Cluster {
    let policy = policy(&[wave("canary"), wave("rest")]);
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

#[test]
fn a_queued_run_can_be_aborted_too() {
    let mut cluster = begun();
    cluster.fleet.members.insert("z".into(), member("z", "1.0.0", cluster.now));
    cluster.ask(&["z"], "1.2.0");
    cluster.after(10);
    cluster.edit("memcached-1.2.0-2", |spec| spec.abort = true);
    cluster.settle();
    assert_eq!(cluster.phase("memcached-1.2.0-2"), Phase::Aborted);
    assert_eq!(cluster.phase(FIRST), Phase::Running);
}

#[test]
fn what_was_aborted_does_not_start_again_by_itself() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.edit(FIRST, |spec| spec.abort = true);
    cluster.after(86_400);
    assert_eq!((cluster.fleet.rollouts.len(), cluster.granted.len()), (1, 1));
    assert_eq!(cluster.waits_on("b"), Some(WaitingOn::Suspended));
    cluster.ask(&["b", "c"], "1.2.0");
    cluster.after(10);
    assert_eq!(cluster.moving(), ["b"], "another version is another matter");
}

#[test]
fn deleting_the_aborted_rollout_lets_its_tenants_try_again() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.edit(FIRST, |spec| spec.abort = true);
    cluster.after(60);
    cluster.fleet.rollouts.remove(FIRST);
    cluster.after(10);
    assert_eq!(cluster.moving(), ["b"]);
    assert!(cluster.fleet.rollouts.contains_key("memcached-1.1.0-2"), "the number is not used twice");
}

#[test]
fn a_skipped_tenant_is_not_taken_by_the_run_after() {
    let mut cluster = begun();
    cluster.edit(FIRST, |spec| spec.skip = vec!["b".into()]);
    for name in ["a", "c"] {
        cluster.prove(name);
        cluster.settle();
        cluster.after(60);
    }
    assert_eq!(cluster.phase(FIRST), Phase::Succeeded);
    cluster.after(86_400);
    assert_eq!((cluster.version("b"), cluster.waits_on("b")), ("1.0.0", Some(WaitingOn::Suspended)));
    cluster.edit(FIRST, |spec| spec.skip.clear());
    cluster.after(10);
    assert_eq!(cluster.moving(), ["b"]);
}

#[test]
fn a_suspension_stops_grants_and_lets_those_in_flight_finish() {
    let mut cluster = begun();
    cluster.edit(FIRST, |spec| spec.suspend = true);
    cluster.prove("a");
    cluster.after(3600);
    assert_eq!((cluster.phase(FIRST), cluster.status(FIRST).proven), (Phase::Suspended, 1));
    assert_eq!(cluster.waits_on("b"), Some(WaitingOn::Suspended));
    assert!(cluster.was_told(EventReason::RolloutSuspended));
}

#[test]
fn a_suspension_holds_although_some_ask_for_something_newer() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.edit(FIRST, |spec| spec.suspend = true);
    cluster.ask(&["b"], "1.2.0");
    cluster.after(3600);
    assert_eq!(
        (cluster.phase(FIRST), cluster.granted.len()),
        (Phase::Suspended, 1),
        "or the rest would go on by a new run"
    );
}

#[test]
fn a_halt_holds_although_some_ask_for_something_newer() {
    let mut cluster = begun();
    cluster.fail("a");
    cluster.settle();
    cluster.ask(&["b"], "1.2.0");
    cluster.after(3600);
    assert_eq!((cluster.phase(FIRST), cluster.granted.len()), (Phase::Halted, 1), "c would go to 1.1.0 by a new run");
}

#[test]
fn what_is_left_of_a_superseded_run_becomes_a_run_of_its_own() {
    let mut cluster = begun();
    cluster.ask(&["c"], "1.2.0");
    cluster.prove("a");
    cluster.after(10);
    assert_eq!(cluster.phase(FIRST), Phase::Superseded);
    cluster.settle();
    cluster.prove("c");
    cluster.after(10);
    cluster.after(60);
    assert_eq!((cluster.version("c"), cluster.moving()), ("1.2.0", vec!["b"]));
    assert_eq!(cluster.fleet.members["b"].desired, Some(crate::cluster::target("1.1.0")));
}

#[test]
fn a_tenant_on_its_way_out_keeps_nobody() {
    let mut cluster = begun();
    cluster.member("a").standing = Standing::Deleting;
    cluster.settle();
    assert_eq!(cluster.status(FIRST).skipped, 1);
    assert!(cluster.granted.contains(&"b".to_owned()), "the canary is gone, its wave holds nobody");
}

#[test]
fn an_edit_of_a_finished_run_is_seen_and_changes_nothing() {
    let mut cluster = begun();
    cluster.edit(FIRST, |spec| spec.abort = true);
    cluster.settle();
    cluster.edit(FIRST, |spec| spec.suspend = true);
    cluster.settle();
    assert_eq!((cluster.phase(FIRST), cluster.status(FIRST).observed_generation), (Phase::Aborted, 3));
}
