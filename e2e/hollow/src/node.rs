//! In: the node's name. Out: a Node that the scheduler uses, and the sign of life that keeps it Ready.
//! Never: removes the Node; when the heartbeat ends the node controller says `NotReady`.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::Hollow;

/// As a kubelet does by default: renewed every 10 s, taken for dead after 40 s.
const RENEW: Duration = Duration::from_secs(10);
const LEASE_SECONDS: i32 = 40;

/// Makes the Node, or takes over one of that name.
pub async fn register(hollow: &Hollow) -> Result<(), kube::Error> {
    let nodes: Api<Node> = Api::all(hollow.client.clone());
    let (name, params) = (&hollow.args.node, PatchParams::apply("hollow").force());
    let labels = json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "leasehold.dev/hollow": "true"});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
    nodes.patch(name, &params, &Patch::Apply(node)).await?;
    nodes.patch_status(name, &params, &Patch::Apply(status(name))).await?;
    tracing::info!(node = name, "registered");
    Ok(())
}

fn status(name: &str) -> Value {
    // Room for more than any test asks: the node must never be the reason why a pod waits.
    let room = json!({"cpu": "4000", "memory": "8Ti", "ephemeral-storage": "8Ti", "pods": "20000"});
    let condition = |of: &str, holds: bool, reason: &str| {
        let (now, status) =
            (Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), if holds { "True" } else { "False" });
        json!({"type": of, "status": status, "reason": reason, "lastHeartbeatTime": now, "lastTransitionTime": now})
    };
    let version = env!("CARGO_PKG_VERSION");
    let info = json!({
        "architecture": "amd64", "operatingSystem": "linux", "osImage": "hollow", "kernelVersion": "hollow",
        "containerRuntimeVersion": format!("hollow://{version}"), "kubeletVersion": format!("v1.36.0-hollow.{version}"),
        "kubeProxyVersion": "", "machineID": name, "systemUUID": name, "bootID": name,
    });
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {
        "capacity": room, "allocatable": room, "nodeInfo": info,
        "addresses": [{"type": "InternalIP", "address": "10.127.0.1"}, {"type": "Hostname", "address": name}],
        "conditions": [
            condition("Ready", true, "HollowNodeReady"),
            condition("MemoryPressure", false, "HollowNodeHasRoom"),
            condition("DiskPressure", false, "HollowNodeHasRoom"),
            condition("PIDPressure", false, "HollowNodeHasRoom"),
        ],
    }})
}

/// Renews the Node's Lease for ever; an error is tried again at the next turn.
pub async fn heartbeat(hollow: &Hollow) {
    let leases: Api<Lease> = Api::namespaced(hollow.client.clone(), "kube-node-lease");
    let (name, params) = (&hollow.args.node, PatchParams::apply("hollow").force());
    let mut turn = interval(RENEW);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turn.tick().await;
        let spec = json!({"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": MicroTime(Timestamp::now())});
        let lease =
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec});
        if let Err(error) = leases.patch(name, &params, &Patch::Apply(lease)).await {
            tracing::warn!(%error, "heartbeat");
        }
    }
}
