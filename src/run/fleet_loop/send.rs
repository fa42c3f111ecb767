//! A plan → its writes, sent as far as there are places. Chooses nothing but whose turn it is.
use std::time::Instant;

use jiff::Timestamp;

use super::FleetLoop;
use crate::{
    domain::world::{FaultKind, TenantSeen},
    election::Term,
    plan::{Plan, Planner, tenant::Work},
    run::{
        lanes::{APPLYING, CLAIMING, Kind, TELLING},
        subject::Subject,
        tasks::{self, Job},
    },
};

impl FleetLoop {
    pub(super) fn act(&mut self, term: &Term, plan: Plan) {
        let now = Timestamp::now();
        self.index.forget_answers();
        self.asker.ask(term, plan.questions, now);
        let world = self.index.world();
        let rested = |subject: &Subject| {
            let key = subject.whose().map(|whose| (whose, subject.name().to_owned()));
            key.and_then(|key| world.faults.get(&key)).is_none_or(|fault| fault.retry_at <= now)
        };
        let releases = plan.releases.into_iter().filter_map(|step| self.tasks.release(term, world, step));
        let mut jobs: Vec<Job> = releases.filter(|job| rested(&job.subject)).collect();
        let crds = plan.crds.into_iter().filter_map(|step| self.tasks.crd(term, world, step));
        jobs.extend(crds.filter(|job| rested(&job.subject)));
        jobs.extend(
            self.tasks.rollouts(term, world, plan.rollouts, plan.staged).into_iter().filter(|job| rested(&job.subject)),
        );
        jobs.extend(plan.notes.into_iter().filter_map(|step| self.tasks.note(term, world, step)));
        for (name, found) in plan.undecodable {
            if world.tenants.get(&name).and_then(|seen| seen.fault.as_ref()).is_none_or(|fault| fault.retry_at <= now) {
                jobs.push(self.tasks.undecodable(term, name, found));
            }
        }
        for job in jobs {
            let apart = job.apart.iter().all(|other| !self.lanes.is_busy(other));
            if apart && self.lanes.start(&job.subject, Kind::default(), Instant::now()) {
                self.spawn(job);
            }
        }
        self.tenants(term);
    }

    /// Starts the steps of tenants for which there are places: first a few that tell how tenants do, so that people hear of
    /// them however much there is to do, then most of the claims, what puts something back, a few that carry claims out, and then
    /// the rest.
    fn tenants(&mut self, term: &Term) {
        let order = [
            (Work::Tells, Some(TELLING)),
            (Work::Claims, Some(CLAIMING)),
            (Work::Moves, None),
            (Work::Applies, Some(APPLYING)),
            (Work::Claims, None),
            (Work::Applies, None),
            (Work::Tells, None),
        ];
        self.crowded = false;
        for (work, most) in order {
            let left = self.take_places(term, work, most, |_, _| true);
            if most.is_none() {
                self.crowded |= left;
            }
            if work == Work::Claims {
                self.claims_wait = left;
            }
        }
        self.tasks.bulletin.crowded(self.crowded && !self.lanes.room(false, Instant::now()));
    }

    /// A place is free: the last plan says for whom, where it still holds. Waiting for the next one would leave the place empty
    /// for as long as changes are gathered. Whom a run lets go holds as long as nothing happened to that tenant, nothing was seen
    /// that runs go by, and no time has come for which a plan is due; budgets were counted for all of them in the plan.
    pub(super) fn refill(&mut self, term: Option<&Term>) {
        let Some(term) = term.filter(|term| self.crowded && term.check().is_ok()) else { return };
        let shared = self.index.world().shared_version;
        let holds = |planner: &Planner, tenant: (&str, &TenantSeen)| planner.is_current(tenant, shared);
        let in_time = self.wake.is_none_or(|at| at > Timestamp::now());
        if in_time && self.planned_on == self.index.intents() {
            self.claims_wait = self.take_places(term, Work::Claims, Some(CLAIMING), holds);
        }
        self.take_places(term, Work::Moves, Some(usize::MAX), holds);
        let most = if self.claims_wait { APPLYING } else { usize::MAX };
        self.take_places(term, Work::Applies, Some(most), holds);
    }

    /// Starts the steps of that work, where they hold, while there are places, and while it has not got the `most` that it may
    /// have if not all of them are wanted at any price. Returns whether somebody is left without a place.
    fn take_places(
        &mut self,
        term: &Term,
        work: Work,
        most: Option<usize>,
        holds: impl Fn(&Planner, (&str, &TenantSeen)) -> bool,
    ) -> bool {
        let (now, world) = (Instant::now(), self.index.world());
        let (mut jobs, mut left, mut lanes) = (Vec::new(), false, std::mem::take(&mut self.lanes));
        // Beginning after the one that was served last: nobody is always the last of the alphabet.
        for (name, step) in self.planner.steps_after(&self.served, work) {
            // A few places are found at once, or not at all: who waits for the slow lane waits for the next plan.
            let room = lanes.room(false, now) || (most.is_none() && lanes.room(true, now));
            if !room || most.is_some_and(|most| lanes.has(work, most, now)) {
                left = true;
                break;
            }
            let subject = Subject::Tenant(name.clone());
            let seen = world.tenants.get(name).filter(|seen| holds(&self.planner, (name, seen)));
            let Some(seen) = seen.filter(|_| !lanes.is_busy(&subject)) else { continue };
            let suspect = seen.fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Transient);
            if !lanes.start(&subject, Kind { suspect, work }, now) {
                left = true;
            } else if let Some(job) = self.tasks.tenant(term, world, name, step) {
                jobs.push(job);
            } else {
                lanes.end(&subject);
            }
        }
        self.lanes = lanes;
        for job in jobs {
            self.spawn(job);
        }
        left
    }

    fn spawn(&mut self, job: Job) {
        if let Subject::Tenant(name) = &job.subject {
            self.served.clone_from(name);
            if let Some(grant) = &job.grant {
                self.in_doubt.insert(name.clone(), grant.clone());
            }
        }
        if let Some((crd, pledge)) = &job.pledge {
            self.index.pledged(crd, Some(pledge.clone()));
        }
        self.under_way.spawn(tasks::unpanicked(job, self.metrics.clone()));
    }
}
