//! A gate's Job for one tenant in one round: its name says which, so that whoever leads finds it again.
use serde_json::json;

use crate::{
    api::{FleetSpec, JobGate, Rollout, Tenant},
    domain::{analysis::Asked, digest},
    plan::{
        choke_point::{AdmittedJob, Scope, admit_job},
        render::Manifest,
    },
};

/// How long a Job stays after its end, so that its log can be read.
const KEPT: u32 = 600;
/// Nobody: an image may name another user, but not root.
const NOBODY: u32 = 65532;

/// The Job, admitted.
///
/// # Errors
/// Why it cannot be run, in words.
pub fn job(
    gate: &JobGate,
    asked: &Asked,
    rollout: &Rollout,
    tenant: &Tenant,
    fleet: &FleetSpec,
) -> Result<AdmittedJob, String> {
    let (key, spec) = (&asked.round.key, &rollout.spec);
    let name = tenant.metadata.name.as_deref().ok_or("the Tenant has no name")?;
    let namespace = tenant.target_namespace();
    let template = &gate.template;
    let of = |name: &str, value: &str| json!({"name": name, "value": value});
    let container = json!({
        "name": "gate", "image": template.image, "command": template.command, "args": template.args,
        "env": [of("TENANT", name), of("NAMESPACE", &namespace), of("OPERATOR", &spec.operator),
            of("VERSION", &spec.target.version), of("WAVE", &key.wave), of("ROLLOUT", &key.rollout)],
        "resources": template.resources,
        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]}},
    });
    let pod = json!({
        "restartPolicy": "Never", "automountServiceAccountToken": false, "enableServiceLinks": false,
        "securityContext": {"runAsNonRoot": true, "runAsUser": NOBODY, "runAsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    });
    let manifest = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": format!("gate-{}", digest::of(&name_of(asked))), "namespace": namespace},
        "spec": {
            "backoffLimit": 0, "completions": 1, "parallelism": 1, "ttlSecondsAfterFinished": KEPT,
            "activeDeadlineSeconds": template.timeout.get().as_secs().max(1),
            "template": {"metadata": {"labels": {"app.kubernetes.io/name": "gate"}}, "spec": pod},
        },
    });
    let uid = tenant.metadata.uid.as_deref().unwrap_or_default();
    let admitted = admit_job(Manifest::new(manifest)?, &Scope::new(name, namespace, fleet, 0), uid);
    admitted.map_err(|findings| findings.iter().map(ToString::to_string).take(2).collect::<Vec<_>>().join("; "))
}

/// Everything that makes it another Job: a run, its plan, the gate, the round and when that began, the tenant.
fn name_of(asked: &Asked) -> impl serde::Serialize {
    let (round, key) = (&asked.round, &asked.round.key);
    (
        (key.rollout.clone(), key.wave.clone(), key.when, key.gate.clone()),
        (round.plan.clone(), round.number, round.at.to_string()),
        asked.subject.clone(),
    )
}
