//! What each surface says of a wait.
use std::time::Duration;

use jiff::Timestamp;
use leasehold::{
    api::Time,
    cli::{explain::Explained, fleet::FleetView, rollout::RolloutReport, table::Paint},
    domain::report::{Report, Verdict, WaitingOn},
    run::metrics::Metrics,
};

use crate::reach::{Reached, each};

/// What is to be said: the reason, since when, until when, and what ends it.
struct Wanted {
    reason: String,
    since: Timestamp,
    until: Option<Timestamp>,
    ends: &'static str,
}

fn seconds(at: Timestamp) -> String {
    Time::seconds(at).0.to_string()
}

/// Plans once more: what the planner says is what the surfaces are held against.
fn look(reached: &mut Reached) -> (Report, leasehold::plan::Plan) {
    let plan = reached.played.cluster.plan();
    let next = reached.played.cluster.planner.next(reached.tenant).expect("there is such a tenant");
    (next.report.clone(), plan)
}

/// The report itself is of that wait, and complete.
fn wanted(reached: &Reached, report: &Report) -> Wanted {
    let (on, tenant) = (reached.on, reached.tenant);
    match &report.verdict {
        Verdict::Waiting(wait) => {
            assert_eq!(wait.on, on, "{tenant}: {}", report.note);
            assert_eq!(wait.until.is_some(), reached.until, "{on}: {wait:?}");
            let since = wait.since.unwrap_or_else(|| panic!("{on}: since when?"));
            assert!(since <= reached.played.cluster.now, "{on}: {wait:?}");
            Wanted { reason: on.to_string(), since, until: wait.until, ends: on.ends() }
        }
        // No legal way is nothing that time ends: a person must act.
        Verdict::Blocked(reason) => {
            assert_eq!((on, reason.to_string()), (WaitingOn::PathBlocked, on.to_string()), "{}", report.note);
            let status = status(reached);
            let stalled = status.conditions.iter().find(|c| c.type_ == "Stalled").expect("Stalled");
            Wanted { reason: on.to_string(), since: stalled.last_transition_time.0, until: None, ends: on.ends() }
        }
        other => panic!("{on} is not reached, {tenant} is {other:?}: {}", report.note),
    }
}

fn status(reached: &Reached) -> leasehold::api::TenantStatus {
    let tenant = reached.played.cluster.world.tenants[reached.tenant].tenant.clone().unwrap();
    tenant.status.clone().unwrap()
}

fn holds(surface: &str, on: WaitingOn, text: &str, parts: &[String]) {
    for part in parts {
        assert!(text.contains(part.as_str()), "{surface} of {on} does not say `{part}`:\n{text}");
    }
}

/// The condition of the Tenant, as it is stored: the message carries what a condition has no field for.
fn condition(reached: &Reached, report: &Report, wanted: &Wanted) {
    let status = status(reached);
    let stalled = matches!(report.verdict, Verdict::Blocked(_));
    let kind = if stalled { "Stalled" } else { "Reconciling" };
    let condition = status.conditions.iter().find(|c| c.type_ == kind && c.status == "True").unwrap();
    assert_eq!(condition.reason, wanted.reason);
    assert_eq!(status.summary, format!("{}: {}", if stalled { "Stalled" } else { "Waiting" }, wanted.reason));
    holds("condition", reached.on, &condition.message, &sentence(report, wanted));
}

/// What a sentence about the wait holds.
fn sentence(report: &Report, wanted: &Wanted) -> Vec<String> {
    let mut parts = vec![report.note.clone()];
    if let Verdict::Waiting(_) = report.verdict {
        parts.push(format!("since {}", seconds(wanted.since)));
        parts.push(wanted.ends.to_owned());
    }
    parts.extend(wanted.until.map(|at| format!("until {} at the latest", seconds(at))));
    parts
}

fn event(reached: &Reached, report: &Report, wanted: &Wanted) {
    let reason = match report.verdict {
        Verdict::Blocked(_) => "Stalled".to_owned(),
        _ => format!("WaitingOn{}", wanted.reason),
    };
    let told = reached.played.told.iter().rfind(|(tenant, notice)| tenant == reached.tenant && notice.reason == reason);
    let (_, notice) = told.unwrap_or_else(|| panic!("no event {reason}: {:?}", reached.played.told));
    assert!(notice.note.len() <= 1000);
    holds("event", reached.on, &notice.note, &sentence(report, wanted));
}

/// The number of those who wait for this, and how long the first of them has.
fn metric(reached: &Reached, wanted: &Wanted) {
    let cluster = &reached.played.cluster;
    let metrics = Metrics::default();
    metrics.planned(Duration::ZERO, &cluster.world, &cluster.planner);
    let text = metrics.text();
    let state = format!("leasehold_tenants{{state=\"{}\"}} ", wanted.reason);
    assert!(text.lines().any(|line| line.starts_with(&state)), "{text}");
    if reached.on != WaitingOn::PathBlocked {
        let longest = format!("leasehold_longest_wait_seconds{{on=\"{}\"}} ", wanted.reason);
        assert!(text.lines().any(|line| line.starts_with(&longest)), "{text}");
    }
}

/// Ages as tables have them: since when, and how much longer.
fn ages(wanted: &Wanted, now: Timestamp, more: impl Fn(String) -> String) -> Vec<String> {
    use leasehold::cli::table::{age, short};
    let mut parts = vec![age(wanted.since, now), wanted.ends.to_owned()];
    parts.extend(wanted.until.map(|at| more(short(at.duration_since(now)))));
    parts
}

fn row(reached: &Reached, report: &Report, wanted: &Wanted) {
    let cluster = &reached.played.cluster;
    let view = FleetView::planned(&cluster.world, &cluster.planner);
    let table = view.table(true, cluster.now, Paint::Plain);
    let row = table.iter().find(|line| line.starts_with(reached.tenant)).unwrap();
    let mut parts = vec![report.note.clone(), format!(": {}", wanted.reason)];
    parts.extend(ages(wanted, cluster.now, |left| format!("at most {left} more")));
    holds("status", reached.on, row, &parts);
}

fn explained(reached: &Reached, report: &Report, wanted: &Wanted, plan: &leasehold::plan::Plan) {
    let cluster = &reached.played.cluster;
    let explained = Explained::new(reached.tenant, &cluster.world, Some((&cluster.planner, plan))).unwrap();
    let text = explained.lines(cluster.now, Paint::Plain).join("\n");
    let mut parts = vec![report.note.clone(), wanted.reason.clone(), seconds(wanted.since)];
    parts.extend(wanted.until.map(|at| format!("{} at the latest", seconds(at))));
    parts.push(wanted.ends.trim_start_matches("ends ").to_owned());
    holds("explain", reached.on, &text, &parts);
    assert_eq!(explained.rollout.map(|place| place.name).as_deref(), reached.rollout, "{}", reached.on);
}

fn of_rollout(reached: &Reached, report: &Report, wanted: &Wanted) {
    let cluster = &reached.played.cluster;
    let Some(name) = reached.rollout else { return };
    let rollout = &cluster.world.rollouts[name];
    let rows = FleetView::planned(&cluster.world, &cluster.planner).tenants;
    let text = RolloutReport::new(rollout, rollout.status.as_ref(), &rows).lines(cluster.now, Paint::Plain).join("\n");
    let line = text.lines().find(|line| line.contains(&report.note) && line.contains(reached.tenant));
    let line = line.unwrap_or_else(|| panic!("{} is not in\n{text}", reached.tenant));
    let mut parts = vec![wanted.reason.clone()];
    parts.extend(ages(wanted, cluster.now, |left| format!("in {left}")));
    holds("rollout status", reached.on, line, &parts);
}

#[test]
fn every_wait_is_explained_on_every_surface() {
    for on in WaitingOn::ALL {
        let mut reached = each(on);
        let (report, plan) = look(&mut reached);
        let wanted = wanted(&reached, &report);
        condition(&reached, &report, &wanted);
        event(&reached, &report, &wanted);
        metric(&reached, &wanted);
        row(&reached, &report, &wanted);
        explained(&reached, &report, &wanted, &plan);
        of_rollout(&reached, &report, &wanted);
    }
}

#[test]
fn what_ends_a_wait_is_said_of_each_and_of_none_twice() {
    let ends: std::collections::BTreeSet<&str> = WaitingOn::ALL.iter().map(|on| on.ends()).collect();
    assert_eq!(ends.len(), WaitingOn::ALL.len());
    assert!(ends.iter().all(|ends| ends.starts_with("ends ")));
}
