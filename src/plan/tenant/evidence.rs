//! How the granted revision does, judged only by evidence that names that revision and is newer than the grant.
use jiff::Timestamp;

use super::{grant::is_proven, stack::Rendered};
use crate::{
    api::{Failure, Grant, Mode, Tenant, Time},
    domain::{
        fleet::Health,
        object::{LeaseSeen, PodSeen},
        world::TenantSeen,
    },
};

/// Restarts before a container that waits in CrashLoopBackOff counts as a fact: one crash may be the API server's start.
const CRASHES: i64 = 2;

/// What the stack's objects, pods and Lease say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub health: Health,
    /// Every workload runs as rendered, on every replica.
    pub complete: bool,
    /// The Lease's holder is a pod of the granted revision, with a renewal newer than the grant.
    pub led: bool,
    /// A failure that is a fact now, or was latched before.
    pub failure: Option<Failure>,
    /// What is missing for the proof, for a person.
    pub missing: String,
}

/// Judges the granted revision. `applied`: all of it is known to be there as rendered.
#[must_use]
pub fn judge(
    tenant: &Tenant,
    seen: &TenantSeen,
    grant: &Grant,
    (rendered, applied): (&Rendered, bool),
    now: Timestamp,
) -> Evidence {
    let needs_leader = tenant.spec.mode != Mode::Stopped && rendered.has_workload();
    let lagging = if applied { None } else { absent(seen, rendered) }.or_else(|| running(seen, rendered));
    let complete = lagging.is_none();
    let led = !needs_leader || seen.lease.as_ref().is_some_and(|lease| led(lease, seen, grant, rendered));
    let status = tenant.status.as_ref();
    let was_proven = is_proven(grant, status);
    // Proven once, it stays proven without a look at the Lease until its workload falters: at rest nothing is read.
    let proven = complete && (led || (was_proven && seen.lease.is_none()));
    let latched = status.and_then(|s| s.failure.clone()).filter(|f| f.revision == grant.revision);
    let failure = if proven { None } else { latched.or_else(|| fact(seen, grant, rendered, now)) };
    let health = match &failure {
        _ if proven => Health::Proven,
        Some(f) => Health::Failed { reason: f.reason.clone(), message: f.message.clone(), at: f.at.0 },
        None if was_proven => Health::Regressed,
        None => Health::Moving,
    };
    let missing = match lagging {
        Some(what) => what,
        None if led => String::new(),
        None => "no pod of the granted revision holds the operator's Lease yet".into(),
    };
    Evidence { health, complete, led, failure, missing }
}

/// The first object that is not there as it was rendered.
fn absent(seen: &TenantSeen, rendered: &Rendered) -> Option<String> {
    rendered.objects.iter().find_map(|object| match seen.objects.get(&object.key) {
        None => Some(format!("{} does not exist yet", object.key.spoken())),
        Some(live) if live.digest.as_deref() != Some(object.digest.as_str()) => {
            Some(format!("{} is not applied yet", object.key.spoken()))
        }
        Some(_) => None,
    })
}

/// The first workload that does not run as rendered, and in what.
fn running(seen: &TenantSeen, rendered: &Rendered) -> Option<String> {
    let workloads = seen.objects.iter().filter_map(|(key, live)| Some((key, live.workload.as_ref()?)));
    let mut ours = workloads.filter(|(key, _)| rendered.objects.iter().any(|object| object.key == **key));
    ours.find(|(_, workload)| !workload.complete()).map(|(key, workload)| {
        let why = workload.refused.as_ref().map(|m| format!("; the API server refuses pods: {m}")).unwrap_or_default();
        format!("{} is not fully updated and available yet{why}", key.spoken())
    })
}

/// Whether a current pod of the granted revision leads, on a renewal after the grant. A pod of another revision, or one
/// that is going, proves nothing.
fn led(lease: &LeaseSeen, seen: &TenantSeen, grant: &Grant, rendered: &Rendered) -> bool {
    let Some(pod) = lease.holder_pod().and_then(|name| seen.pods.get(name)) else { return false };
    let newer = lease.renewed.is_some_and(|at| at >= grant.at.0) || lease.acquired.is_some_and(|at| at >= grant.at.0);
    is_current(pod, rendered) && newer
}

/// Whether a pod stays and was made from the granted revision's template.
#[must_use]
pub fn is_current(pod: &PodSeen, rendered: &Rendered) -> bool {
    !pod.deleting && pod.pod_revision.as_ref().is_some_and(|r| rendered.pod_revisions.contains(r))
}

/// A fact that says that the granted revision will not come up by itself.
fn fact(seen: &TenantSeen, grant: &Grant, rendered: &Rendered, now: Timestamp) -> Option<Failure> {
    seen.pods.iter().filter(|(_, pod)| is_current(pod, rendered)).find_map(|(name, pod)| {
        let (reason, message) = pod.waiting.as_ref()?;
        let reason = match reason.as_str() {
            "CrashLoopBackOff" if pod.restarts >= CRASHES => "CrashLoop",
            "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => "ImagePull",
            "CreateContainerConfigError" => "Refused",
            _ => return None,
        };
        let message = format!("pod {name}: {message}").chars().take(900).collect();
        Some(Failure { revision: grant.revision.clone(), reason: reason.into(), message, at: Time::millis(now) })
    })
}
