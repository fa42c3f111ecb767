//! Deadlines: a tenant that is not proven in time has failed. Always finite, also when the run has ended or is gone, and
//! never a reason to go on.
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{FailureOrder, clock, judge::Outcome, pass::Pass};
use crate::{
    api::{Span, Time},
    domain::fleet::{Fleet, Granted, Member, Standing},
};

/// For a tenant in flight whose Rollout somebody deleted: the kind's own default.
const ORPHANED: Span = Span::secs(600);

/// What is overdue, and when the next deadline passes.
pub fn overdue(pass: &Pass, outcomes: &[Outcome]) -> (Vec<(String, FailureOrder)>, Option<Timestamp>) {
    let mut watch = Watch { now: pass.known.now, orders: BTreeMap::new(), wake: None };
    let members = &pass.known.fleet.members;
    for (name, member) in members.restless().filter(|(_, member)| member.in_flight() && awake(member)) {
        if let Some(granted) = &member.granted {
            watch.started(name, member, granted, allowed(pass.known.fleet, granted));
        }
    }
    for (run, outcome) in pass.runs.iter().zip(outcomes) {
        for (wave, status) in run.waves.iter().zip(&outcome.status.waves) {
            let deadline = wave.plan.progress_deadline;
            let strangers = wave.in_flight.iter().filter_map(|name| Some((*name, members.get(*name)?)));
            for (name, member) in strangers.filter(|(_, member)| !member.in_flight() && awake(member)) {
                if let Some(granted) = &member.granted {
                    watch.started(name, member, granted, deadline);
                }
            }
            for name in &wave.regressed {
                if let (Some(member), Some(since)) =
                    (members.get(*name).filter(|member| awake(member)), status.regressed_since)
                {
                    watch.fell_back(name, member, since, deadline);
                }
            }
        }
    }
    (watch.orders.into_iter().map(|(name, order)| (name.into(), order)).collect(), watch.wake)
}

/// While a tenant is paused nothing is written for it, so its time stands still.
fn awake(member: &Member) -> bool {
    member.standing != Standing::Paused
}

/// How long this grant may take, by the plan of the run that gave it.
fn allowed(fleet: &Fleet, granted: &Granted) -> Span {
    let rollout = granted.rollout.as_ref().and_then(|name| fleet.rollouts.get(name));
    let wave = rollout.and_then(|run| run.spec.waves.iter().find(|wave| Some(&wave.name) == granted.wave.as_ref()));
    wave.map_or(ORPHANED, |wave| wave.progress_deadline)
}

struct Watch<'a> {
    now: Timestamp,
    orders: BTreeMap<&'a str, FailureOrder>,
    wake: Option<Timestamp>,
}

impl<'a> Watch<'a> {
    fn started(&mut self, name: &'a str, member: &Member, granted: &Granted, allowed: Span) {
        let deadline = clock::after_millis(clock::after(granted.at, allowed), granted.paused.max(0));
        self.until(name, member, deadline, || format!("not proven within {allowed} of its grant"));
    }

    fn fell_back(&mut self, name: &'a str, member: &Member, since: Time, allowed: Span) {
        let message = || format!("was proven, then not ready for {allowed}");
        self.until(name, member, clock::after(since.0, allowed), message);
    }

    fn until(&mut self, name: &'a str, member: &Member, deadline: Timestamp, message: impl FnOnce() -> String) {
        if deadline > self.now {
            self.wake = clock::earlier(self.wake, Some(deadline));
        } else if let Some(granted) = &member.granted {
            self.orders.insert(
                name,
                FailureOrder {
                    uid: member.uid.clone(),
                    target: granted.target.clone(),
                    reason: "DeadlineExceeded".into(),
                    message: message(),
                },
            );
        }
    }
}
