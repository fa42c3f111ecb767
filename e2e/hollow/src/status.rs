//! In: a pod, its fate, the time. Out: the status that a kubelet would report, as a strategic merge patch. Pure.
//! Never: touches the conditions of others (`PodScheduled` is the scheduler's): they merge by type.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::fate::Fate;

/// The patch of the status subresource, guarded by the pod's UID.
pub fn patch(pod: &Pod, fate: impl Fn(&Container) -> Fate, address: Ipv4Addr, restarts: u32, now: Timestamp) -> Value {
    let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let spec = pod.spec.as_ref();
    let containers = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let fates: Vec<Fate> = containers.iter().map(fate).collect();
    let ready = fates.iter().all(|fate| *fate == Fate::Ready);
    let pulled = fates.iter().all(|fate| *fate != Fate::NotPulled);
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let statuses: Vec<Value> =
        containers.iter().zip(&fates).map(|(of, fate)| container(of, *fate, uid, restarts, &now)).collect();
    let init = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
    let init: Vec<Value> = init.iter().map(|of| init_container(of, uid, &now)).collect();
    json!({
        "metadata": {"uid": uid},
        "status": {
            "observedGeneration": pod.metadata.generation,
            "phase": if pulled { "Running" } else { "Pending" },
            "hostIP": "10.127.0.1", "hostIPs": [{"ip": "10.127.0.1"}],
            "podIP": address, "podIPs": [{"ip": address}],
            "startTime": now,
            "conditions": conditions(ready, &now),
            "initContainerStatuses": init,
            "containerStatuses": statuses,
        },
    })
}

fn conditions(ready: bool, now: &str) -> Vec<Value> {
    let condition = |of: &str, holds: bool| {
        let reason = if holds { Value::Null } else { "ContainersNotReady".into() };
        let status = if holds { "True" } else { "False" };
        json!({"type": of, "status": status, "reason": reason, "lastTransitionTime": now})
    };
    vec![
        condition("PodReadyToStartContainers", true),
        condition("Initialized", true),
        condition("ContainersReady", ready),
        condition("Ready", ready),
    ]
}

fn container(of: &Container, fate: Fate, uid: &str, restarts: u32, now: &str) -> Value {
    let image = of.image.as_deref().unwrap_or_default();
    let id = format!("hollow://{uid}/{}/{restarts}", of.name);
    let waiting = |reason: &str, message: String| json!({"waiting": {"reason": reason, "message": message}});
    let (started, state, last) = match fate {
        Fate::Ready | Fate::NeverReady => (true, json!({"running": {"startedAt": now}}), json!({})),
        Fate::Crashes => {
            let exit =
                json!({"exitCode": 1, "reason": "Error", "containerID": id, "startedAt": now, "finishedAt": now});
            let message = format!("back-off restarting failed container={}", of.name);
            (false, waiting("CrashLoopBackOff", message), json!({"terminated": exit}))
        }
        Fate::NotPulled => {
            (false, waiting("ImagePullBackOff", format!("Back-off pulling image \"{image}\"")), json!({}))
        }
    };
    let pulled = fate != Fate::NotPulled;
    json!({
        "name": of.name, "image": image, "ready": fate == Fate::Ready, "started": started,
        "restartCount": if fate == Fate::Crashes { restarts } else { 0 },
        "imageID": if pulled { format!("hollow://{image}") } else { String::new() },
        "containerID": if pulled { id } else { String::new() },
        "state": state, "lastState": last,
    })
}

fn init_container(of: &Container, uid: &str, now: &str) -> Value {
    let image = of.image.as_deref().unwrap_or_default();
    let id = format!("hollow://{uid}/{}/0", of.name);
    let exit = json!({"exitCode": 0, "reason": "Completed", "containerID": id, "startedAt": now, "finishedAt": now});
    json!({
        "name": of.name, "image": image, "imageID": format!("hollow://{image}"), "containerID": id,
        "ready": true, "started": false, "restartCount": 0, "state": {"terminated": exit},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(fate: Fate, restarts: u32) -> (Value, k8s_openapi::api::core::v1::PodStatus) {
        let pod = json!({"metadata": {"name": "p", "uid": "u"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let patch = patch(&pod, |_| fate, Ipv4Addr::LOCALHOST, restarts, Timestamp::UNIX_EPOCH);
        let status = serde_json::from_value(patch["status"].clone()).unwrap();
        (patch, status)
    }

    #[test]
    fn a_ready_pod_is_running_and_says_so_in_its_conditions() {
        let (patch, status) = reported(Fate::Ready, 0);
        assert_eq!(patch["metadata"]["uid"], "u");
        assert_eq!(status.phase.as_deref(), Some("Running"));
        assert!(status.conditions.unwrap().iter().all(|condition| condition.status == "True"));
        assert_eq!(patch["status"]["startTime"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_failed_pull_is_pending_and_a_crash_counts_restarts() {
        let (_, status) = reported(Fate::NotPulled, 0);
        assert_eq!(status.phase.as_deref(), Some("Pending"));
        let (patch, _) = reported(Fate::Crashes, 4);
        let container = &patch["status"]["containerStatuses"][0];
        assert_eq!(container["restartCount"], 4);
        assert_eq!(container["state"]["waiting"]["reason"], "CrashLoopBackOff");
        assert_eq!(container["lastState"]["terminated"]["exitCode"], 1);
    }

    #[test]
    fn a_pod_that_never_becomes_ready_runs() {
        let (patch, status) = reported(Fate::NeverReady, 0);
        assert_eq!(status.phase.as_deref(), Some("Running"));
        assert_eq!(patch["status"]["containerStatuses"][0]["ready"], false);
    }
}
