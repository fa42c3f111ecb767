//! The order of one pass: look, judge every run, then deadlines, grants, new runs, waits, history.
use jiff::Timestamp;

use super::{Decisions, clock, conditions, create, deadline, event, grant, history, judge, pass::Pass, unread, waits};
use crate::{
    api::{Rollout, RolloutStatus},
    domain::{fleet::Fleet, report::WaitingOn},
};

/// Decides what happens now. Total and pure: the same fleet and time give the same decisions.
#[must_use]
pub fn decide(fleet: &Fleet, now: Timestamp) -> Decisions {
    let pass = Pass::new(fleet, now);
    let outcomes: Vec<judge::Outcome> = pass
        .runs
        .iter()
        .map(|run| {
            judge::judge(run, pass.runs_of(&run.spec.operator).next().map_or("", |active| active.name), &pass.known)
        })
        .collect();
    let (failures, overdue) = deadline::overdue(&pass, &outcomes);
    let grants = grant::grants(&pass, &outcomes, &failures);
    let creation = create::creation(&pass, &outcomes);
    let waits = waits::waits(&pass, &outcomes, &creation, &grants);
    let wake = outcomes.iter().map(|outcome| outcome.wake).fold(overdue, clock::earlier);
    let windows = waits.values().filter(|(wait, _)| wait.on == WaitingOn::Window).map(|(wait, _)| wait.until);
    let wake = windows.fold(wake, clock::earlier);
    let (delete, expiry) = history::expired(&pass);
    let wake = clock::earlier(wake, expiry);
    let mut decisions = Decisions {
        create: creation.create,
        grants,
        failures,
        waits,
        delete,
        wake: clock::earlier(wake, creation.wake),
        ..Decisions::default()
    };
    for (run, mut outcome) in pass.runs.iter().zip(outcomes) {
        decisions.asks.append(&mut outcome.asks);
        if *run.stored != outcome.status {
            decisions.events.extend(event::between(run, &outcome.status));
            decisions.status.insert(run.name.to_owned(), outcome.status);
        }
    }
    let noticed = fleet.rollouts.iter().filter_map(|(name, rollout)| Some((name.clone(), noticed(rollout, now)?)));
    decisions.status.extend(noticed);
    decisions.status.extend(unread::statuses(&pass));
    decisions
}

/// The runs that would be frozen now, without waiting for more tenants to change: `leasehold plan`.
#[must_use]
pub fn preview(fleet: &Fleet, now: Timestamp) -> Vec<Rollout> {
    create::preview(&Pass::new(fleet, now))
}

/// A finished run that somebody edited: nothing follows, but the edit was seen.
fn noticed(rollout: &Rollout, now: Timestamp) -> Option<RolloutStatus> {
    let stored = rollout.status.as_ref().filter(|status| status.phase.ended())?;
    let generation = rollout.metadata.generation.unwrap_or(0);
    if stored.observed_generation == generation {
        return None;
    }
    let mut status = RolloutStatus { observed_generation: generation, ..stored.clone() };
    status.conditions = conditions::of(stored, &status, now);
    Some(status)
}
