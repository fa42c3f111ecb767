//! What is the matter with one tenant, in one report: the gravest first.
use super::{
    grant::Found,
    next::{Draft, Word},
};
use crate::{
    api::Mode,
    domain::{
        fleet::Health,
        marks,
        report::{Motion, Reason, Report, Verdict, Wait, WaitingOn},
        world::{Fault, FaultKind},
    },
};

impl Draft<'_> {
    /// What is the matter, the gravest first.
    pub(super) fn report(&self, word: Word) -> Report {
        let facts = self.facts;
        if let Some(report) = fault_report(self.seen.fault.as_ref()) {
            return report;
        }
        if facts.tenant.spec.mode == Mode::Paused {
            return Report::waiting(
                WaitingOn::Paused,
                Some(self.paused_since()),
                "spec.mode is Paused: nothing is written; set it to Active to go on",
            );
        }
        // The wave engine gives the reason back while that is what it waits for.
        let waits_for = |report: &&Report| word.wait.is_some_and(|(_, note)| note.starts_with(&report.note));
        if let Some(report) = self.refused.as_ref().or(facts.refused.as_ref().filter(waits_for)) {
            return report.clone();
        }
        // A spec that fits what it asks for, and no longer what it has, only waits for its turn.
        if let Some(Err(report)) =
            facts.granted.as_ref().filter(|_| facts.candidate.is_err() || !facts.member.wants_to_move())
        {
            return report.clone();
        }
        if let Err(report) = facts.desired.as_ref().map(|_| ()).and(facts.candidate.as_ref().map(|_| ())) {
            return report.clone();
        }
        if let Some(confirmation) = self.confirmations.first() {
            let reason =
                if confirmation.contains("newer than ours") { Reason::NewerEpoch } else { Reason::ConfirmationNeeded };
            return Report::blocked(reason, confirmation.clone());
        }
        self.progress(word)
    }

    pub(super) fn progress(&self, word: Word) -> Report {
        let (facts, version) = (self.facts, &self.facts.tenant.spec.version);
        if self.claimed {
            return self.just_granted();
        }
        if let Found::Lost(known) = &facts.found {
            return lost(known.as_deref(), word);
        }
        let Some(grant) = self.status.granted.as_ref() else { return self.before_the_first_grant() };
        if let Some(failure) = &self.status.failure {
            let reason = match failure.reason.as_str() {
                "CrashLoop" => Reason::CrashLoop,
                "ImagePull" => Reason::ImagePull,
                "Refused" => Reason::Refused,
                _ => Reason::DeadlineExceeded,
            };
            let fix =
                word.wait.map_or(String::new(), |(wait, note)| format!("; {version} waits for {}: {note}", wait.on));
            return Report::blocked(reason, format!("version {}: {}{fix}", grant.version, failure.message));
        }
        if let Some((Wait { on: WaitingOn::PathBlocked, .. }, note)) = word.wait {
            return Report::blocked(Reason::PathBlocked, format!("spec.version {version}: {note}"));
        }
        if let Some((wait, note)) = word.wait {
            let wait = Wait { until: wait.until.or_else(|| self.held_until(wait.on)), ..wait.clone() };
            return Report { verdict: Verdict::Waiting(wait), note: note.clone() };
        }
        let missing = facts.evidence.as_ref().map(|e| e.missing.clone()).unwrap_or_default();
        if self.overdue {
            let note = format!("version {} is not up after 10 minutes: {missing}", grant.version);
            return Report::blocked(Reason::DeadlineExceeded, note);
        }
        match facts.evidence.as_ref().map(|e| &e.health) {
            Some(Health::Proven) if self.applying.is_none() => Report::done(format!("{version} runs")),
            Some(Health::Regressed) => Report::moving(Motion::Recovering, missing),
            _ if self.applying == Some(Motion::Repairing) => {
                Report::moving(Motion::Repairing, "a field or an object was changed by somebody else")
            }
            _ if self.status.running.is_none() => Report::moving(Motion::Onboarding, missing),
            _ if self.status.running.as_ref().is_some_and(|r| r.version != grant.version) => {
                Report::moving(Motion::Upgrading, missing)
            }
            _ => Report::moving(Motion::Applying, missing),
        }
    }

    /// Since when it is paused: as noted while it is on its way, else since the status says so, else from now on.
    fn paused_since(&self) -> jiff::Timestamp {
        let said = self.status.conditions.iter().find(|c| c.type_ == "Reconciling" && c.reason == "Paused");
        let noted = self.status.paused.and_then(|paused| paused.since);
        noted.or_else(|| said.map(|c| c.last_transition_time)).map_or(self.shared.now, |at| at.0)
    }

    /// When the last of its holds runs out; `None`: one of them stays until somebody takes it off.
    fn held_until(&self, on: WaitingOn) -> Option<jiff::Timestamp> {
        let holds = self.facts.tenant.spec.holds.iter().filter(|_| on == WaitingOn::Hold);
        let ends: Option<Vec<_>> = holds.map(|hold| hold.until.map(|until| until.0)).collect();
        ends?.into_iter().max()
    }

    /// On record, and nothing touched yet: what runs now is not what the words are about.
    fn just_granted(&self) -> Report {
        let before = self.status.running.as_ref().map(|running| &running.version);
        let motion = match (before, &self.status.granted) {
            (None, _) => Motion::Onboarding,
            (Some(before), Some(grant)) if *before != grant.version => Motion::Upgrading,
            (Some(_), _) => Motion::Applying,
        };
        Report::moving(motion, "granted; about to be applied")
    }

    pub(super) fn before_the_first_grant(&self) -> Report {
        let release = self.shared.catalog.get(&self.facts.tenant.spec.operator, &self.facts.tenant.spec.version);
        match release.and_then(|r| r.facts.not_ready.clone()) {
            Some(why) => {
                let created = self.facts.tenant.metadata.creation_timestamp.as_ref().map(|at| at.0);
                Report::waiting(WaitingOn::CrdReady, created, why)
            }
            None => Report::moving(Motion::Onboarding, "about to be stamped out"),
        }
    }
}

/// A tenant with a stack and without any record of what was granted to it.
fn lost(known: Option<&str>, word: Word) -> Report {
    let Some(version) = known else {
        let note = format!(
            "the status is lost and no workload says what runs here: the stack is left as it is, because a step from an unknown version may be an illegal one. \
             Annotate the Tenant with {}=<the version that runs>, and it moves on through a rollout",
            marks::RUNS
        );
        return Report::blocked(Reason::GrantLost, note);
    };
    match word.wait {
        Some((Wait { on: WaitingOn::PathBlocked, .. }, note)) => Report::blocked(Reason::PathBlocked, note.clone()),
        Some((wait, note)) => Report { verdict: Verdict::Waiting(wait.clone()), note: note.clone() },
        None => Report::moving(
            Motion::Recovering,
            format!("the status is lost, {version} runs: a rollout takes it from there"),
        ),
    }
}

/// What a failed write means for the tenant; `None`: it is only tried again.
pub(super) fn fault_report(fault: Option<&Fault>) -> Option<Report> {
    let fault = fault?;
    let note = format!("{}: {}", fault.object, fault.message);
    match fault.kind {
        FaultKind::Conflict => Some(Report::blocked(Reason::Conflict, note)),
        FaultKind::Invalid => Some(Report::blocked(Reason::Refused, note)),
        FaultKind::Denied => Some(Report::blocked(Reason::WriteDenied, note)),
        FaultKind::Stale | FaultKind::Transient => None,
    }
}
