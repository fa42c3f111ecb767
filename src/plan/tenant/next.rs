//! From a tenant's facts, and the wave engine's word about it, to its next write, its status and its report.
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    conditions,
    evidence::Evidence,
    facts::{Facts, Memo, Shared},
    grant::{self, Found},
    handover::{self, Before},
    offboard,
    stack::{self, Rendered},
    step::{Step, Target, Why},
};
use crate::{
    api::{
        Failure, Grant, Inventory, Leader, Mode, NamespaceRef, Running, Target as ApiTarget, TenantStatus, Time,
        Upgrade,
    },
    domain::{
        digest::{self, Revision},
        fleet::Health,
        marks,
        object::{LeaseSeen, ObjectKey},
        report::{Motion, Reason, Report, Verdict, Wait, WaitingOn},
        world::{Fault, FaultKind, TenantSeen},
    },
    plan::rollout::{FailureOrder, GrantOrder},
};

/// What the wave engine says about one tenant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Word<'a> {
    pub grant: Option<&'a GrantOrder>,
    pub failure: Option<&'a FailureOrder>,
    pub wait: Option<&'a (Wait, String)>,
}

/// What comes next for one tenant.
#[derive(Debug)]
pub struct Next {
    pub step: Option<Step>,
    pub status: TenantStatus,
    pub report: Report,
    /// Whether its operator's Lease must be sampled: `<namespace>, <name>`.
    pub sample: Option<(String, String)>,
    /// When time alone changes this.
    pub wake: Option<Timestamp>,
}

impl Next {
    /// Before anything was worked out.
    #[must_use]
    pub fn nothing() -> Self {
        let report = Report::moving(Motion::Applying, String::new());
        Self { step: None, status: TenantStatus::default(), report, sample: None, wake: None }
    }
}

/// Decides. `seen` is what `facts` were made of.
#[must_use]
pub fn next(facts: &Facts, seen: &TenantSeen, word: Word, shared: &Shared, memo: &mut Memo) -> Next {
    let mut draft = Draft::new(facts, seen, shared);
    if facts.tenant.metadata.deletion_timestamp.is_some() {
        return draft.farewell();
    }
    let held_back = seen.fault.as_ref().filter(|fault| fault.retry_at > shared.now);
    draft.wake = held_back.map(|fault| fault.retry_at);
    let step = draft.decide(word, memo);
    draft.finish(word, step, held_back.is_some())
}

/// The answer while it is being worked out.
struct Draft<'a> {
    facts: &'a Facts,
    seen: &'a TenantSeen,
    shared: &'a Shared<'a>,
    status: TenantStatus,
    /// What the stack lacks, for the report.
    applying: Option<Motion>,
    confirmations: Vec<String>,
    sample: bool,
    wake: Option<Timestamp>,
}

impl<'a> Draft<'a> {
    fn new(facts: &'a Facts, seen: &'a TenantSeen, shared: &'a Shared<'a>) -> Self {
        let mut status = facts.tenant.status.clone().unwrap_or_default();
        status.observed_generation = facts.tenant.metadata.generation.unwrap_or_default();
        status.blockers = Vec::new();
        Self { facts, seen, shared, status, applying: None, confirmations: Vec::new(), sample: false, wake: None }
    }

    fn farewell(mut self) -> Next {
        let tenant = &self.facts.tenant;
        let ours = tenant.metadata.finalizers.iter().flatten().any(|f| f == marks::FINALIZER);
        let farewell = if tenant.spec.mode == Mode::Paused {
            offboard::Farewell {
                step: None,
                blockers: vec!["spec.mode is Paused: set it to Active to let the offboarding go on".into()],
            }
        } else {
            offboard::next(tenant, self.seen)
        };
        self.status.blockers = farewell.blockers.into_iter().take(32).collect();
        let note = match self.status.blockers.first() {
            Some(first) => format!("{:?}: {first}", tenant.spec.deletion_policy),
            None => format!("{:?}: removing the stack", tenant.spec.deletion_policy),
        };
        let held_back = self.seen.fault.as_ref().filter(|fault| fault.retry_at > self.shared.now);
        self.wake = held_back.map(|f| f.retry_at);
        let report =
            fault_report(self.seen.fault.as_ref()).unwrap_or_else(|| Report::moving(Motion::Offboarding, note));
        let step = farewell.step.filter(|_| ours && held_back.is_none());
        conditions::write(&mut self.status, tenant, &report, None, self.shared.now);
        let step =
            step.or_else(|| status_step(tenant.status.as_ref(), &self.status).filter(|_| ours && held_back.is_none()));
        Next { step, status: self.status, report, sample: None, wake: self.wake }
    }

    /// The next write, in the order in which writes are safe: finalizer, claim, stack, prune.
    fn decide(&mut self, word: Word, memo: &mut Memo) -> Option<Step> {
        if let Ok((target, revision)) = &self.facts.desired {
            self.status.desired = Some(ApiTarget { version: target.version.clone(), revision: revision.to_string() });
        }
        self.observe(word);
        let paused = self.facts.tenant.spec.mode == Mode::Paused;
        if let Some((grant, rendered)) = self.new_grant(word.grant).filter(|_| !paused) {
            return Some(self.claim(grant, &rendered));
        }
        let rendered = self.facts.granted.as_ref().and_then(|r| r.as_ref().ok()).cloned()?;
        if paused {
            return None;
        }
        self.stack(&rendered, memo)
    }

    /// A grant that must be written now: the wave engine's, a first install, the tenant's own edit, a recovered one.
    fn new_grant(&self, order: Option<&GrantOrder>) -> Option<(Grant, std::sync::Arc<Rendered>)> {
        let (facts, shared) = (self.facts, self.shared);
        let candidate = facts.candidate.as_ref().ok();
        let (target, revision) = facts.desired.as_ref().ok()?;
        if let Some(order) = order.filter(|order| order.target == *target) {
            let grant = Grant {
                rollout: Some(order.rollout.clone()),
                wave: Some(order.wave.clone()),
                broken_before: order.broken_before,
                ..grant::first(&target.version, revision, shared.epoch, shared.now)
            };
            return Some((grant, candidate?.clone()));
        }
        match &facts.found {
            Found::New => {
                let release = shared.catalog.get(&facts.tenant.spec.operator, &target.version)?;
                let ready = release.facts.not_ready.is_none();
                let grant = grant::first(&target.version, revision, shared.epoch, shared.now);
                ready.then_some((grant, candidate?.clone()))
            }
            Found::Lost => None,
            Found::Workload(old) => {
                let rendered = facts.granted.as_ref()?.as_ref().ok()?;
                Some((old.clone(), rendered.clone()))
            }
            Found::Status(old) => {
                let granted = Revision::parse(&old.revision)?;
                let own = facts.parameters.digest();
                let edited = granted.parameters != own;
                let rendered = facts.granted.as_ref()?.as_ref().ok().filter(|_| edited)?;
                let revision = Revision { release: granted.release, parameters: own };
                let proven = self.status.running.as_ref().is_some_and(|r| r.revision == old.revision);
                Some((grant::edited(old, &revision, proven, shared.epoch, shared.now), rendered.clone()))
            }
        }
    }

    /// Claim, then act: the grant and everything it will make are on record before the first object is.
    fn claim(&mut self, grant: Grant, rendered: &Rendered) -> Step {
        let finalizers = self.facts.tenant.metadata.finalizers.as_deref().unwrap_or_default();
        if !finalizers.iter().any(|f| f == marks::FINALIZER) {
            return Step::AddFinalizer;
        }
        let mut entries: BTreeSet<String> = self.status.inventory.iter().flat_map(|i| i.entries.clone()).collect();
        entries.extend(rendered.objects.iter().map(|o| o.key.to_string()));
        self.status.inventory = Some(inventory(entries));
        let transitions = self.seen.lease.as_ref().filter(|l| l.known).map(|l| l.transitions);
        let transitions = transitions.or(self.status.leader.as_ref().map(|l| l.transitions));
        if self.status.granted.as_ref().is_none_or(|old| old.revision != grant.revision) {
            self.status.failure = None;
        }
        self.status.granted = Some(Grant { transitions: transitions.or(grant.transitions), ..grant });
        Step::Status(Box::new(self.status.clone()))
    }

    /// Brings what was seen into the status: namespace, leader, proof, failure.
    fn observe(&mut self, word: Word) {
        let parameters = &self.facts.parameters;
        let key = ObjectKey {
            namespace: String::new(),
            name: parameters.namespace.clone(),
            group: String::new(),
            kind: "Namespace".into(),
        };
        if let Some(namespace) = self.seen.objects.get(&key) {
            self.status.namespace = Some(NamespaceRef { name: key.name, uid: namespace.uid.clone() });
        }
        if let Some(lease) = self.seen.lease.as_ref().filter(|l| l.known && !l.holder.is_empty()) {
            self.status.leader = Some(leader(lease));
        }
        let (Some(evidence), Some(grant)) = (&self.facts.evidence, self.facts.found.grant()) else { return };
        if evidence.health == Health::Proven {
            self.proven(grant);
        } else {
            self.status.failure.clone_from(&evidence.failure);
            self.sample = self.facts.tenant.spec.mode == Mode::Active && !self.seen.objects.is_empty();
        }
        if let Some(order) = word.failure.filter(|_| evidence.failure.is_none()) {
            self.status.failure = Some(Failure {
                revision: grant.revision.clone(),
                reason: order.reason.clone(),
                message: order.message.clone(),
                at: Time::millis(self.shared.now),
            });
        }
    }

    fn proven(&mut self, grant: &Grant) {
        self.status.failure = None;
        if self.status.running.as_ref().is_some_and(|r| r.revision == grant.revision) {
            return;
        }
        let before = self.status.running.as_ref().map(|r| r.version.clone()).filter(|v| *v != grant.version);
        if let Some(from) = before {
            let lease = self.seen.lease.as_ref();
            let handovers = lease.and_then(|l| grant.transitions.map(|before| l.transitions - before));
            self.status.last_upgrade = Some(Upgrade {
                from,
                to: grant.version.clone(),
                at: Time::seconds(self.shared.now),
                leaderless_milliseconds: lease.map(|l| l.leaderless_milliseconds),
                handovers,
            });
        }
        self.status.running = Some(Running {
            version: grant.version.clone(),
            revision: grant.revision.clone(),
            since: Time::seconds(self.shared.now),
        });
    }

    /// What the stack needs to be as granted.
    fn stack(&mut self, rendered: &Rendered, memo: &mut Memo) -> Option<Step> {
        if let Some(report) = self.newer_epoch() {
            self.confirmations.push(report);
            return None;
        }
        let mut stages = stack::changes(rendered, self.seen, &mut memo.compared);
        let warn = self
            .facts
            .tenant
            .metadata
            .annotations
            .as_ref()
            .and_then(|a| a.get(marks::DRIFT))
            .is_some_and(|v| v == "warn");
        if warn {
            stages.iter_mut().for_each(|stage| stage.retain(|a| !matches!(a.why, Why::Drift(_))));
            stages.retain(|stage| !stage.is_empty());
        }
        if stages.is_empty() {
            return self.prune(rendered);
        }
        let drift = stages.iter().flatten().all(|a| matches!(a.why, Why::Drift(_)));
        self.applying = Some(if drift { Motion::Repairing } else { Motion::Applying });
        if stack::replaces_pods(&stages, rendered, self.seen) {
            let release =
                self.shared.catalog.get(&self.facts.tenant.spec.operator, &self.status.granted.as_ref()?.version)?;
            match handover::before(self.seen, release.object.spec.leader_election.standbys) {
                Before::Nothing => {}
                Before::Sample => {
                    self.sample = true;
                    return None;
                }
                Before::Mark(step) => return Some(step),
            }
        }
        Some(Step::Apply(stages))
    }

    /// F3: an object that a newer leader wrote is not touched.
    fn newer_epoch(&self) -> Option<String> {
        let (key, epoch) =
            self.seen.objects.iter().find_map(|(k, o)| Some((k, o.epoch.filter(|e| *e > self.shared.epoch)?)))?;
        (self.shared.epoch > 0)
            .then(|| format!("{} was written in epoch {epoch}, newer than ours ({})", key.spoken(), self.shared.epoch))
    }

    /// Removes what the granted revision no longer renders, once everything else is applied.
    fn prune(&mut self, rendered: &Rendered) -> Option<Step> {
        let keys = rendered.keys();
        let uid = self.facts.tenant.metadata.uid.as_deref();
        let annotations = self.facts.tenant.metadata.annotations.as_ref();
        let confirmed: BTreeSet<&str> = annotations
            .and_then(|a| a.get(marks::CONFIRM_PRUNE))
            .into_iter()
            .flat_map(|v| v.split(','))
            .map(str::trim)
            .collect();
        let mut go = Vec::new();
        for (key, object) in &self.seen.objects {
            if keys.contains(key) || object.tenant_uid.as_deref() != uid || object.deleting {
                continue;
            }
            let precious = key.stack_kind().is_none_or(|k| k.precious);
            if precious && !confirmed.contains(key.to_string().as_str()) {
                self.confirmations.push(format!(
                    "{} is no longer part of the stack and holds data: annotate the Tenant with {}={key} to let it go",
                    key.spoken(),
                    marks::CONFIRM_PRUNE
                ));
                continue;
            }
            go.push(Target { key: key.clone(), uid: object.uid.clone() });
        }
        let mut entries: BTreeSet<String> = rendered.objects.iter().map(|o| o.key.to_string()).collect();
        entries.extend(
            self.seen.objects.iter().filter(|(_, o)| o.tenant_uid.as_deref() == uid).map(|(k, _)| k.to_string()),
        );
        self.status.inventory = Some(inventory(entries));
        if !go.is_empty() {
            return Some(Step::Delete(go));
        }
        let proven = self.facts.evidence.as_ref().is_some_and(|e| e.health == Health::Proven);
        proven.then(|| handover::clean_up(self.seen, rendered)).flatten()
    }

    fn finish(mut self, word: Word, step: Option<Step>, held_back: bool) -> Next {
        let report = self.report(word);
        let tenant = &self.facts.tenant;
        conditions::write(&mut self.status, tenant, &report, self.facts.evidence.as_ref(), self.shared.now);
        let step = match step {
            // The claim goes out with the conditions of this very moment.
            Some(Step::Status(_)) => Some(Step::Status(Box::new(self.status.clone()))),
            Some(step) => Some(step),
            None => status_step(tenant.status.as_ref(), &self.status),
        };
        let name = super::lease_name(&self.facts.parameters.tenant, self.shared.catalog, tenant, &self.status);
        let sample = self.sample.then_some(()).and(name).map(|name| (self.facts.parameters.namespace.clone(), name));
        Next { step: step.filter(|_| !held_back), status: self.status, report, sample, wake: self.wake }
    }

    /// What is the matter, the gravest first.
    fn report(&self, word: Word) -> Report {
        let facts = self.facts;
        if let Some(report) = fault_report(self.seen.fault.as_ref()) {
            return report;
        }
        if facts.tenant.spec.mode == Mode::Paused {
            return Report::waiting(
                WaitingOn::Paused,
                "spec.mode is Paused: nothing is written; set it to Active to go on",
            );
        }
        if let Some(Err(report)) = &facts.granted {
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

    fn progress(&self, word: Word) -> Report {
        let (facts, version) = (self.facts, &self.facts.tenant.spec.version);
        let Some(grant) = self.status.granted.as_ref() else { return self.before_the_first_grant() };
        if let Some(failure) = &self.status.failure {
            let reason = match failure.reason.as_str() {
                "CrashLoop" => Reason::CrashLoop,
                "ImagePull" => Reason::ImagePull,
                "Refused" => Reason::Refused,
                _ => Reason::DeadlineExceeded,
            };
            return Report::blocked(reason, format!("version {}: {}", grant.version, failure.message));
        }
        if let Some((wait, note)) = word.wait {
            return Report { verdict: Verdict::Waiting(wait.clone()), note: note.clone() };
        }
        let missing = facts.evidence.as_ref().map(|e: &Evidence| e.missing.clone()).unwrap_or_default();
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

    fn before_the_first_grant(&self) -> Report {
        let release = self.shared.catalog.get(&self.facts.tenant.spec.operator, &self.facts.tenant.spec.version);
        match release.and_then(|r| r.facts.not_ready.clone()) {
            Some(why) => Report::waiting(WaitingOn::CrdReady, why),
            None => Report::moving(Motion::Onboarding, "about to be stamped out"),
        }
    }
}

fn fault_report(fault: Option<&Fault>) -> Option<Report> {
    let fault = fault?;
    let note = format!("{}: {}", fault.object, fault.message);
    match fault.kind {
        FaultKind::Conflict => Some(Report::blocked(Reason::Conflict, note)),
        FaultKind::Invalid => Some(Report::blocked(Reason::Refused, note)),
        FaultKind::Denied => Some(Report::blocked(Reason::WriteDenied, note)),
        FaultKind::Stale | FaultKind::Transient => None,
    }
}

fn leader(lease: &LeaseSeen) -> Leader {
    Leader { identity: lease.holder.clone(), transitions: lease.transitions, since: lease.acquired.map(Time::seconds) }
}

fn inventory(entries: BTreeSet<String>) -> Inventory {
    let entries: Vec<String> = entries.into_iter().collect();
    Inventory { digest: digest::of(&entries), entries }
}

/// A write of the status, if it says something new.
fn status_step(old: Option<&TenantStatus>, new: &TenantStatus) -> Option<Step> {
    let old = old.cloned().unwrap_or_default();
    conditions::differs(&old, new).then(|| Step::Status(Box::new(new.clone())))
}
