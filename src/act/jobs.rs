//! Runs a gate's Job, once, and tells how it goes. A Job is found again by its name; one of that name that is not the one
//! that was asked for answers nothing.
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::{Api, ResourceExt, api::PostParams};

use super::{Failure, Writer, writer::epoch};
use crate::{
    domain::{
        analysis::{Outcome, Reply},
        marks,
        world::FaultKind,
    },
    election::Term,
    plan::choke_point::AdmittedJob,
};

impl Writer {
    /// Creates the Job if it is not there, and says how it goes. `since`: when the round began; an older Job is not of it.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn job(&self, term: &Term, job: &AdmittedJob, since: Timestamp) -> Result<Reply, Failure> {
        let spoken = format!("Job {}/{}", job.namespace, job.name);
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &job.namespace);
        if let Some(found) = self.write(term, &spoken, jobs.get_opt(&job.name)).await? {
            return Ok(judged(&found, job, since));
        }
        let mut manifest: Job = serde_json::from_str(&job.manifest)
            .map_err(|error| Failure::new(&spoken, FaultKind::Invalid, error.to_string()))?;
        manifest.annotations_mut().insert(marks::EPOCH.into(), epoch(term).to_string());
        match self.send(term, &spoken, jobs.create(&PostParams::default(), &manifest)).await? {
            Ok(_) => Ok(running(&job.name)),
            // Made by a leader before us, a moment ago.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(running(&job.name)),
            Err(error) => Err(Failure::from_kube(spoken, &error)),
        }
    }
}

fn running(name: &str) -> Reply {
    Reply::new(Outcome::Running, "", format!("Job {name} runs"))
}

/// What a Job's conditions say.
fn judged(found: &Job, wanted: &AdmittedJob, since: Timestamp) -> Reply {
    let name = &wanted.name;
    let mark = |mark: &str| found.annotations().get(mark).map(String::as_str).unwrap_or_default();
    let made = found.metadata.creation_timestamp.as_ref().map(|at| at.0.as_second());
    let ours = mark(marks::TENANT_UID) == wanted.tenant_uid && mark(marks::DIGEST) == wanted.digest;
    if !ours || made.is_none_or(|made| made < since.as_second()) {
        return Reply::inconclusive(format!("Job {name} is there, and is not the one that was asked for"));
    }
    let Some(status) = &found.status else { return running(name) };
    let holds = |kind: &str| {
        let all = status.conditions.iter().flatten();
        all.clone().find(|condition| condition.type_ == kind && condition.status == "True").cloned()
    };
    if holds("Complete").is_some() {
        return Reply::new(Outcome::Passed, "succeeded", format!("Job {name} succeeded"));
    }
    let Some(failed) = holds("Failed") else { return running(name) };
    let reason = failed.reason.unwrap_or_default();
    // No pod of it ever ended: no quota, no image, no node. That says nothing about the tenant.
    if reason == "DeadlineExceeded" && status.failed.unwrap_or(0) == 0 {
        return Reply::inconclusive(format!("Job {name} did not get to run: {}", failed.message.unwrap_or_default()));
    }
    let why = failed.message.unwrap_or_default();
    Reply::new(
        Outcome::Failed,
        reason.clone(),
        format!("Job {name} failed: {reason}: {why}; wanted is that it succeeds"),
    )
}
