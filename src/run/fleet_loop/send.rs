//! A plan → its writes, sent as far as there are places. Chooses nothing but whose turn it is.
use std::time::Instant;

use jiff::Timestamp;

use super::FleetLoop;
use crate::{
    domain::world::FaultKind,
    election::Term,
    plan::Plan,
    run::{
        lanes::Sort,
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
            if self.lanes.start(&job.subject, Sort::Moving, false, Instant::now()) {
                self.spawn(job);
            }
        }
        for job in self.tenants(term) {
            self.spawn(job);
        }
    }

    /// The steps of tenants for which there are places, which they take: what brings tenants on before what is said of them.
    fn tenants(&mut self, term: &Term) -> Vec<Job> {
        let (now, world) = (Instant::now(), self.index.world());
        let mut lanes = std::mem::take(&mut self.lanes);
        let (mut jobs, mut crowded) = (Vec::new(), false);
        for (sort, served) in [(Sort::Moving, &mut self.served.moved), (Sort::Telling, &mut self.served.told)] {
            let after = served.clone();
            // Beginning after the one that was served last: nobody is always the last of the alphabet.
            for (name, step) in self.planner.steps_after(&after) {
                if !(lanes.room(sort, false, now) || lanes.room(sort, true, now)) {
                    crowded = true;
                    break;
                }
                let Some(seen) = world.tenants.get(name) else { continue };
                let status = seen.tenant.as_ref().and_then(|tenant| tenant.status.as_ref());
                let subject = Subject::Tenant(name.clone());
                if (sort == Sort::Moving) != step.moves(status) || lanes.is_busy(&subject) {
                    continue;
                }
                let suspect = seen.fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Transient);
                if !lanes.start(&subject, sort, suspect, now) {
                    crowded = true;
                } else if let Some(job) = self.tasks.tenant(term, world, name, step) {
                    served.clone_from(name);
                    jobs.push(job);
                } else {
                    lanes.end(&subject);
                }
            }
        }
        (self.lanes, self.crowded) = (lanes, crowded);
        jobs
    }

    fn spawn(&mut self, job: Job) {
        if let (Subject::Tenant(name), Some(grant)) = (&job.subject, &job.grant) {
            self.in_doubt.insert(name.clone(), grant.clone());
        }
        self.under_way.spawn(tasks::unpanicked(job, self.metrics.clone()));
    }
}
