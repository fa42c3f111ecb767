//! What a story says: of writes as people's events have it, of rollouts and waits as far as that is new, and how it ends.
use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    cluster::Write,
    people::Act,
    script::{Show, names},
    story::Story,
    transcript::Topic,
};
use crate::{
    api::{Rollout, Time},
    domain::report::{Report, Verdict},
    plan::{notice, slices},
};

impl Story {
    /// Who is there.
    pub(super) fn opening(&mut self) {
        let mut running: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, next) in self.cluster.planner.nexts() {
            let tenant = self.cluster.world.tenants.get(name).and_then(|seen| seen.tenant.as_deref());
            let status = tenant.and_then(|tenant| next.status(tenant));
            let runs = status.and_then(|status| status.running.as_ref()).zip(tenant).map_or_else(
                || format!("{}: {}", next.report.word(), next.report.note),
                |(running, tenant)| format!("{} {} runs", tenant.spec.operator, running.version),
            );
            running.entry(runs).or_default().push(name.clone());
        }
        for (what, tenants) in running {
            let whom = if self.show == Show::Summary { format!("{} tenants", tenants.len()) } else { names(&tenants) };
            self.transcript.say(self.start, Topic::Story, &format!("at first {what} in {whom}"));
        }
    }

    pub(super) fn told(&self, act: &Act) -> String {
        match act {
            Act::Ask { tenants, version } if tenants.len() > 1 && tenants.len() == self.cluster.world.tenants.len() => {
                format!("all {} tenants ask for {version}", tenants.len())
            }
            act => act.to_string(),
        }
    }

    /// What people get to see of a write.
    pub(super) fn tell(&mut self, write: &Write) {
        let now = self.cluster.now;
        match write {
            Write::Create(rollout) => self.transcript.say(now, Topic::Rollout, &self.frozen(rollout)),
            Write::Rollout(name, _, notices) => {
                for notice in notices {
                    self.transcript.say(now, Topic::Rollout, &format!("{name}: {}: {}", notice.reason, notice.note));
                }
            }
            Write::Delete(name) => {
                self.transcript.say(now, Topic::Rollout, &format!("{name} is past the history limit and deleted"));
            }
            Write::Tenant(name, step) => {
                let tenant = self.cluster.world.tenants.get(name).and_then(|seen| seen.tenant.as_deref());
                let old = tenant.and_then(|tenant| tenant.status.as_ref());
                let told = notice::of_step(step, old);
                // What tenants wait for is said at once, of all of them, and not when it has lasted for a while.
                for notice in told.iter().filter(|notice| !notice.reason.starts_with("WaitingOn")) {
                    self.transcript.of_tenant(name, format!("{}: {}", notice.reason, notice.note));
                }
                self.notices.extend(told.into_iter().map(|notice| (name.clone(), notice)));
            }
            Write::Release(_) | Write::Crd(_) | Write::Slice(_) | Write::DeleteSlice(_) | Write::Note(_) => {}
        }
    }

    fn frozen(&self, rollout: &Rollout) -> String {
        let whole = slices::whole(rollout, &self.cluster.world);
        let spec = whole.as_ref().map_or(&rollout.spec, |whole| &whole.spec);
        let name = rollout.metadata.name.as_deref().unwrap_or_default();
        let back = spec.rollback_of.as_ref().map_or(String::new(), |run| format!(", taking back {run}"));
        let mut text = format!("{name} is frozen{back}:");
        for (at, wave) in spec.waves.iter().enumerate() {
            let whom = match self.show {
                Show::Everything => names(&wave.members),
                Show::Summary => format!("{} tenants", wave.members.len()),
            };
            let separator = if at == 0 { " " } else { "; " };
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "{separator}wave {} {whom} ({} at once, {} may fail, soak {})",
                wave.name, wave.max_concurrency, wave.max_failures, wave.soak
            );
        }
        text
    }

    /// What the runs say of themselves, where that is new.
    pub(super) fn say_rollouts(&mut self) {
        let now = self.cluster.now;
        let rollouts = &self.cluster.world.rollouts;
        let said = rollouts.iter().filter_map(|(name, rollout)| {
            let status = rollout.status.as_ref()?;
            Some((name.clone(), format!("{name} {:?}: {}", status.phase, status.message), status.phase.ended()))
        });
        for (name, text, ended) in said.collect::<Vec<_>>() {
            let old = self.rollouts.insert(name, text.clone());
            // The end is told by its own event, and progress by the waves' when it is told in short.
            let new = old.as_ref() != Some(&text) && !ended;
            let short = self.show == Show::Summary && text.contains("in flight");
            if new && !short {
                self.transcript.say(now, Topic::Rollout, &text);
            }
        }
    }

    /// What tenants wait for, where that is new.
    pub(super) fn say_waits(&mut self) {
        let now = self.cluster.now;
        let mut new: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut waits = BTreeMap::new();
        for (name, next) in self.cluster.planner.nexts() {
            let Some(text) = waiting(&next.report, self.show) else { continue };
            if self.waits.get(name) != Some(&text) {
                new.entry(text.clone()).or_default().push(name.clone());
            }
            waits.insert(name.clone(), text);
        }
        self.waits = waits;
        self.transcript.waits(now, new);
    }

    /// Whether nothing is under way: no run, no tenant on its way or in wait, no pod about to change.
    pub(super) fn at_rest(&self) -> bool {
        let open = |rollout: &Rollout| rollout.status.as_ref().is_none_or(|status| !status.phase.ended());
        let busy = |report: &Report| matches!(report.verdict, Verdict::Moving(_) | Verdict::Waiting(_));
        self.leaderless_until.is_none()
            && self.cluster.next_due().is_none()
            && !self.cluster.world.rollouts.values().any(open)
            && !self.cluster.planner.nexts().any(|(_, next)| busy(&next.report))
    }

    pub(super) fn end(mut self) -> String {
        let now = self.until.unwrap_or(self.cluster.now).max(self.cluster.now);
        let why = if self.until.is_some_and(|until| until <= now) {
            "here the script ends"
        } else if self.at_rest() {
            "everything is at rest"
        } else {
            "nothing more happens by itself"
        };
        let after = crate::api::Span::secs(u64::try_from(now.duration_since(self.start).as_secs()).unwrap_or(0));
        self.transcript.say(now, Topic::End, &format!("after {after}: {why}"));
        let rollouts: Vec<String> =
            self.cluster.world.rollouts.iter().map(|(name, rollout)| ended(name, rollout)).collect();
        for line in &rollouts {
            self.transcript.say(now, Topic::End, line);
        }
        let mut tenants: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, next) in self.cluster.planner.nexts() {
            let tenant = self.cluster.world.tenants.get(name).and_then(|seen| seen.tenant.as_deref());
            let running = tenant.and_then(|t| t.status.as_ref()?.running.as_ref()).map_or("nothing", |r| &r.version);
            let state =
                if next.report.verdict == Verdict::Done { String::new() } else { format!(", {}", next.report.word()) };
            tenants.entry(format!("{running} runs{state}")).or_default().push(name.clone());
        }
        for (what, whom) in tenants {
            let line = match self.show {
                Show::Everything => format!("{what} in {}", names(&whom)),
                Show::Summary => format!("{what} in {} tenants", whom.len()),
            };
            self.transcript.say(now, Topic::End, &line);
        }
        self.transcript.end(now)
    }
}

fn ended(name: &str, rollout: &Rollout) -> String {
    let status = rollout.status.clone().unwrap_or_default();
    format!("{name} {:?}: {}", status.phase, status.message)
}

/// A wait in words.
fn waiting(report: &Report, show: Show) -> Option<String> {
    let Verdict::Waiting(wait) = &report.verdict else { return None };
    let until = wait.until.map(|at| Time::seconds(at).0.to_string()).filter(|at| !report.note.contains(at));
    let until = until.map_or(String::new(), |at| format!(", until {at}"));
    Some(match show {
        Show::Everything => format!("{}: {}{until}", wait.on, report.note),
        Show::Summary => wait.on.to_string(),
    })
}
