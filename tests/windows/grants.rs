//! What windows do to a rollout. Read again at each grant.
use leasehold::{
    api::{
        Phase, Selector,
        WindowAction::{Allow, Deny},
        WindowSpec,
    },
    domain::{report::WaitingOn, window::Window},
    plan::rollout::decide,
};

use super::{brake, spec, window};
use crate::cluster::{Cluster, policy, wave};

const RUN: &str = "memcached-1.1.0-1";

/// 2026-03-01 is a Sunday; the story begins at 12:00:00 UTC, the first grant would be at 12:00:10.
fn asked(windows: &[(&str, Window)]) -> Cluster {
    let mut cluster = Cluster::new(policy(&[wave("canary"), wave("rest")])).with(&["a@canary", "b@canary", "c"]);
    cluster.fleet.windows = windows.iter().map(|(name, window)| ((*name).to_owned(), window.clone())).collect();
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

fn selecting(ring: &str, window: Window) -> Window {
    let selector = Selector { match_labels: [("ring".into(), ring.into())].into(), ..Selector::default() };
    Window::new(WindowSpec { selector: Some(selector), ..window.spec })
}

#[test]
fn outside_of_every_allow_nobody_moves_and_the_opening_is_woken_for() {
    let mut cluster = asked(&[("night", window(Allow, "0 22 * * *", 2, "UTC"))]);
    assert!(cluster.moving().is_empty());
    let decisions = decide(&cluster.fleet, cluster.now);
    let (wait, note) = &decisions.waits["a"];
    assert_eq!((wait.on, wait.until), (WaitingOn::Window, decisions.wake));
    assert_eq!(wait.until.unwrap().to_string(), "2026-03-01T22:00:00Z");
    assert!(note.contains("ChangeWindow night, which opens at 2026-03-01T22:00:00Z"), "{note}");
    assert!(cluster.status(RUN).message.contains("outside their change windows"), "{}", cluster.status(RUN).message);
    cluster.now = wait.until.unwrap();
    cluster.settle();
    assert_eq!(cluster.moving(), ["a"]);
}

#[test]
fn a_window_that_closes_in_the_middle_stops_the_next_grant_and_no_soak() {
    let mut cluster = asked(&[("noon", window(Allow, "0 12 * * *", 1, "UTC"))]);
    assert_eq!(cluster.moving(), ["a"]);
    cluster.prove("a");
    cluster.after(3600);
    assert!(cluster.moving().is_empty(), "13:00 has passed");
    assert_eq!(cluster.phase(RUN), Phase::Running);
    cluster.after(23 * 3600);
    assert_eq!(cluster.moving(), ["b"], "the next noon");
    cluster.prove("b");
    cluster.settle();
    cluster.after(60);
    assert_eq!(cluster.moving(), ["c"]);
}

#[test]
fn deny_wins() {
    let always = window(Allow, "0 0 * * *", 24, "UTC");
    let mut cluster = asked(&[("always", always), ("freeze", window(Deny, "0 0 * * *", 24, "UTC"))]);
    cluster.after(86_400);
    assert!(cluster.granted.is_empty());
    let note = &decide(&cluster.fleet, cluster.now).waits["a"].1;
    assert!(note.contains("ChangeWindow freeze denies") && note.contains("ask the release desk"), "{note}");
}

#[test]
fn the_emergency_brake_stops_the_very_next_grant_and_lets_go_at_once() {
    let mut cluster = asked(&[]);
    cluster.prove("a");
    cluster.fleet.windows.insert("brake".into(), brake());
    cluster.after(3600);
    assert_eq!(cluster.granted, ["a"], "also broken tenants and every other run wait");
    assert!(decide(&cluster.fleet, cluster.now).waits["b"].1.contains("until it is deleted"));
    cluster.fleet.windows.clear();
    cluster.settle();
    assert_eq!(cluster.moving(), ["b"]);
}

#[test]
fn the_brake_also_holds_a_broken_tenants_fix() {
    let mut cluster = asked(&[]);
    cluster.fail("a");
    cluster.settle();
    cluster.fleet.windows.insert("brake".into(), brake());
    cluster.ask(&["a"], "1.2.0");
    cluster.after(3600);
    assert_eq!(cluster.granted, ["a"]);
    cluster.fleet.windows.clear();
    cluster.settle();
    assert_eq!(cluster.version("a"), "1.2.0");
}

#[test]
fn a_window_speaks_of_those_whom_it_selects_and_their_wave_waits_for_them() {
    let mut cluster = asked(&[("canaries", selecting("canary", brake()))]);
    cluster.after(86_400);
    assert!(cluster.granted.is_empty(), "the canaries must go first");
    let mut cluster = asked(&[("others", selecting("", brake()))]);
    for name in ["a", "b"] {
        cluster.prove(name);
        cluster.settle();
    }
    cluster.after(3600);
    assert_eq!((cluster.granted.len(), cluster.phase(RUN)), (2, Phase::Running), "it waits for c, and does not end");
    assert_eq!(cluster.waits_on("c"), Some(WaitingOn::Window));
}

#[test]
fn a_window_of_another_operator_says_nothing() {
    let other = WindowSpec { operators: vec!["redis".into()], ..brake().spec };
    assert_eq!(asked(&[("other", Window::new(other))]).moving(), ["a"]);
}

#[test]
fn a_window_that_cannot_be_understood_denies_and_is_named() {
    let cluster = asked(&[("typo", window(Allow, "0 25 * * *", 1, "UTC"))]);
    assert!(cluster.moving().is_empty());
    let note = &decide(&cluster.fleet, cluster.now).waits["a"].1;
    assert!(note.contains("ChangeWindow typo cannot be understood, so it denies"), "{note}");
}

#[test]
fn a_window_that_is_over_for_good_leaves_nobody_in_doubt() {
    let past = WindowSpec {
        until: Some("2026-02-01T00:00:00Z".parse().map(leasehold::api::Time).unwrap()),
        ..spec(Allow, "0 0 * * *", 24, "UTC")
    };
    let cluster = asked(&[("past", Window::new(past))]);
    let (wait, note) = &decide(&cluster.fleet, cluster.now).waits["a"];
    assert_eq!((wait.on, wait.until), (WaitingOn::Window, None));
    assert!(note.contains("never opens again"), "{note}");
}
