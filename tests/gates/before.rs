//! Gates before a wave: nobody is granted but on a pass, and on a fresh one at each grant.
use leasehold::{
    api::{Amount, GateVerdict, Phase, WavePhase},
    domain::{analysis::Outcome, fleet::Standing, report::WaitingOn},
    plan::rollout::decide,
};

use crate::{RUN, about, answer, asked, before, begun, expression, gate, put, query};

#[test]
fn nobody_is_granted_before_a_pass_and_then_they_are() {
    let mut cluster = begun(before(query("errors")));
    assert!(cluster.moving().is_empty());
    assert_eq!(cluster.status(RUN).waves[0].phase, WavePhase::Pending);
    assert_eq!(about(&cluster), ["wave"]);
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(cluster.moving(), ["a"]);
    let gate = gate(&cluster);
    assert_eq!((gate.verdict, gate.passed, gate.failed, &*gate.value), (GateVerdict::Passed, 1, 0, "0.2"));
}

#[test]
fn what_is_not_done_yet_is_asked_again_in_a_second_and_opens_nothing() {
    let mut cluster = begun(before(query("errors")));
    answer(&mut cluster, Outcome::Running);
    assert!(asked(&cluster).is_empty() && cluster.moving().is_empty());
    let wake = decide(&cluster.fleet, cluster.now).wake.unwrap();
    cluster.now = wake;
    assert_eq!(about(&cluster), ["wave"]);
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(cluster.moving(), ["a"]);
}

#[test]
fn a_failure_within_the_limit_is_asked_again_and_one_more_halts() {
    let mut cluster = begun(before(query("errors")));
    answer(&mut cluster, Outcome::Failed);
    assert_eq!((gate(&cluster).verdict, cluster.phase(RUN)), (GateVerdict::Failed, Phase::Running));
    assert_eq!(cluster.waits_on("a"), Some(WaitingOn::Evidence));
    let note = decide(&cluster.fleet, cluster.now).waits["c"].1.clone();
    for part in [
        "gate errors",
        "0.2 is what was measured",
        "asked again at 2026-03-01T12:00:40Z",
        "given up after 2026-03-01T12:05:10Z",
    ] {
        assert!(note.contains(part), "{part}: {note}");
    }
    assert!(asked(&cluster).is_empty(), "not before the interval is over");
    cluster.after(30);
    answer(&mut cluster, Outcome::Failed);
    assert_eq!(cluster.phase(RUN), Phase::Halted);
    let reason = &cluster.status(RUN).halted.as_ref().unwrap().reason;
    for part in ["gate errors", "wave canary", "failed in 2 rounds", "1 tolerated", "0.2 is what was measured"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    cluster.after(3600);
    assert!(cluster.moving().is_empty() && asked(&cluster).is_empty(), "it stays halted, and asks nobody");
}

#[test]
fn what_tells_nothing_is_never_a_pass_and_never_a_failure() {
    let mut cluster = begun(before(query("errors")));
    for _ in 0..5 {
        answer(&mut cluster, Outcome::Inconclusive);
        assert!(cluster.moving().is_empty());
        assert_eq!(cluster.waits_on("a"), Some(WaitingOn::Inconclusive));
        cluster.after(30);
    }
    assert_eq!((gate(&cluster).inconclusive, gate(&cluster).failed, cluster.phase(RUN)), (5, 0, Phase::Running));
}

#[test]
fn a_deadline_halts_and_never_lets_anybody_pass() {
    let mut cluster = begun(before(query("errors")));
    cluster.after(299);
    assert_eq!(cluster.phase(RUN), Phase::Running);
    assert_eq!(decide(&cluster.fleet, cluster.now).wake, Some(cluster.now + jiff::SignedDuration::from_secs(1)));
    cluster.after(1);
    assert_eq!((cluster.phase(RUN), about(&cluster)), (Phase::Running, vec!["wave".to_owned()]), "a last round");
    assert_eq!(decide(&cluster.fleet, cluster.now).wake, Some(cluster.now + jiff::SignedDuration::from_secs(30)));
    cluster.after(29);
    assert_eq!(cluster.phase(RUN), Phase::Running);
    cluster.after(1);
    assert_eq!(cluster.phase(RUN), Phase::Halted);
    let reason = &cluster.status(RUN).halted.as_ref().unwrap().reason;
    assert!(reason.contains("gate errors of wave canary was not passed within 5m"), "{reason}");
    assert!(cluster.moving().is_empty());
}

/// What is recorded says already when the next round begins: that it has begun is no write of its own.
#[test]
fn a_round_is_one_write() {
    let mut cluster = begun(before(query("errors")));
    answer(&mut cluster, Outcome::Inconclusive);
    for _ in 0..3 {
        cluster.wait(30);
        let decisions = decide(&cluster.fleet, cluster.now);
        assert_eq!((decisions.asks.len(), decisions.status.get(RUN)), (1, None));
        let before = cluster.status(RUN).clone();
        answer(&mut cluster, Outcome::Inconclusive);
        assert_ne!(*cluster.status(RUN), before);
    }
    let message = &cluster.status(RUN).message;
    assert!(message.ends_with("waits for gate errors: Inconclusive: 0.2 is what was measured"), "{message}");
}

/// Nobody asked while nobody led: a gate is given up on an answer, or on an interval without one.
#[test]
fn an_outage_of_leasehold_gives_no_gate_up() {
    for (outcome, phase) in [(Outcome::Passed, Phase::Running), (Outcome::Inconclusive, Phase::Halted)] {
        let mut cluster = begun(before(query("errors")));
        let old = asked(&cluster).remove(0);
        cluster.wait(86_400);
        cluster.settle();
        assert_eq!(cluster.phase(RUN), Phase::Running);
        put(&mut cluster, &old, Outcome::Inconclusive);
        cluster.settle();
        assert_eq!(cluster.phase(RUN), Phase::Running, "what was asked before says nothing");
        answer(&mut cluster, outcome);
        assert_eq!(cluster.phase(RUN), phase);
    }
}

#[test]
fn after_a_halt_a_persons_edit_asks_the_gate_anew() {
    let mut cluster = begun(before(query("errors")));
    cluster.after(300);
    cluster.after(30);
    assert_eq!(cluster.phase(RUN), Phase::Halted);
    cluster.edit(RUN, |spec| spec.suspend = true);
    cluster.settle();
    cluster.edit(RUN, |spec| spec.suspend = false);
    cluster.settle();
    assert_eq!((cluster.phase(RUN), gate(&cluster).failed), (Phase::Running, 0));
    assert!(cluster.moving().is_empty(), "it is asked first");
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(cluster.moving(), ["a"]);
}

#[test]
fn a_gate_about_tenants_asks_about_those_that_will_be_moved_and_all_must_pass() {
    let mut cluster = begun(before(expression("ready")));
    assert_eq!(about(&cluster), ["a", "b"]);
    let asks = asked(&cluster);
    put(&mut cluster, &asks[0], Outcome::Passed);
    cluster.settle();
    assert_eq!(about(&cluster), ["b"], "one answer is not all");
    assert!(cluster.moving().is_empty());
    put(&mut cluster, &asks[1], Outcome::Failed);
    cluster.settle();
    assert_eq!(gate(&cluster).verdict, GateVerdict::Failed);
    assert!(gate(&cluster).message.starts_with("1 of 2 tenants, b: "), "{}", gate(&cluster).message);
    cluster.after(30);
    let asks = asked(&cluster);
    put(&mut cluster, &asks[0], Outcome::Passed);
    put(&mut cluster, &asks[1], Outcome::Inconclusive);
    cluster.settle();
    assert_eq!(gate(&cluster).verdict, GateVerdict::Inconclusive);
    assert!(cluster.moving().is_empty());
}

#[test]
fn a_halt_by_a_gate_about_tenants_names_them_and_how_to_go_on_without_them() {
    let halted = |outcome: Outcome, wait: i64| {
        let mut canary = crate::wave("canary");
        canary.gates = before(expression("ready"));
        let names = ["a@canary", "b@canary", "c@canary", "d@canary", "e@canary", "f"];
        let mut cluster = crate::Cluster::new(crate::policy(&[canary, crate::wave("rest")])).with(&names);
        cluster.ask(&[], "1.1.0");
        cluster.after(10);
        for _ in 0..2 {
            for asked in asked(&cluster) {
                let well = asked.subject.as_deref() == Some("b");
                put(&mut cluster, &asked, if well { Outcome::Passed } else { outcome });
            }
            cluster.settle();
            cluster.after(wait);
        }
        assert_eq!(cluster.phase(RUN), Phase::Halted);
        cluster.status(RUN).halted.as_ref().unwrap().reason.clone()
    };
    for reason in [halted(Outcome::Failed, 30), halted(Outcome::Inconclusive, 270)] {
        assert!(reason.ends_with("; `skip` a, c, d and 1 more to go on without them"), "{reason}");
        assert!(reason.contains("4 of 5 tenants, a: 0.2 is what was measured"), "{reason}");
    }
}

#[test]
fn a_halt_by_a_gate_about_the_wave_names_nobody() {
    let mut cluster = begun(before(query("errors")));
    cluster.after(300);
    cluster.after(30);
    let reason = &cluster.status(RUN).halted.as_ref().unwrap().reason;
    assert!(reason.contains("not passed within 5m") && !reason.contains("skip"), "{reason}");
}

#[test]
fn who_was_held_when_the_others_were_asked_about_is_asked_about_before_he_goes() {
    let mut cluster = begun(before(expression("ready")));
    cluster.member("b").standing = Standing::Held(vec!["audit".into()]);
    cluster.settle();
    assert_eq!(about(&cluster), ["a"]);
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(cluster.moving(), ["a"]);
    cluster.prove("a");
    cluster.member("b").standing = Standing::Active;
    cluster.settle();
    assert_eq!((cluster.moving(), about(&cluster)), (vec![], vec!["b".to_owned()]), "the pass was about another");
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(cluster.moving(), ["b"]);
}

/// What would be asked about is what the tenant is to be rid of: invariant 9.
#[test]
fn a_broken_tenant_takes_the_fix_without_an_answer_and_no_other_goes_with_it() {
    let (canary, mut rest) = (crate::wave("canary"), crate::wave("rest"));
    rest.gates = before(expression("ready"));
    rest.soak.duration = leasehold::api::Span::secs(0);
    let mut cluster = crate::Cluster::new(crate::policy(&[canary, rest])).with(&["a@canary", "b", "c"]);
    cluster.fail("c");
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    assert_eq!((cluster.moving(), about(&cluster)), (vec!["a", "c"], vec![]), "out of turn, and nobody is asked");
    cluster.prove("c");
    cluster.prove("a");
    cluster.settle();
    cluster.after(60);
    assert_eq!((cluster.moving(), about(&cluster)), (vec![], vec!["b".to_owned()]));
}

#[test]
fn a_gate_that_is_not_passed_keeps_the_well_and_not_the_broken() {
    for gate in [query("errors"), expression("ready")] {
        let mut canary = crate::wave("canary");
        canary.gates = before(gate);
        let mut cluster = crate::Cluster::new(crate::policy(&[canary])).with(&["a", "b"]);
        cluster.fail("b");
        cluster.ask(&[], "1.1.0");
        cluster.after(10);
        assert_eq!(cluster.moving(), ["b"]);
        cluster.prove("b");
        cluster.settle();
        answer(&mut cluster, Outcome::Failed);
        assert_eq!((cluster.moving(), cluster.waits_on("a")), (vec![], Some(WaitingOn::Evidence)));
    }
}

#[test]
fn a_broken_tenant_without_a_slot_is_not_said_to_wait_for_a_gate() {
    let mut cluster = begun(before(query("errors")));
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(cluster.moving(), ["a"]);
    cluster.fail("b");
    cluster.after(100);
    assert_eq!((cluster.moving(), cluster.waits_on("b")), (vec!["a"], Some(WaitingOn::Concurrency)));
}

#[test]
fn in_the_middle_of_a_wave_the_next_grant_needs_a_fresh_pass_again() {
    let mut cluster = begun(before(query("errors")));
    answer(&mut cluster, Outcome::Passed);
    cluster.after(100);
    assert!(asked(&cluster).is_empty(), "while no place is free nobody is asked");
    cluster.prove("a");
    cluster.settle();
    assert_eq!((cluster.moving(), about(&cluster)), (vec![], vec!["wave".to_owned()]));
    answer(&mut cluster, Outcome::Failed);
    assert!(cluster.moving().is_empty());
    cluster.after(30);
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(cluster.moving(), ["b"]);
}

#[test]
fn who_is_suspended_is_not_asked_and_no_deadline_runs() {
    let mut cluster = begun(before(query("errors")));
    cluster.edit(RUN, |spec| spec.suspend = true);
    cluster.after(10_000);
    assert!(asked(&cluster).is_empty() && cluster.phase(RUN) == Phase::Suspended);
    cluster.edit(RUN, |spec| spec.suspend = false);
    cluster.settle();
    assert_eq!((cluster.phase(RUN), about(&cluster)), (Phase::Running, vec!["wave".to_owned()]));
}

#[test]
fn a_large_wave_is_asked_about_a_few_at_a_time() {
    let mut canary = crate::wave("rest");
    canary.gates = before(expression("ready"));
    canary.max_concurrency = Some(Amount::Count(1));
    let names: Vec<String> = (0..100).map(|n| format!("t{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut cluster = crate::Cluster::new(crate::policy(&[canary])).with(&names);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    let (mut rounds, mut total) = (0, 0);
    while cluster.moving().is_empty() {
        let asks = asked(&cluster);
        assert!((1..=16).contains(&asks.len()), "{} at once", asks.len());
        (rounds, total) = (rounds + 1, total + asks.len());
        answer(&mut cluster, Outcome::Passed);
    }
    assert_eq!((rounds, total), (7, 100));
    let size = serde_json::to_string(cluster.status(RUN)).unwrap().len();
    assert!(size < 4096, "the record does not grow with the fleet: {size}");
}

/// Found by the simulator: what was decided of a run that winds down was decided again, and written again, for ever.
#[test]
fn a_run_that_nobody_is_interested_in_any_more_asks_nobody_and_comes_to_rest() {
    let mut cluster = begun(crate::after(query("errors")));
    cluster.prove("a");
    cluster.settle();
    cluster.edit(RUN, |spec| spec.skip = vec!["b".into()]);
    cluster.settle();
    cluster.ask(&["a", "b", "c"], "1.0.0");
    cluster.settle();
    assert!(asked(&cluster).is_empty());
}
