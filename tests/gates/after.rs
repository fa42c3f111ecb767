//! Gates after a wave: asked during its soak, passed when it is over.
use leasehold::{
    api::{GateVerdict, Phase, WavePhase},
    domain::{analysis::Outcome, fleet::Standing, report::WaitingOn},
    plan::rollout::{EventReason, decide},
};

use crate::{RUN, about, after, answer, asked, begun, expression, gate, query, soak};

fn phase(cluster: &crate::Cluster) -> WavePhase {
    cluster.status(RUN).waves[0].phase
}

#[test]
fn it_is_asked_again_each_interval_of_the_soak_and_passed_at_its_end() {
    let mut cluster = begun(after(query("errors")));
    assert!(asked(&cluster).is_empty(), "not before anybody is moved");
    soak(&mut cluster);
    let mut rounds = 0;
    while phase(&cluster) == WavePhase::Soaking {
        if !asked(&cluster).is_empty() {
            answer(&mut cluster, Outcome::Passed);
            rounds += 1;
        }
        let wake = decide(&cluster.fleet, cluster.now).wake.unwrap();
        cluster.now = wake;
        cluster.settle();
    }
    assert_eq!((phase(&cluster), rounds), (WavePhase::Done, 2), "a soak of 60 s, asked at 0 s and 30 s");
    assert_eq!(cluster.moving(), ["c"]);
}

#[test]
fn a_failure_in_the_soak_halts_like_a_breached_budget() {
    let mut cluster = begun(after(query("errors")));
    soak(&mut cluster);
    answer(&mut cluster, Outcome::Failed);
    assert_eq!((phase(&cluster), cluster.phase(RUN)), (WavePhase::Soaking, Phase::Running), "one is tolerated");
    cluster.after(30);
    answer(&mut cluster, Outcome::Failed);
    assert_eq!((phase(&cluster), cluster.phase(RUN)), (WavePhase::Halted, Phase::Halted));
    assert!(cluster.was_told(EventReason::WaveHalted));
    assert_eq!(cluster.waits_on("c"), Some(WaitingOn::Budget));
    cluster.after(100_000);
    assert_eq!(cluster.phase(RUN), Phase::Halted, "latched");
}

#[test]
fn a_soak_that_is_over_waits_for_the_pass_and_the_deadline_counts_from_then() {
    let mut cluster = begun(after(query("errors")));
    soak(&mut cluster);
    answer(&mut cluster, Outcome::Inconclusive);
    for _ in 0..3 {
        cluster.after(30);
        answer(&mut cluster, Outcome::Inconclusive);
    }
    assert_eq!((phase(&cluster), cluster.phase(RUN)), (WavePhase::Soaking, Phase::Running));
    let (wait, note) = decide(&cluster.fleet, cluster.now).waits["c"].clone();
    assert_eq!(wait.on, WaitingOn::Inconclusive);
    assert!(note.contains("gate errors") && wait.until.is_some(), "{note}");
    let since = wait.since.unwrap();
    assert_eq!(wait.until.unwrap(), since + jiff::SignedDuration::from_secs(300));
    cluster.now = wait.until.unwrap();
    cluster.settle();
    assert_eq!(cluster.phase(RUN), Phase::Running, "a last round");
    answer(&mut cluster, Outcome::Inconclusive);
    assert_eq!(cluster.phase(RUN), Phase::Halted);
}

#[test]
fn it_asks_about_those_that_were_moved() {
    let mut cluster = begun(after(expression("ready")));
    soak(&mut cluster);
    assert_eq!(about(&cluster), ["a", "b"]);
}

/// A Job is written into the tenant's namespace, and a person said that nothing is.
#[test]
fn who_is_paused_is_not_asked_about_and_where_all_are_that_is_no_pass() {
    let mut cluster = begun(after(expression("ready")));
    soak(&mut cluster);
    cluster.member("a").standing = Standing::Paused;
    cluster.settle();
    assert_eq!(about(&cluster), ["b"]);
    cluster.member("b").standing = Standing::Paused;
    cluster.settle();
    assert!(asked(&cluster).is_empty());
    assert_eq!(gate(&cluster).verdict, GateVerdict::Inconclusive);
    cluster.member("a").standing = Standing::Active;
    cluster.after(30);
    assert_eq!(about(&cluster), ["a"]);
}

#[test]
fn where_nobody_is_proven_there_is_nobody_to_ask_about_and_that_is_no_pass() {
    let mut cluster = begun(after(expression("ready")));
    cluster.edit(RUN, |spec| (spec.skip, spec.additional_failures) = (vec!["b".into()], 1));
    cluster.fail("a");
    cluster.settle();
    assert_eq!(phase(&cluster), WavePhase::Soaking);
    cluster.after(120);
    assert_eq!((gate(&cluster).verdict, phase(&cluster)), (GateVerdict::Inconclusive, WavePhase::Soaking));
    assert!(gate(&cluster).message.contains("nobody of the wave can be asked about"));
    cluster.after(300);
    assert_eq!(cluster.phase(RUN), Phase::Halted);
}

#[test]
fn a_wave_that_falls_back_has_to_pass_again() {
    let mut cluster = begun(after(query("errors")));
    soak(&mut cluster);
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(gate(&cluster).verdict, GateVerdict::Passed);
    cluster.regress("a");
    cluster.after(1);
    assert_eq!(gate(&cluster).verdict, GateVerdict::Pending, "what was seen before says nothing of what is now");
    assert!(asked(&cluster).is_empty());
    cluster.prove("a");
    cluster.after(1);
    assert_eq!(about(&cluster), ["wave"]);
}
