//! Planned steps of shared CRDs → tasks.
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use kube::Resource as _;
use serde_json::Value;

use super::{
    subject::Subject,
    tasks::{Done, Job, Tasks, done},
};
use crate::{
    act::{Answers, Judge, Pace},
    domain::{
        crd::validate::Validator,
        world::{Pledge, World},
    },
    election::Term,
    plan::{
        crds::{CrdStep, Stage, sweeps},
        notice,
    },
};

/// After so long no write can land any more: the API server ends each within a minute.
const LANDED: SignedDuration = SignedDuration::from_secs(90);

impl Tasks {
    /// A step of a shared CRD, or of the record of a change of it.
    #[must_use]
    pub fn crd(&self, term: &Term, world: &World, step: CrdStep) -> Option<Job> {
        let subject = Subject::Crd(step.about().to_owned());
        let (writer, term, about, name) = (self.writer.clone(), term.clone(), subject.clone(), step.name());
        let pledge = pledge(&step);
        let work: BoxFuture<'static, Done> = match step {
            CrdStep::Page { record, sweep, work, .. } => Box::pin(async move {
                let page = writer.page(&term, &work, Pace::default(), judge).await;
                let swept = page.as_ref().ok().map(|page| (record, sweeps::after(&sweep, page, Timestamp::now())));
                Done { swept, ..done(about, name, page.map(|_| Answers::new())) }
            }),
            CrdStep::Tell { name: upgrade, status } => {
                let (record, bulletin) = (world.crd_upgrades.get(&upgrade)?.clone(), self.bulletin.clone());
                Box::pin(async move {
                    let told = writer.crd_upgrade_status(&term, &record, &status).await;
                    if told.is_ok() {
                        let notices = notice::of_crd(record.status.as_ref(), &status).into_iter().collect();
                        bulletin.tell(&record.object_ref(&()), name, notices);
                    }
                    done(about, name, told)
                })
            }
            CrdStep::Create { definition, annotations, .. } => {
                Box::pin(async move { done(about, name, writer.create_crd(&term, &definition, &annotations).await) })
            }
            CrdStep::Write(write) => Box::pin(async move { done(about, name, writer.write_crd(&term, &write).await) }),
            CrdStep::Trim { crd, uid, resource_version, stored } => Box::pin(async move {
                done(about, name, writer.trim_crd(&term, (&crd, &uid, &resource_version), &stored).await)
            }),
            CrdStep::Begin(upgrade) => {
                Box::pin(async move { done(about, name, writer.begin_crd_upgrade(&term, &upgrade).await) })
            }
        };
        Some(Job { subject, apart: Vec::new(), grant: None, pledge, work })
    }
}

/// What old operators could not work with counts as written until it is known what became of it.
fn pledge(step: &CrdStep) -> Option<(String, Pledge)> {
    let CrdStep::Write(write) = step else { return None };
    let until = Timestamp::now().checked_add(LANDED).unwrap_or(Timestamp::MAX);
    let pledge = Pledge { resource_version: write.resource_version.clone(), until };
    (write.stage > Stage::Expand).then(|| (write.crd.clone(), pledge))
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
