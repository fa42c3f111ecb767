//! An answer counts for its own round of its own plan, when it is new enough, and whoever leads.
use jiff::SignedDuration;
use leasehold::{
    api::{Gate, GateVerdict, JobGate, JobTemplate, Span, WavePhase},
    domain::analysis::{self, Analyses, Answer, Asked, Outcome},
    plan::rollout::{Violation, decide, invariants},
};

use crate::{Cluster, RUN, about, after, answer, asked, before, begun, expression, gate, pace, put, query, soak};

#[test]
fn a_pass_older_than_two_intervals_opens_nothing_and_is_asked_again() {
    let mut cluster = begun(before(query("errors")));
    let asks = asked(&cluster);
    put(&mut cluster, &asks[0], Outcome::Passed);
    // Recorded, and then nobody looks for a while: another leader, a frozen process.
    cluster.tick();
    assert_eq!(gate(&cluster).verdict, GateVerdict::Passed);
    cluster.wait(60);
    cluster.settle();
    assert!(cluster.moving().is_empty(), "exactly two intervals old");
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(cluster.moving(), ["a"]);
}

/// What was seen at the beginning of a round is as old as the round: when the last answer came does not make it younger.
#[test]
fn evidence_is_as_old_as_the_beginning_of_its_round() {
    let mut cluster = begun(before(expression("ready")));
    let asks = asked(&cluster);
    put(&mut cluster, &asks[0], Outcome::Passed);
    cluster.wait(59);
    put(&mut cluster, &asks[1], Outcome::Passed);
    cluster.tick();
    assert_eq!(gate(&cluster).verdict, GateVerdict::Passed, "young enough for one second more");
    let soon = decide(&cluster.fleet, cluster.now).wake.unwrap();
    assert_eq!(soon, cluster.now + SignedDuration::from_secs(1));
    cluster.wait(1);
    cluster.settle();
    assert!(cluster.moving().is_empty(), "two intervals after the round began");
}

#[test]
fn a_round_that_takes_longer_than_its_answers_count_is_no_pass_and_says_what_to_do() {
    let mut cluster = begun(before(expression("ready")));
    let asks = asked(&cluster);
    put(&mut cluster, &asks[0], Outcome::Passed);
    cluster.wait(60);
    put(&mut cluster, &asks[1], Outcome::Passed);
    cluster.settle();
    assert!(cluster.moving().is_empty());
    let found = gate(&cluster);
    assert_eq!((found.verdict, found.passed, found.inconclusive), (GateVerdict::Inconclusive, 0, 1));
    assert!(found.message.contains("took longer than its answers count (1m)"), "{}", found.message);
    assert!(found.message.contains("`interval`"), "{}", found.message);
}

#[test]
fn a_job_has_its_time_to_run_besides() {
    let template = JobTemplate { timeout: Span::secs(120), ..JobTemplate::default() };
    let smoke = Gate { name: "smoke".into(), job: Some(JobGate { template, pace: pace() }), ..Gate::default() };
    let taking = |seconds: i64| {
        let mut cluster = begun(before(smoke.clone()));
        let asks = asked(&cluster);
        cluster.wait(seconds);
        for asked in &asks {
            put(&mut cluster, asked, Outcome::Passed);
        }
        cluster.settle();
        cluster.moving().len()
    };
    assert_eq!((taking(179), taking(180)), (1, 0), "two intervals of 30 s, and two minutes");
}

#[test]
fn an_answer_to_another_round_plan_or_run_is_none() {
    let mut cluster = begun(before(query("errors")));
    let right = asked(&cluster).remove(0);
    let change = |change: fn(&mut Asked)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        wrong
    };
    let earlier = |asked: &mut Asked| asked.round.at -= SignedDuration::from_secs(1);
    for wrong in [
        change(|asked| asked.round.number += 1),
        change(|asked| asked.round.plan = "0123456789abcdef".into()),
        change(|asked| asked.round.key.rollout = "memcached-1.1.0-2".into()),
        change(|asked| asked.round.key.wave = "rest".into()),
        change(|asked| asked.subject = Some("a".into())),
        change(earlier),
    ] {
        cluster.fleet.analyses = Analyses::new();
        put(&mut cluster, &wrong, Outcome::Passed);
        cluster.settle();
        assert!(cluster.moving().is_empty(), "{wrong:?}");
        assert_eq!(gate(&cluster).verdict, GateVerdict::Pending);
    }
}

#[test]
fn an_answer_to_what_was_asked_before_the_round_began_is_none() {
    let mut cluster = begun(before(query("errors")));
    let asked = asked(&cluster).remove(0);
    let before = asked.round.at - SignedDuration::from_millis(1);
    let (value, message) = (String::new(), String::new());
    let old = Answer { outcome: Outcome::Passed, value, message, asked: before, at: cluster.now };
    analysis::answer(&mut cluster.fleet.analyses, &asked, old);
    cluster.settle();
    assert!(cluster.moving().is_empty());
    assert_eq!(gate(&cluster).verdict, GateVerdict::Pending);
}

#[test]
fn evidence_is_newer_than_the_last_grant_of_the_wave() {
    let rare = || {
        let mut rare = query("errors");
        rare.prometheus.as_mut().unwrap().pace.interval = Span::secs(120);
        let mut cluster = begun(after(rare));
        soak(&mut cluster);
        answer(&mut cluster, Outcome::Passed);
        cluster
    };
    let phase = |cluster: &Cluster| cluster.status(RUN).waves[0].phase;
    let mut cluster = rare();
    cluster.after(60);
    assert_eq!(phase(&cluster), WavePhase::Done, "a pass at the beginning of the soak is young enough");
    let mut cluster = rare();
    // `b` is granted again, by whatever way, and is well at once.
    let now = cluster.now;
    cluster.member("b").granted.as_mut().unwrap().at = now;
    cluster.after(60);
    assert_eq!(phase(&cluster), WavePhase::Soaking, "the same pass is not newer than the grant");
    cluster.after(60);
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(phase(&cluster), WavePhase::Done);
}

#[test]
fn a_new_leader_goes_on_with_the_round_and_asks_it_again() {
    let mut cluster = begun(before(expression("ready")));
    let asks = asked(&cluster);
    put(&mut cluster, &asks[0], Outcome::Passed);
    cluster.settle();
    assert_eq!(about(&cluster), ["b"]);
    // What was answered was in the memory of the old one.
    cluster.fleet.analyses = Analyses::new();
    assert_eq!(asked(&cluster), asks, "the very same questions: a Job of that name is found again");
    answer(&mut cluster, Outcome::Passed);
    assert_eq!((gate(&cluster).passed, cluster.moving()), (1, vec!["a"]));
}

#[test]
fn what_was_recorded_outlives_a_leader() {
    let mut cluster = begun(before(query("errors")));
    answer(&mut cluster, Outcome::Failed);
    cluster.fleet.analyses = Analyses::new();
    cluster.after(30);
    answer(&mut cluster, Outcome::Failed);
    assert_eq!(gate(&cluster).failed, 2, "counted on");
}

#[test]
fn a_clock_that_goes_back_opens_nothing_and_blocks_nothing_for_ever() {
    let mut cluster = begun(before(query("errors")));
    let asks = asked(&cluster);
    put(&mut cluster, &asks[0], Outcome::Passed);
    cluster.tick();
    cluster.wait(-3600);
    cluster.settle();
    assert!(cluster.moving().is_empty(), "a pass from the future");
    answer(&mut cluster, Outcome::Passed);
    assert_eq!(cluster.moving(), ["a"]);
}

/// The second look at decisions knows gates by itself.
#[test]
fn a_grant_through_a_gate_that_is_not_open_is_named() {
    let violations = |cluster: &Cluster| -> Vec<Violation> {
        let mut open = begun(before(query("errors")));
        let asks = asked(&open);
        put(&mut open, &asks[0], Outcome::Passed);
        open.tick();
        open.tick();
        let decisions = decide(&open.fleet, open.now);
        assert_eq!(decisions.grants.len(), 1, "the grant that is to be refused elsewhere");
        let mut shut = cluster.fleet.clone();
        let status = shut.rollouts.get_mut(RUN).unwrap().status.as_mut().unwrap();
        status.waves[0].phase = WavePhase::Running;
        let grants = decisions.grants;
        invariants::check(&shut, &leasehold::plan::rollout::Decisions { grants, ..Default::default() }, cluster.now)
    };
    let mut cluster = begun(before(query("errors")));
    assert_eq!(violations(&cluster).len(), 1, "never passed");
    let asks = asked(&cluster);
    put(&mut cluster, &asks[0], Outcome::Passed);
    cluster.tick();
    assert_eq!(violations(&cluster), []);
    cluster.wait(61);
    assert_eq!(violations(&cluster).len(), 1, "too old");
}
