//! Evicting a standby, as Leasehold does where standbys poll, under the chart's own rights: in a tenant's namespace, of the
//! very pod that was meant, and nowhere else.

use std::time::Duration;

use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind, Status};
use serde_json::json;

use crate::support::{Cluster, Node, eventually};

const HOME: &str = "leasehold-evictions";
const LEASEHOLD: &str = "system:serviceaccount:leasehold-evictions:leasehold";
const SOON: Duration = Duration::from_mins(1);

/// A tenant's namespace and one that is nobody's, with a pod in each.
const SCENE: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: leasehold-evictions}
---
apiVersion: v1
kind: Namespace
metadata: {name: tenant-acme, labels: {leasehold.dev/tenant: acme}}
---
apiVersion: v1
kind: Namespace
metadata: {name: nobodys}
";

fn pods(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let pod = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
    Api::namespaced_with(client.clone(), namespace, &pod)
}

async fn pod(admin: &Client, namespace: &str) -> String {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "standby", "namespace": namespace},
        "spec": {"containers": [{"name": "a", "image": "example.com/a:1"}]}});
    let pod: DynamicObject = serde_json::from_value(pod).unwrap();
    // The namespace's own account is made a moment after it.
    let create = async || pods(admin, namespace).create(&PostParams::default(), &pod).await.ok();
    eventually("pods are taken", SOON, create).await.metadata.uid.unwrap()
}

/// What the API server answers: 201, or the code of its refusal and why.
async fn evict(client: &Client, namespace: &str, uid: &str) -> (u16, String) {
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "standby", "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": uid}}});
    let params = PostParams { dry_run: true, ..PostParams::default() };
    match pods(client, namespace).create_subresource::<_, Status>("eviction", "standby", &params, &eviction).await {
        Ok(_) => (201, String::new()),
        Err(kube::Error::Api(status)) => (status.code, status.message.clone()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_standby_is_evicted_in_its_tenants_namespace_and_nowhere_else() {
    let cluster = Cluster::start(Node::None).await;
    cluster.apply_yaml(SCENE).await;
    let admin = cluster.client();
    let (meant, elsewhere) = (pod(&admin, "tenant-acme").await, pod(&admin, "nobodys").await);
    let mut config = cluster.config();
    config.auth_info.impersonate = Some(LEASEHOLD.to_owned());
    let leasehold = Client::try_from(config).unwrap();
    assert_eq!(evict(&leasehold, "tenant-acme", &meant).await.0, 403, "without the chart it has no right at all");

    cluster.install_chart(HOME, &[], &["-confinement"]).await;
    // Rights and policies are in force a moment after they were written.
    let confined = async || {
        let (code, why) = evict(&leasehold, "nobodys", &elsewhere).await;
        (code == 422 && why.contains("of no tenant")).then_some(())
    };
    eventually("it may evict nothing outside a tenant's namespace", SOON, confined).await;
    assert_eq!(evict(&leasehold, "tenant-acme", &meant).await, (201, String::new()));
    assert_eq!(evict(&leasehold, "tenant-acme", &elsewhere).await.0, 409, "another pod of that name");
}
