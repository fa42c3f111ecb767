//! A Tenant is deleted: everything it made goes, or loses its marks, or keeps the data; and nothing else is touched.

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use leasehold::api::OperatorRelease;
use leasehold::domain::kinds::STACK_KINDS;
use serde_json::json;

use crate::fleet::{Fleet, PATIENCE};
use crate::support::{eventually, watch_until};

/// Everything that carries the tenant's label, as `Kind/name`.
fn marked(fleet: &Fleet, tenant: &str) -> Vec<String> {
    let mut found = Vec::new();
    for kind in STACK_KINDS {
        let resource = format!("{}.{}", kind.plural, kind.group);
        let label = format!("--selector=leasehold.dev/tenant={tenant}");
        let listed = fleet.cluster.kubectl(&["get", resource.trim_end_matches('.'), "-A", &label, "-o", "name"]);
        found.extend(listed.lines().map(str::to_owned));
    }
    found
}

#[tokio::test]
async fn offboard_delete() {
    let fleet = Fleet::shared("gone").await;
    let release = fleet.release("1.0.0").await;
    fleet.onboarded("gone-acme", "1.0.0").await;
    fleet.onboarded("gone-acme-too", "1.0.0").await;
    assert_eq!(marked(&fleet, "gone-acme").len(), 10);
    // From the inventory, never by rendering: it works when the release is gone.
    let releases: Api<OperatorRelease> = Api::all(fleet.client.clone());
    releases.delete(&release, &DeleteParams::default()).await.unwrap();
    let held = "{apiVersion: v1, kind: ConfigMap, metadata: {name: held, namespace: tenant-gone-acme, finalizers: [example.com/hold]}}";
    fleet.cluster.apply_yaml(held).await;

    fleet.tenants().delete("gone-acme", &DeleteParams::default()).await.unwrap();
    // What blocks it is in the status, by name.
    let blocked =
        |blocker: &String| blocker.contains("Namespace/tenant-gone-acme") && blocker.contains("example.com/hold");
    let what = "the blocker is named";
    fleet.until("gone-acme", what, |tenant| tenant.status.iter().any(|s| s.blockers.iter().any(blocked))).await;
    let rest = marked(&fleet, "gone-acme");
    assert_eq!(rest, ["namespace/tenant-gone-acme"], "the Namespace goes last");
    let maps = fleet.objects("gone-acme", "v1", "ConfigMap");
    let release_it = json!({"metadata": {"finalizers": []}});
    maps.patch("held", &PatchParams::default(), &Patch::Merge(&release_it)).await.unwrap();

    watch_until(&fleet.tenants(), "gone-acme", "gone", PATIENCE, |tenant| tenant.is_none()).await;
    assert_eq!(marked(&fleet, "gone-acme"), [] as [&str; 0]);
    let namespaces = fleet.objects("gone-acme", "v1", "Namespace");
    assert!(namespaces.get_opt("tenant-gone-acme").await.unwrap().is_none());
    let deletes = fleet.writes("gone-acme").into_iter().filter(|write| write.verb == "delete").collect::<Vec<_>>();
    assert!(deletes.len() == 10 && deletes.iter().all(|delete| delete.uid.is_some()), "{deletes:?}");
    // A neighbour whose name begins alike is another tenant.
    assert_eq!(marked(&fleet, "gone-acme-too").len(), 10);
    assert_eq!(fleet.images("gone-acme-too").await.len(), 2);
    fleet.end().await;
}

#[tokio::test]
async fn offboard_lets_custom_resources_finalize_while_their_operator_runs() {
    let fleet = Fleet::shared("finalize").await;
    fleet.release("1.0.0").await;
    fleet.onboarded("finalize-acme", "1.0.0").await;
    let cache = "{apiVersion: cache.example.com/v1alpha1, kind: Memcached, spec: {size: 1},
        metadata: {name: sessions, namespace: tenant-finalize-acme, finalizers: [example.com/hold]}}";
    let caches = fleet.cluster.api_of(&fleet.cluster.apply_yaml(cache).await[0]).await;
    let pods = fleet.images("finalize-acme").await;

    fleet.tenants().delete("finalize-acme", &DeleteParams::default()).await.unwrap();
    let named = |blocker: &String| blocker.contains("sessions") && blocker.contains("finalized");
    let what = "it is named as what blocks";
    fleet.until("finalize-acme", what, |tenant| tenant.status.iter().any(|s| s.blockers.iter().any(named))).await;
    assert!(caches.get("sessions").await.unwrap().metadata.deletion_timestamp.is_some(), "it was asked to go");
    assert_eq!(fleet.images("finalize-acme").await, pods, "its operator runs");

    let release_it = json!({"metadata": {"finalizers": []}});
    caches.patch("sessions", &PatchParams::default(), &Patch::Merge(&release_it)).await.unwrap();
    watch_until(&fleet.tenants(), "finalize-acme", "gone", PATIENCE, |tenant| tenant.is_none()).await;
    assert_eq!(marked(&fleet, "finalize-acme"), [] as [&str; 0]);
}

#[tokio::test]
async fn offboard_orphan() {
    let fleet = Fleet::shared("orphan").await;
    fleet.release("1.0.0").await;
    fleet.onboarded("orphan-acme", "1.0.0").await;
    let pods = fleet.images("orphan-acme").await;
    let deployments = fleet.objects("orphan-acme", "apps/v1", "Deployment");
    let before = deployments.get("orphan-operator").await.unwrap();
    fleet.tenant("orphan-acme", "1.0.0", json!({"deletionPolicy": "Orphan"})).await;
    fleet.offboarded("orphan-acme").await;

    assert_eq!(marked(&fleet, "orphan-acme"), [] as [&str; 0]);
    let after = deployments.get("orphan-operator").await.unwrap();
    assert_eq!(after.data["spec"], before.data["spec"], "only marks are removed");
    for mark in ["leasehold.dev/tenant-uid", "leasehold.dev/digest", "leasehold.dev/grant", "leasehold.dev/epoch"] {
        assert!(before.annotations().contains_key(mark) && !after.annotations().contains_key(mark), "{mark}");
    }
    let namespace = fleet.objects("orphan-acme", "v1", "Namespace").get("tenant-orphan-acme").await.unwrap();
    assert!(namespace.meta().deletion_timestamp.is_none());
    assert_eq!(fleet.images("orphan-acme").await, pods, "the pods run on");
    fleet.end().await;
}

#[tokio::test]
async fn offboard_retain() {
    let fleet = Fleet::shared("retain").await;
    fleet.release("1.0.0").await;
    fleet.onboarded("retain-acme", "1.0.0").await;
    let data = "{apiVersion: v1, kind: ConfigMap, metadata: {name: data, namespace: tenant-retain-acme}, data: {a: b}}";
    let data = &fleet.cluster.apply_yaml(data).await[0];
    fleet.tenant("retain-acme", "1.0.0", json!({"deletionPolicy": "Retain"})).await;
    fleet.offboarded("retain-acme").await;

    assert_eq!(marked(&fleet, "retain-acme"), [] as [&str; 0], "what stays is nobody's any more");
    let there = async |api_version: &str, kind: &str, name: &str| -> Option<DynamicObject> {
        fleet.objects("retain-acme", api_version, kind).get_opt(name).await.unwrap()
    };
    for (api_version, kind, name) in [
        ("v1", "Namespace", "tenant-retain-acme"),
        ("v1", "ResourceQuota", "retain-operator"),
        ("v1", "LimitRange", "retain-operator"),
        ("networking.k8s.io/v1", "NetworkPolicy", "retain-operator"),
    ] {
        let kept = there(api_version, kind, name).await.unwrap_or_else(|| panic!("{kind} is kept"));
        assert!(kept.meta().deletion_timestamp.is_none(), "{kind}");
    }
    let kept = there("v1", "ConfigMap", "data").await.expect("data is kept");
    assert_eq!(kept.resource_version(), data.resource_version());
    for (api_version, kind, name) in [
        ("apps/v1", "Deployment", "retain-operator"),
        ("v1", "ServiceAccount", "retain-operator"),
        ("rbac.authorization.k8s.io/v1", "Role", "retain-operator"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", "retain-operator"),
        ("policy/v1", "PodDisruptionBudget", "retain-operator"),
        ("v1", "Service", "retain-metrics"),
    ] {
        assert!(there(api_version, kind, name).await.is_none(), "{kind} is the operator's, and goes");
    }
    let none = async || fleet.images("retain-acme").await.is_empty();
    eventually("no pod is left", PATIENCE, none).await;
    fleet.end().await;
}
