//! A plan → its writes, sent as far as there are places. Chooses nothing but whose turn it is.
use std::time::Instant;

use jiff::Timestamp;

use super::FleetLoop;
use crate::{
    domain::world::FaultKind,
    election::Term,
    plan::Plan,
    run::{
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
        jobs.extend(self.tasks.rollouts(term, world, plan.rollouts).into_iter().filter(|job| rested(&job.subject)));
        jobs.extend(plan.notes.into_iter().filter_map(|step| self.tasks.note(term, world, step)));
        for (name, found) in plan.undecodable {
            if world.tenants.get(&name).and_then(|seen| seen.fault.as_ref()).is_none_or(|fault| fault.retry_at <= now) {
                jobs.push(self.tasks.undecodable(term, name, found));
            }
        }
        for job in jobs {
            if self.lanes.start(&job.subject, false, Instant::now()) {
                self.spawn(job);
            }
        }
        for job in self.tenants(term) {
            self.spawn(job);
        }
    }

    /// The steps of tenants for which there are places, which they take.
    fn tenants(&mut self, term: &Term) -> Vec<Job> {
        let (now, world) = (Instant::now(), self.index.world());
        let mut lanes = std::mem::take(&mut self.lanes);
        let (mut jobs, mut crowded) = (Vec::new(), false);
        // Beginning after the one that was served last: nobody is always the last of the alphabet.
        for (name, step) in self.planner.steps_after(&self.served) {
            if !(lanes.room(false, now) || lanes.room(true, now)) {
                crowded = true;
                break;
            }
            let subject = Subject::Tenant(name.clone());
            let fault = world.tenants.get(name).and_then(|seen| seen.fault.as_ref());
            let suspect = fault.is_some_and(|fault| fault.kind == FaultKind::Transient);
            if lanes.is_busy(&subject) {
                continue;
            }
            if !lanes.start(&subject, suspect, now) {
                crowded = true;
            } else if let Some(job) = self.tasks.tenant(term, world, name, step) {
                jobs.push(job);
            } else {
                lanes.end(&subject);
            }
        }
        (self.lanes, self.crowded) = (lanes, crowded);
        jobs
    }

    fn spawn(&mut self, job: Job) {
        if let Subject::Tenant(name) = &job.subject {
            self.served.clone_from(name);
            if let Some(grant) = &job.grant {
                self.in_doubt.insert(name.clone(), grant.clone());
            }
        }
        self.under_way.spawn(tasks::unpanicked(job, self.metrics.clone()));
    }
}
