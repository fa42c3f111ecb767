//! From a tenant's facts, and the wave engine's word about it, to its next write, its status and its report.
use jiff::Timestamp;

use super::{
    conditions,
    facts::{Facts, Shared},
    memo::Memo,
    offboard,
    report::fault_report,
    step::Step,
};
use crate::{
    api::{Mode, Target as ApiTarget, Tenant, TenantStatus},
    domain::{
        marks,
        report::{Motion, Report, Verdict, Wait},
        world::{Fault, TenantSeen},
    },
    plan::rollout::{FailureOrder, GrantOrder},
};

/// How long a reason to wait must last, and an upgrade be under way, before it is written down that it is so.
const SETTLED: jiff::SignedDuration = jiff::SignedDuration::from_secs(3);

/// What the wave engine says about one tenant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Word<'a> {
    pub grant: Option<&'a GrantOrder>,
    pub failure: Option<&'a FailureOrder>,
    pub wait: Option<&'a (Wait, String)>,
    /// Since when the wave engine has given this reason to wait.
    pub wait_since: Option<Timestamp>,
}

/// What comes next for one tenant.
#[derive(Debug)]
pub struct Next {
    pub step: Option<Step>,
    /// The status as it should be; `None` while the stored one is.
    status: Option<Box<TenantStatus>>,
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
        Self { step: None, status: None, report, sample: None, wake: None }
    }

    /// The status as it should be, of the tenant that this is about.
    #[must_use]
    pub fn status<'a>(&'a self, tenant: &'a Tenant) -> Option<&'a TenantStatus> {
        self.status.as_deref().or(tenant.status.as_ref())
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
    let ends = facts.tenant.spec.holds.iter().filter_map(|hold| hold.until).map(|until| until.0);
    ends.filter(|end| *end > shared.now).for_each(|end| draft.wake_at(end));
    let step = draft.decide(word, memo);
    draft.finish(word, step, held_back)
}

/// The answer while it is being worked out.
pub(super) struct Draft<'a> {
    pub(super) facts: &'a Facts,
    pub(super) seen: &'a TenantSeen,
    pub(super) shared: &'a Shared<'a>,
    pub(super) status: TenantStatus,
    /// What the stack lacks, for the report.
    pub(super) applying: Option<Motion>,
    pub(super) confirmations: Vec<String>,
    /// What somebody changed and is left as it is.
    pub(super) drifted: Vec<String>,
    pub(super) sample: bool,
    /// A new revision was granted just now: what is known of the one before says nothing about it.
    pub(super) claimed: bool,
    /// Why what the wave engine grants cannot be this tenant's.
    pub(super) refused: Option<Report>,
    /// Since when the first look at the Lease is awaited, without which nothing more may be done.
    pub(super) looks_since: Option<Timestamp>,
    /// A grant outside a rollout takes longer than is reasonable.
    pub(super) overdue: bool,
    pub(super) wake: Option<Timestamp>,
}

impl<'a> Draft<'a> {
    fn new(facts: &'a Facts, seen: &'a TenantSeen, shared: &'a Shared<'a>) -> Self {
        let mut status = facts.tenant.status.clone().unwrap_or_default();
        status.observed_generation = facts.tenant.metadata.generation.unwrap_or_default();
        status.blockers = Vec::new();
        Self {
            facts,
            seen,
            shared,
            status,
            applying: None,
            confirmations: Vec::new(),
            drifted: Vec::new(),
            sample: false,
            claimed: false,
            refused: None,
            looks_since: None,
            overdue: false,
            wake: None,
        }
    }

    /// Has this looked at again at `at`, if nothing happens before.
    pub(super) fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    fn farewell(mut self) -> Next {
        let tenant = &self.facts.tenant;
        let ours = tenant.metadata.finalizers.iter().flatten().any(|f| f == marks::FINALIZER);
        // Where nothing was ever made there is nothing that a pause could protect.
        let made = self.status.granted.is_some() || self.status.inventory.is_some() || !self.seen.objects.is_empty();
        let farewell = if tenant.spec.mode == Mode::Paused && made {
            offboard::Farewell {
                step: None,
                blockers: vec!["spec.mode is Paused: set it to Active to let the offboarding go on".into()],
                wake: None,
            }
        } else {
            let customs = self.shared.catalog.custom_kinds(&tenant.spec.operator);
            offboard::next(tenant, self.seen, &customs, self.shared.now)
        };
        self.status.blockers = farewell.blockers.into_iter().take(32).collect();
        let note = match self.status.blockers.first() {
            Some(first) => format!("{:?}: {first}", tenant.spec.deletion_policy),
            None => format!("{:?}: removing the stack", tenant.spec.deletion_policy),
        };
        let held_back = self.seen.fault.as_ref().filter(|fault| fault.retry_at > self.shared.now);
        self.wake = held_back.map(|f| f.retry_at).into_iter().chain(farewell.wake).min();
        let report =
            fault_report(self.seen.fault.as_ref()).unwrap_or_else(|| Report::moving(Motion::Offboarding, note));
        let step = farewell.step.filter(|_| ours && held_back.is_none());
        conditions::write(&mut self.status, tenant, &report, None, self.shared.now);
        let may_say = ours && !held_back.is_some_and(Fault::is_of_tenant);
        let step = step.or_else(|| status_step(tenant.status.as_ref(), &self.status).filter(|_| may_say));
        let status = unstored(tenant, self.status);
        Next { step, status, report, sample: None, wake: self.wake }
    }

    /// The next write, in the order in which writes are safe: finalizer, claim, stack, prune.
    fn decide(&mut self, word: Word, memo: &mut Memo) -> Option<Step> {
        if let Ok((target, revision)) = &self.facts.desired {
            self.status.desired = Some(ApiTarget { version: target.version.clone(), revision: revision.to_string() });
        }
        self.observe(word);
        let paused = self.facts.tenant.spec.mode == Mode::Paused;
        if !paused && let Some((grant, rendered)) = self.new_grant(word.grant) {
            return Some(self.claim(grant, &rendered));
        }
        let rendered = self.facts.granted.as_ref().and_then(|r| r.as_ref().ok()).cloned()?;
        if paused {
            return None;
        }
        self.stack(&rendered, memo)
    }

    /// What may be over in a moment is not worth a write: a rollout that is just being made goes through several reasons to
    /// wait, and the claim said that the tenant moves.
    fn young(&mut self, report: &Report, word: Word) -> bool {
        let granted = || self.facts.found.grant().map(|grant| grant.at.0);
        let since = match report.verdict {
            Verdict::Waiting(_) => word.wait_since,
            Verdict::Moving(Motion::Upgrading) => granted(),
            _ => None,
        };
        let Some(since) = self.looks_since.or(since) else { return false };
        let old = since.checked_add(SETTLED).unwrap_or(since);
        let young = old > self.shared.now;
        if young {
            self.wake_at(old);
        }
        young
    }

    fn finish(mut self, word: Word, step: Option<Step>, held_back: Option<&Fault>) -> Next {
        let report = self.report(word);
        let young = self.young(&report, word);
        let tenant = &self.facts.tenant;
        let before = tenant.status.as_ref().map(|status| &*status.conditions).unwrap_or_default();
        let evidence = self.facts.evidence.as_ref().filter(|_| !self.claimed);
        conditions::write(&mut self.status, tenant, &report, evidence, self.shared.now);
        conditions::drifted(&mut self.status, tenant, before, &self.drifted, self.shared.now);
        // A step that failed waits; the status says meanwhile why, unless it is the Tenant itself that cannot be written.
        let step = step.filter(|_| held_back.is_none());
        let step = match step {
            // The claim goes out with the conditions of this very moment.
            Some(Step::Status(_)) => Some(Step::Status(Box::new(self.status.clone()))),
            Some(step) => Some(step),
            None => status_step(tenant.status.as_ref(), &self.status).filter(|_| !young),
        };
        let name = super::lease_name(&self.facts.parameters.tenant, self.shared.catalog, tenant, &self.status);
        let sample = self.sample.then_some(()).and(name).map(|name| (self.facts.parameters.namespace.clone(), name));
        let step = step.filter(|_| !held_back.is_some_and(Fault::is_of_tenant));
        let status = unstored(tenant, self.status);
        Next { step, status, report, sample, wake: self.wake }
    }
}

/// The status, unless it is the one that is stored: 10,000 tenants at rest need no second copy.
fn unstored(tenant: &Tenant, status: TenantStatus) -> Option<Box<TenantStatus>> {
    (tenant.status.as_ref() != Some(&status)).then(|| Box::new(status))
}

/// A write of the status, if it says something new.
fn status_step(old: Option<&TenantStatus>, new: &TenantStatus) -> Option<Step> {
    let differs =
        old.map_or_else(|| conditions::differs(&TenantStatus::default(), new), |old| conditions::differs(old, new));
    differs.then(|| Step::Status(Box::new(new.clone())))
}
