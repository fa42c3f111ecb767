//! A model of a cluster: it stores what is written, shows it to the planner at once, and lets operators' pods fare as their
//! fates say. No rule of the planner is in here.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use super::{definitions::Stored, fate::Fate, operator::Operator};
use crate::{
    api::{Rollout, RolloutSlice, RolloutStatus, Tenant},
    domain::{epoch::Epoch, world::World},
    plan::{NoteStep, Plan, Planner, ReleaseStep, crds::CrdStep, notice::Notice, tenant::Step},
};

/// One write of whoever leads.
#[derive(Clone, Debug)]
pub enum Write {
    Release(ReleaseStep),
    Crd(Box<CrdStep>),
    Slice(Box<RolloutSlice>),
    Create(Box<Rollout>),
    /// A Rollout's status, and what is told with it.
    Rollout(String, Box<RolloutStatus>, Vec<Notice>),
    Delete(String),
    DeleteSlice(String),
    Note(NoteStep),
    Tenant(String, Step),
}

/// The cluster and its clock.
pub struct Cluster {
    pub world: World,
    pub now: Timestamp,
    pub planner: Planner,
    pub epoch: Epoch,
    pub fates: Vec<Fate>,
    /// Custom resources by definition.
    pub stored: BTreeMap<String, Stored>,
    /// Those of them that stand no pass, and why.
    pub refused: BTreeMap<String, String>,
    pub(super) operators: BTreeMap<String, Operator>,
    sampled: BTreeSet<String>,
    version: u64,
}

impl Cluster {
    /// An empty one.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            world: World::default(),
            now,
            planner: Planner::default(),
            epoch: Epoch::new("lease", 0),
            fates: Vec::new(),
            stored: BTreeMap::new(),
            refused: BTreeMap::new(),
            operators: BTreeMap::new(),
            sampled: BTreeSet::new(),
            version: 0,
        }
    }

    /// What is decided now.
    pub fn plan(&mut self) -> Plan {
        self.planner.plan(&self.world, &BTreeMap::new(), &self.epoch, self.now)
    }

    /// The writes that a plan stands for, in the order in which they are sent.
    #[must_use]
    pub fn writes(&self, plan: Plan) -> Vec<Write> {
        let decisions = plan.rollouts;
        let told = |name: &str| {
            let events = decisions.events.iter().filter(|event| event.rollout == name);
            let notice = |event: &crate::plan::rollout::RolloutEvent| Notice {
                warning: event.warning,
                reason: event.reason.to_string(),
                note: event.note.clone(),
            };
            events.map(notice).collect::<Vec<_>>()
        };
        let mut writes: Vec<Write> = plan.releases.into_iter().map(Write::Release).collect();
        writes.extend(plan.crds.into_iter().map(|step| Write::Crd(Box::new(step))));
        writes.extend(plan.staged.slices.into_iter().map(|slice| Write::Slice(Box::new(slice))));
        writes.extend(plan.staged.create.into_iter().map(|rollout| Write::Create(Box::new(rollout))));
        let status = |(name, status): (&String, &RolloutStatus)| {
            Write::Rollout(name.clone(), Box::new(status.clone()), told(name))
        };
        writes.extend(decisions.status.iter().map(status));
        writes.extend(decisions.delete.into_iter().map(Write::Delete));
        writes.extend(plan.staged.delete.into_iter().map(Write::DeleteSlice));
        writes.extend(plan.notes.into_iter().map(Write::Note));
        let steps = self.planner.nexts().filter_map(|(name, next)| Some((name, next.step.clone()?)));
        writes.extend(steps.map(|(name, step)| Write::Tenant(name.clone(), step)));
        writes
    }

    /// Stores one write.
    pub fn apply(&mut self, write: Write) {
        match write {
            Write::Release(step) => self.release(step),
            Write::Crd(step) => self.share(*step),
            Write::Slice(slice) => self.slice(*slice),
            Write::Create(rollout) => self.create(*rollout),
            Write::Rollout(name, status, _) => {
                if let Some(rollout) = self.world.rollouts.get_mut(&name) {
                    rollout.status = Some(*status);
                    self.touch_rollout(&name);
                }
            }
            Write::Delete(name) => drop(self.world.rollouts.remove(&name)),
            Write::DeleteSlice(name) => drop(self.world.slices.remove(&name)),
            Write::Note(step) => self.note(step),
            Write::Tenant(name, step) => self.take(&name, &step),
        }
    }

    /// Looks at the Leases that are asked for, as the sampler would. Whether that showed anything new.
    pub fn sample(&mut self, wanted: &BTreeMap<String, (String, String)>) -> bool {
        let mut new = false;
        for name in std::mem::take(&mut self.sampled) {
            if !wanted.contains_key(&name)
                && let Some(seen) = self.world.tenants.get_mut(&name)
            {
                seen.lease = None;
                new = true;
            }
        }
        for name in wanted.keys() {
            let Some(seen) = self.world.tenants.get(name) else { continue };
            let lease = self.operators.get(name).map(|operator| operator.lease(name, self.now)).unwrap_or_default();
            let lease = crate::domain::object::LeaseSeen { known: true, ..lease };
            let granted = seen.tenant.as_ref().and_then(|t| Some(t.status.as_ref()?.granted.as_ref()?.at.0));
            let fresh = |lease: &crate::domain::object::LeaseSeen| lease.renewed >= granted;
            let same = seen.lease.as_ref().is_some_and(|old| old.holder == lease.holder && fresh(old) == fresh(&lease));
            if !same && let Some(seen) = self.world.tenants.get_mut(name) {
                seen.lease = Some(lease);
                new = true;
            }
            self.sampled.insert(name.clone());
        }
        new
    }

    /// Lets time pass until `at`, and lets happen what is due by then.
    pub fn wait_until(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
        let now = self.now;
        let moved = |(name, operator): (&String, &mut Operator)| operator.pass(now).then(|| name.clone());
        let moved: Vec<String> = self.operators.iter_mut().filter_map(moved).collect();
        for name in &moved {
            self.show(name);
        }
    }

    /// The same for a stretch of time.
    pub fn wait(&mut self, span: SignedDuration) {
        self.wait_until(self.now.checked_add(span).unwrap_or(Timestamp::MAX));
    }

    /// When something becomes of an operator by itself.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.operators.values().filter_map(|operator| operator.due.keys().next().copied()).min()
    }

    /// Decides and carries out until nothing is left to do at this instant, or this has gone on for absurdly long. The time at
    /// which more is to do, if time alone brings that.
    ///
    /// # Errors
    /// The last writes, when there is no end to them.
    pub fn settle(&mut self) -> Result<Option<Timestamp>, Vec<Write>> {
        let mut last = Vec::new();
        for _ in 0..256 {
            let plan = self.plan();
            let (wake, samples) = (plan.wake, plan.samples.clone());
            let writes = self.writes(plan);
            if !self.sample(&samples) && writes.is_empty() {
                return Ok(wake);
            }
            last.clone_from(&writes);
            for write in writes {
                self.apply(write);
            }
        }
        Err(last)
    }

    /// Another process takes over and remembers nothing of what was planned.
    pub fn take_over(&mut self) {
        self.planner = Planner::default();
        self.epoch = Epoch::new("lease", self.epoch.transitions() + 1);
        for name in std::mem::take(&mut self.sampled) {
            if let Some(seen) = self.world.tenants.get_mut(&name) {
                seen.lease = None;
            }
        }
    }

    /// From now on some operators fare otherwise: those that run, too.
    pub fn fare(&mut self, fate: Fate) {
        let now = self.now;
        for (name, operator) in &mut self.operators {
            let tenant = self.world.tenants.get(name).and_then(|seen| seen.tenant.as_ref());
            if tenant.is_some_and(|tenant| fate.speaks_of(name, &tenant.spec.operator, &operator.version)) {
                operator.due = fate.turns(now);
            }
        }
        self.fates.push(fate);
    }

    /// Every change of an object has a number of its own.
    pub(super) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// Changes a Tenant.
    pub(super) fn edit_tenant(&mut self, name: &str, change: impl FnOnce(&mut Tenant)) {
        let version = self.next_version();
        let Some(seen) = self.world.tenants.get_mut(name) else { return };
        let Some(tenant) = &mut seen.tenant else { return };
        let tenant = Arc::make_mut(tenant);
        change(tenant);
        tenant.metadata.resource_version = Some(version.to_string());
    }

    /// Brings a tenant's pods up to date.
    pub(super) fn show(&mut self, name: &str) {
        let (Some(seen), Some(operator)) = (self.world.tenants.get_mut(name), self.operators.get(name)) else { return };
        let Some(tenant) = seen.tenant.clone() else { return };
        operator.show(name, seen, (&tenant.target_namespace(), tenant.metadata.uid.as_deref()));
    }

    pub(super) fn touch_rollout(&mut self, name: &str) {
        let version = self.next_version();
        if let Some(rollout) = self.world.rollouts.get_mut(name) {
            rollout.metadata.resource_version = Some(version.to_string());
        }
    }

    fn create(&mut self, mut rollout: Rollout) {
        let name = rollout.metadata.name.clone().unwrap_or_default();
        rollout.metadata.generation = Some(1);
        rollout.metadata.uid = Some(format!("uid-{name}"));
        rollout.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.now));
        self.world.rollouts.entry(name.clone()).or_insert(rollout);
        self.touch_rollout(&name);
    }

    fn slice(&mut self, mut slice: RolloutSlice) {
        let name = slice.metadata.name.clone().unwrap_or_default();
        slice.metadata.uid = Some(format!("uid-{name}"));
        slice.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.now));
        self.world.slices.entry(name).or_insert_with(|| Arc::new(slice));
    }

    fn release(&mut self, step: ReleaseStep) {
        if let Some(object) = self.world.releases.get_mut(&step.release) {
            Arc::make_mut(object).status = Some(step.status);
        }
        self.world.shared_version += 1;
    }

    fn note(&mut self, step: NoteStep) {
        match step {
            NoteStep::Window { name, status } => {
                if let Some(window) = self.world.windows.get_mut(&name) {
                    Arc::make_mut(window).status = Some(status);
                }
            }
            NoteStep::Approval { name, status } => {
                if let Some(approval) = self.world.approvals.get_mut(&name) {
                    Arc::make_mut(approval).status = Some(status);
                }
            }
        }
    }
}

/// What becomes of that version in that tenant.
pub(super) fn fate(fates: &[Fate], tenant: &str, operator: &str, version: &str) -> Fate {
    let last = fates.iter().rev().find(|fate| fate.speaks_of(tenant, operator, version));
    last.cloned().unwrap_or_else(Fate::good)
}
