//! Planned steps of shared CRDs → tasks.
use jiff::{SignedDuration, Timestamp};
use kube::Resource as _;
use serde_json::Value;

use super::{
    subject::Subject,
    tasks::{Done, Job, Tasks},
};
use crate::{
    act::{Answers, Failure, Judge, Pace},
    api::Sweep,
    domain::{
        crd::validate::Validator,
        world::{Pledge, World},
    },
    election::Term,
    plan::crds::{CrdStep, sweeps},
};

/// After so long no write can land any more: the API server ends each within a minute.
const LANDED: SignedDuration = SignedDuration::from_secs(90);

impl Tasks {
    /// A step of a shared CRD, or of the record of a change of it.
    #[must_use]
    pub fn crd(&self, term: &Term, world: &World, step: CrdStep) -> Option<Job> {
        let subject = Subject::Crd(step.about().to_owned());
        let record = match &step {
            CrdStep::Tell { name, .. } => Some(world.crd_upgrades.get(name)?.clone()),
            _ => None,
        };
        let pledge = match &step {
            CrdStep::Write(write) if !write.expands => {
                let until = Timestamp::now().checked_add(LANDED).unwrap_or(Timestamp::MAX);
                Some((write.crd.clone(), Pledge { resource_version: write.resource_version.clone(), until }))
            }
            _ => None,
        };
        let (tasks, term, about, name) = (self.clone(), term.clone(), subject.clone(), step.name());
        let work = async move {
            let writer = &tasks.writer;
            let result: Result<(Answers, Option<(String, Sweep)>), Failure> = match step {
                CrdStep::Create { definition, annotations, .. } => {
                    writer.create_crd(&term, &definition, &annotations).await.map(plain)
                }
                CrdStep::Write(write) => writer.write_crd(&term, &write).await.map(plain),
                CrdStep::Page { crd, sweep, work } => {
                    let page = writer.page(&term, &work, Pace::default(), judge).await;
                    page.map(|page| (Answers::new(), Some((crd, sweeps::after(&sweep, &page, Timestamp::now())))))
                }
                CrdStep::Trim { crd, uid, resource_version, stored } => {
                    writer.trim_crd(&term, (&crd, &uid, &resource_version), &stored).await.map(plain)
                }
                CrdStep::Begin(upgrade) => writer.begin_crd_upgrade(&term, &upgrade).await.map(plain),
                CrdStep::Tell { status, .. } => match record {
                    Some(record) => {
                        let told = writer.crd_upgrade_status(&term, &record, &status).await;
                        if told.is_ok() {
                            let notices = crate::plan::notice::of_crd(record.status.as_ref(), &status);
                            tasks.bulletin.tell(&record.object_ref(&()), "crd", notices.into_iter().collect());
                        }
                        told.map(plain)
                    }
                    None => Ok((Answers::new(), None)),
                },
            };
            match result {
                Ok((answers, swept)) => Done { answers, swept, ..Done::new(about, name) },
                Err(failure) => {
                    tracing::warn!(subject = about.name(), step = name, %failure, "write failed");
                    Done { failure: Some(failure), ..Done::new(about, name) }
                }
            }
        };
        Some(Job { subject, apart: Vec::new(), grant: None, pledge, work: Box::pin(work) })
    }
}

/// Says what a schema does not stand in an object, and what of the object it would drop. A schema that cannot be judged by passes
/// nothing.
fn judge(schema: &Value) -> Judge {
    match Validator::new(schema) {
        Ok(validator) => Box::new(move |object| {
            let violations = validator.violations(object).into_iter().map(|v| format!("{}: {}", v.path, v.why));
            let pruned = validator.pruned(object).into_iter().map(|path| format!("{path} would be dropped"));
            violations.chain(pruned).collect()
        }),
        Err(why) => Box::new(move |_| vec![format!("the schema cannot be judged by: {why}")]),
    }
}

fn plain(answers: Answers) -> (Answers, Option<(String, Sweep)>) {
    (answers, None)
}
