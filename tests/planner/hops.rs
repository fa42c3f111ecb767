//! A version that no single step reaches: over the releases in between, each of them a run through all waves.
use leasehold::{api::Phase, domain::report::WaitingOn, plan::rollout::decide};

use crate::cluster::{Cluster, policy, wave};

const HOP: &str = "memcached-1.2.0-1";
const LAST: &str = "memcached-1.4.0-2";

/// 1.4.0 is reached from 1.2.0 on, 1.2.0 from everywhere.
fn fleet() -> Cluster {
    let mut cluster = Cluster::new(policy(&[wave("canary"), wave("rest")])).with(&["a@canary", "b", "c"]);
    for (version, from) in [("1.4.0", ">=1.2.0, <1.4.0"), ("1.3.0", ">=1.9.0"), ("1.2.0", ">=1.0.0")] {
        let key = ("memcached".to_owned(), version.to_owned());
        cluster.fleet.releases.get_mut(&key).unwrap().upgrades_from = Some(from.parse().unwrap());
    }
    cluster
}

#[test]
fn each_step_is_a_run_through_all_waves() {
    let mut cluster = fleet();
    cluster.ask(&[], "1.4.0");
    let decisions = cluster.after(10);
    assert_eq!((cluster.version("a"), cluster.moving()), ("1.2.0", vec!["a"]));
    assert!(decisions.waits["b"].1.contains("1.2.0 comes first, on the way to 1.4.0"), "{}", decisions.waits["b"].1);
    cluster.prove("a");
    let decisions = cluster.settle();
    let (wait, note) = &decisions.waits["a"];
    assert_eq!(wait.on, WaitingOn::PriorWave);
    assert!(note.contains("has reached 1.2.0 on its way to 1.4.0"), "{note}");
    cluster.after(60);
    for name in ["b", "c"] {
        cluster.prove(name);
        cluster.settle();
    }
    assert_eq!(cluster.fleet.rollouts.len(), 1, "the next step begins when all have taken this one");
    cluster.after(60);
    assert_eq!(cluster.phase(HOP), Phase::Succeeded);
    assert_eq!((cluster.version("a"), cluster.moving()), ("1.4.0", vec!["a"]), "with the canary again");
    assert_eq!(cluster.fleet.rollouts[LAST].spec.waves.len(), 2);
}

#[test]
fn a_failure_on_the_way_stops_the_way() {
    let mut cluster = fleet();
    cluster.ask(&[], "1.4.0");
    cluster.after(10);
    cluster.fail("a");
    cluster.after(86_400);
    assert_eq!((cluster.phase(HOP), cluster.granted.len()), (Phase::Halted, 1));
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    assert_eq!(cluster.version("a"), "1.1.0", "whatever a person asks for instead");
}

#[test]
fn an_abort_ends_the_way_for_those_who_are_on_it() {
    let mut cluster = fleet();
    cluster.ask(&[], "1.4.0");
    cluster.after(10);
    cluster.prove("a");
    cluster.settle();
    cluster.edit(HOP, |spec| spec.abort = true);
    cluster.after(86_400);
    assert_eq!((cluster.version("a"), cluster.version("b")), ("1.2.0", "1.0.0"));
    assert_eq!(cluster.waits_on("a"), Some(WaitingOn::Suspended));
}

#[test]
fn an_undo_on_the_way_leads_back_to_the_beginning_of_that_step() {
    let mut cluster = fleet();
    cluster.ask(&[], "1.4.0");
    cluster.after(10);
    cluster.prove("a");
    cluster.settle();
    cluster.edit(HOP, |spec| spec.undo = true);
    cluster.settle();
    assert_eq!((cluster.version("a"), cluster.moving()), ("1.0.0", vec!["a"]));
    cluster.prove("a");
    cluster.after(86_400);
    assert_eq!(cluster.granted, ["a", "a"], "1.2.0 is remembered, and there is no way around it");
}

#[test]
fn where_there_is_no_way_it_is_said_before_anything_moves() {
    let mut cluster = fleet();
    let key = ("memcached".to_owned(), "1.2.0".to_owned());
    cluster.fleet.releases.get_mut(&key).unwrap().upgrades_from = Some(">=1.1.5".parse().unwrap());
    cluster.ask(&[], "1.4.0");
    cluster.after(3600);
    assert!(cluster.granted.is_empty() && cluster.fleet.rollouts.is_empty());
    let (wait, note) = &decide(&cluster.fleet, cluster.now).waits["a"];
    assert_eq!(wait.on, WaitingOn::PathBlocked);
    assert!(note.contains(">=1.2.0") && note.contains("no release leads there from 1.0.0"), "{note}");
}
