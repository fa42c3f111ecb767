//! The hollow node under the cluster's own Deployment controller.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

use crate::SOON;
use crate::support::{CRASH_IMAGE, Cluster, FAIL_IMAGE, NEVER_READY_IMAGE, Node, eventually, watch_until};

/// A Deployment in a namespace of its own whose pods take part in the election `<name>.test`.
async fn operator(cluster: &Cluster, name: &str, image: &str, replicas: u32) -> Operator {
    let yaml = format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - name: operator
        image: example.com/{image}:1
        args: [--leader-elect, --leader-election-id={name}.test, --leader-election-lease-duration=2s]
"
    );
    assert_eq!(cluster.apply_yaml(&yaml).await.len(), 2);
    let (client, lease) = (cluster.client(), format!("{name}.test"));
    Operator {
        name: name.to_owned(),
        deployments: Api::namespaced(client.clone(), name),
        pods: Api::namespaced(client.clone(), name),
        leases: Api::namespaced(client, name),
        lease,
    }
}

struct Operator {
    name: String,
    lease: String,
    deployments: Api<Deployment>,
    pods: Api<Pod>,
    leases: Api<Lease>,
}

impl Operator {
    /// Waits until the Lease's record is as `wanted`.
    async fn led(&self, what: &str, wanted: impl Fn(&LeaseSpec) -> bool) -> LeaseSpec {
        let spec = |lease: Option<&Lease>| lease.and_then(|lease| lease.spec.clone());
        let lease =
            watch_until(&self.leases, &self.lease, what, SOON, |lease| spec(lease).is_some_and(|spec| wanted(&spec)));
        spec(lease.await.as_ref()).unwrap()
    }

    async fn available(&self, replicas: i32) {
        let available = |deployment: &Deployment| {
            deployment.status.as_ref().is_some_and(|status| status.available_replicas.unwrap_or(0) == replicas)
        };
        let what = format!("{replicas} replicas are available");
        watch_until(&self.deployments, &self.name, &what, SOON, |deployment| deployment.is_some_and(available)).await;
    }

    /// Waits until each pod's only container waits for `reason`; how often they were restarted, at most.
    async fn waits_for(&self, reason: &str) -> i32 {
        let check = async || {
            let pods = self.pods.list(&ListParams::default()).await.ok()?;
            let statuses = pods
                .items
                .iter()
                .flat_map(|pod| pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten()));
            let waiting = |status: &ContainerStatus| status.state.as_ref()?.waiting.as_ref()?.reason.clone();
            let restarts: Vec<i32> = statuses
                .filter(|status| waiting(status).as_deref() == Some(reason))
                .map(|status| status.restart_count)
                .collect();
            (!restarts.is_empty() && restarts.len() == pods.items.len())
                .then(|| restarts.into_iter().max().unwrap_or(0))
        };
        eventually(&format!("{}: {reason}", self.name), SOON, check).await
    }
}

fn holder(spec: &LeaseSpec) -> &str {
    spec.holder_identity.as_deref().unwrap_or_default()
}

fn pod_of(spec: &LeaseSpec) -> String {
    holder(spec).split_once('_').expect("<pod>_<uid>").0.to_owned()
}

#[tokio::test]
async fn a_deployment_on_the_hollow_node_is_available_led_handed_over_and_removed() {
    let cluster = Cluster::shared(Node::Hollow).await;
    let operator = operator(&cluster, "led", "operator", 2).await;
    operator.available(2).await;
    let first = operator.led("a pod holds the Lease", |spec| !holder(spec).is_empty()).await;
    assert_eq!((first.lease_transitions, first.lease_duration_seconds), (Some(0), Some(2)));
    assert!(operator.pods.get_opt(&pod_of(&first)).await.unwrap().is_some());

    let renewed = operator.led("it is renewed", |spec| spec.renew_time > first.renew_time).await;
    assert_eq!(
        (holder(&renewed), renewed.acquire_time.clone(), renewed.lease_transitions),
        (holder(&first), first.acquire_time.clone(), Some(0))
    );

    operator.pods.delete(&pod_of(&first), &DeleteParams::default()).await.unwrap();
    let second =
        operator.led("another takes over", |spec| !holder(spec).is_empty() && holder(spec) != holder(&first)).await;
    assert_eq!(second.lease_transitions, Some(1));

    let none = json!({"spec": {"replicas": 0}});
    operator.deployments.patch("led", &PatchParams::default(), &Patch::Merge(&none)).await.unwrap();
    let gone = async || operator.pods.list(&ListParams::default()).await.is_ok_and(|pods| pods.items.is_empty());
    eventually("all pods are gone", SOON, gone).await;
    let last = operator.led("the Lease is released", |spec| holder(spec).is_empty()).await;
    assert_eq!(last.lease_duration_seconds, Some(1));
}

#[tokio::test]
async fn a_pod_removed_by_force_leaves_its_lease_to_run_out() {
    let cluster = Cluster::shared(Node::Hollow).await;
    let operator = operator(&cluster, "crashed", "operator", 2).await;
    operator.available(2).await;
    let first = operator.led("a pod holds the Lease", |spec| !holder(spec).is_empty()).await;
    let mut released = false;
    operator.pods.delete(&pod_of(&first), &DeleteParams::default().grace_period(0)).await.unwrap();
    let second = watch_until(&operator.leases, &operator.lease, "another takes over", SOON, |lease| {
        let spec = lease.and_then(|lease| lease.spec.as_ref()).unwrap();
        released |= holder(spec).is_empty();
        holder(spec) != holder(&first)
    });
    let second = second.await.unwrap().spec.unwrap();
    assert!(!released, "nobody was there to release it");
    assert_eq!(second.lease_transitions, first.lease_transitions.map(|before| before + 1));
}

#[tokio::test]
async fn images_fail_on_the_hollow_node_by_their_name() {
    let cluster = Cluster::shared(Node::Hollow).await;
    let unpulled = operator(&cluster, "unpulled", FAIL_IMAGE, 1).await;
    let crashing = operator(&cluster, "looping", CRASH_IMAGE, 1).await;
    let unready = operator(&cluster, "unready", NEVER_READY_IMAGE, 1).await;
    unpulled.waits_for("ImagePullBackOff").await;
    let restarts_grow = async || crashing.waits_for("CrashLoopBackOff").await >= 2;
    eventually("it crashes again and again", SOON, restarts_grow).await;
    let runs = |pod: &Pod| pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
    eventually("it runs", SOON, async || {
        unready.pods.list(&ListParams::default()).await.is_ok_and(|pods| pods.items.iter().any(runs))
    })
    .await;
    for operator in [unpulled, crashing, unready] {
        operator.available(0).await;
        assert!(operator.leases.get_opt(&operator.lease).await.unwrap().is_none(), "only a Ready pod leads");
    }
}
