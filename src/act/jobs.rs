//! Runs a gate's Job, once, and tells how it goes. A Job is found again by its name; one of that name that is not the one
//! that was asked for answers nothing.
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
    /// Creates the Job if it is not there, and says how it goes. No clock says whether one that is there is of this round: its
    /// name has the round and when that began in it, by our clock, and the API server's may be another.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn job(&self, term: &Term, job: &AdmittedJob) -> Result<Reply, Failure> {
        let spoken = format!("Job {}/{}", job.namespace, job.name);
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &job.namespace);
        if let Some(found) = self.write(term, &spoken, jobs.get_opt(&job.name)).await? {
            return Ok(judged(&found, job));
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
fn judged(found: &Job, wanted: &AdmittedJob) -> Reply {
    let name = &wanted.name;
    let mark = |mark: &str| found.annotations().get(mark).map(String::as_str).unwrap_or_default();
    let ours = mark(marks::TENANT_UID) == wanted.tenant_uid && mark(marks::DIGEST) == wanted.digest;
    if !ours {
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
    // No pod of it was ever made: no quota, or an admission policy. That says nothing about the tenant. A pod that never ran, for
    // its image or for want of a node, is counted as failed when the Job's time is over, and cannot be told from one that hung.
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        api::FleetSpec,
        plan::{
            choke_point::{Scope, admit_job},
            render::Manifest,
        },
    };

    fn wanted() -> AdmittedJob {
        let container = json!({"name": "gate", "image": "example.com/a:1",
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "10m", "memory": "16Mi"}},
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}});
        let pod = json!({"restartPolicy": "Never", "automountServiceAccountToken": false, "containers": [container],
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "gate-1", "namespace": "tenant-a"},
            "spec": {"template": {"spec": pod}}});
        let scope = Scope::new("a", "tenant-a", &FleetSpec::default(), 0);
        admit_job(Manifest::new(job).unwrap(), &scope, "uid-a").unwrap()
    }

    /// The Job as the API server has it, made at some time, with this status.
    fn found(made: &str, status: Value) -> Job {
        let mut job: Value = serde_json::from_str(&wanted().manifest).unwrap();
        job["metadata"]["creationTimestamp"] = made.into();
        job["status"] = status;
        serde_json::from_value(job).unwrap()
    }

    fn ended(kind: &str, reason: &str, failed: u32) -> Value {
        json!({"failed": failed, "conditions": [{"type": kind, "status": "True", "reason": reason, "message": "said"}]})
    }

    #[test]
    fn whatever_the_api_servers_clock_says_it_is_the_job_that_was_asked_for() {
        for made in ["1970-01-01T00:00:00Z", "2026-03-01T12:00:00Z", "2999-01-01T00:00:00Z"] {
            let reply = judged(&found(made, ended("Complete", "", 0)), &wanted());
            assert_eq!(reply.outcome, Outcome::Passed, "{made}: {}", reply.message);
        }
    }

    #[test]
    fn another_of_its_name_answers_nothing() {
        for mark in [marks::TENANT_UID, marks::DIGEST] {
            let mut other = found("2026-03-01T12:00:00Z", ended("Complete", "", 0));
            other.annotations_mut().insert(mark.into(), "other".into());
            let reply = judged(&other, &wanted());
            assert_eq!(reply.outcome, Outcome::Inconclusive, "{mark}");
        }
    }

    #[test]
    fn how_it_ended_is_what_it_says() {
        let of = |status: Value| judged(&found("2026-03-01T12:00:00Z", status), &wanted()).outcome;
        assert_eq!(of(json!({"active": 1})), Outcome::Running);
        assert_eq!(of(ended("Failed", "BackoffLimitExceeded", 1)), Outcome::Failed);
        assert_eq!(of(ended("Failed", "DeadlineExceeded", 1)), Outcome::Failed);
        assert_eq!(of(ended("Failed", "DeadlineExceeded", 0)), Outcome::Inconclusive, "no pod of it was ever made");
    }
}
