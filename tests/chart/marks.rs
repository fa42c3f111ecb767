//! `leasehold.dev/` marks are Leasehold's: whoever may write everything in a namespace still sets, changes and removes none.

use std::time::Duration;

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{Cluster, Node, eventually};

const SOON: Duration = Duration::from_mins(1);
const CONTROLLERS: &str = "system:kube-controller-manager";
const LEASEHOLD: &str = "system:serviceaccount:leasehold-marks:leasehold";
/// Where Leasehold would run.
const HOME: &str = "leasehold-marks";
/// Not the cluster's groups: the admin's name alone, so that its controllers are no admins here.
const SETTINGS: [&str; 2] = ["--set-json=admission.admins.groups=[]", "--set=admission.admins.users={admin}"];

/// A namespace in which `customer` may do everything, and the policy in force.
struct Scene {
    cluster: Cluster,
    namespace: &'static str,
}

impl Scene {
    async fn begin(namespace: &'static str) -> Self {
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        let cluster = Cluster::shared(Node::None).await;
        INSTALLED
            .get_or_init(async || {
                cluster.apply_yaml(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {HOME}}}}}")).await;
                cluster.install_chart(HOME, &SETTINGS, &["-object-marks"]).await;
            })
            .await;
        cluster.apply_yaml(&rights(namespace)).await;
        let scene = Self { cluster, namespace };
        let pod = scene.plain("v1", "Pod", "probe", json!({"spec": pod_template(json!({}))["spec"]}));
        // The namespace's own account is made a moment after it.
        eventually("pods are taken", SOON, async || scene.create("customer", &pod).await.is_ok()).await;
        // A policy is in force a moment after it was written.
        let mark = json!({"metadata": {"labels": {"leasehold.dev/probe": "a"}}});
        let denied = async || {
            let denied = refused(&scene.patch("customer", &pod, mark.clone()).await);
            if !denied {
                let _ = scene.admins(&pod, json!({"metadata": {"labels": {"leasehold.dev/probe": null}}})).await;
            }
            denied
        };
        eventually("the policy is in force", SOON, denied).await;
        scene
    }

    fn admin(&self) -> Client {
        self.cluster.client()
    }

    /// Whatever the admin's client asks, asked as this user.
    fn client(&self, user: &str) -> Client {
        let mut config = self.cluster.config();
        config.auth_info.impersonate = Some(user.to_owned());
        Client::try_from(config).unwrap()
    }

    fn api(&self, client: &Client, object: &DynamicObject) -> Api<DynamicObject> {
        let types = object.types.as_ref().unwrap();
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types).unwrap());
        Api::namespaced_with(client.clone(), self.namespace, &resource)
    }

    fn plain(&self, api_version: &str, kind: &str, name: &str, content: Value) -> DynamicObject {
        let mut object = content;
        object["apiVersion"] = json!(api_version);
        object["kind"] = json!(kind);
        object["metadata"]["name"] = json!(name);
        object["metadata"]["namespace"] = json!(self.namespace);
        serde_json::from_value(object).unwrap()
    }

    fn marked(&self, api_version: &str, kind: &str, name: &str, content: Value) -> DynamicObject {
        let mut object = self.plain(api_version, kind, name, content);
        object.labels_mut().insert("leasehold.dev/tenant".into(), "acme".into());
        object
    }

    async fn create(&self, user: &str, object: &DynamicObject) -> Result<DynamicObject, kube::Error> {
        self.api(&self.client(user), object).create(&PostParams::default(), object).await
    }

    async fn admins(&self, object: &DynamicObject, patch: Value) -> Result<DynamicObject, kube::Error> {
        let api = self.api(&self.admin(), object);
        api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await
    }

    async fn patch(&self, user: &str, object: &DynamicObject, patch: Value) -> Result<DynamicObject, kube::Error> {
        let api = self.api(&self.client(user), object);
        api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await
    }
}

/// All rights in the namespace: for a customer, for a controller, and for Leasehold, whose own are another test's.
fn rights(namespace: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: everything, namespace: {namespace}}}
rules: [{{apiGroups: ['*'], resources: ['*'], verbs: ['*']}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: everything, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: everything}}
subjects:
- {{apiGroup: rbac.authorization.k8s.io, kind: User, name: customer}}
- {{apiGroup: rbac.authorization.k8s.io, kind: User, name: '{CONTROLLERS}'}}
- {{kind: ServiceAccount, name: leasehold, namespace: {HOME}}}
"
    )
}

fn refused<T>(result: &Result<T, kube::Error>) -> bool {
    let ours = |message: &str| message.contains("only Leasehold and its admins");
    matches!(result, Err(kube::Error::Api(status)) if status.code == 403 && ours(&status.message))
}

/// Each kind that is watched by its mark and served here, with what makes it valid.
fn kinds() -> Vec<(&'static str, &'static str, Value)> {
    let selector = json!({"matchLabels": {"app": "a"}});
    let template = pod_template(json!({}));
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "none"});
    vec![
        ("v1", "ConfigMap", json!({})),
        ("v1", "Secret", json!({})),
        ("v1", "ServiceAccount", json!({})),
        ("v1", "Service", json!({"spec": {"ports": [{"port": 80}]}})),
        ("v1", "ResourceQuota", json!({"spec": {"hard": {"pods": "100"}}})),
        ("v1", "LimitRange", json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "4"}}]}})),
        (
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}),
        ),
        ("v1", "Pod", json!({"spec": template["spec"]})),
        ("networking.k8s.io/v1", "NetworkPolicy", json!({"spec": {"podSelector": {}}})),
        ("rbac.authorization.k8s.io/v1", "Role", json!({"rules": []})),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", json!({"roleRef": role, "subjects": []})),
        ("policy/v1", "PodDisruptionBudget", json!({"spec": {"maxUnavailable": 1, "selector": selector}})),
        ("apps/v1", "Deployment", json!({"spec": {"replicas": 0, "selector": selector, "template": template}})),
        (
            "apps/v1",
            "StatefulSet",
            json!({"spec": {"replicas": 0, "serviceName": "a", "selector": selector, "template": template}}),
        ),
    ]
}

fn pod_template(metadata: Value) -> Value {
    let mut metadata = metadata;
    metadata["labels"]["app"] = json!("a");
    json!({"metadata": metadata, "spec": {"containers": [{"name": "a", "image": "example.com/a:1"}]}})
}

#[tokio::test]
async fn a_customer_neither_sets_nor_changes_nor_removes_a_mark() {
    let scene = Scene::begin("marks-kinds").await;
    for (api_version, kind, content) in kinds() {
        let plain = scene.plain(api_version, kind, "own", content.clone());
        scene.create("customer", &plain).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        let marked = scene.marked(api_version, kind, "marked", content.clone());
        assert!(refused(&scene.create("customer", &marked).await), "{kind}: created with a mark");
        for (field, key) in [("labels", "leasehold.dev/tenant"), ("annotations", "leasehold.dev/digest")] {
            let set = json!({"metadata": {field: {key: "acme"}}});
            assert!(refused(&scene.patch("customer", &plain, set.clone()).await), "{kind}: {field} set");
            scene.admins(&plain, set).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
            for value in [json!("other"), json!(null)] {
                let changed = json!({"metadata": {field: {key: value}}});
                assert!(refused(&scene.patch("customer", &plain, changed).await), "{kind}: {field} {value}");
            }
        }
        // What is marked is not locked, nor is a key that only looks like ours.
        let own = json!({"metadata": {"labels": {"notleasehold.dev/a": "b"}, "annotations": {"example.com/a": "b"}}});
        scene.patch("customer", &plain, own).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        let customers = scene.api(&scene.client("customer"), &plain);
        customers.delete("own", &DeleteParams::default()).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        // Leasehold itself is not asked.
        scene.create(LEASEHOLD, &marked).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[tokio::test]
async fn a_mark_comes_neither_by_a_template_nor_by_a_subresource() {
    let scene = Scene::begin("marks-ways").await;
    let selector = json!({"matchLabels": {"app": "a"}});
    let template = pod_template(json!({"labels": {"leasehold.dev/tenant": "acme"}}));
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = json!("Never");
    let mut unmarked = pod_template(json!({}));
    unmarked["spec"]["restartPolicy"] = json!("Never");
    let job = json!({"metadata": {"annotations": {"leasehold.dev/grant": "{}"}}, "spec": {"template": unmarked}});
    for (api_version, kind, spec) in [
        ("apps/v1", "Deployment", json!({"selector": selector, "template": template})),
        ("apps/v1", "ReplicaSet", json!({"selector": selector, "template": template})),
        ("apps/v1", "DaemonSet", json!({"selector": selector, "template": template})),
        ("apps/v1", "StatefulSet", json!({"selector": selector, "serviceName": "a", "template": template})),
        ("v1", "ReplicationController", json!({"selector": {"app": "a"}, "template": template})),
        ("batch/v1", "Job", json!({"template": once})),
        ("batch/v1", "CronJob", json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": once}}})),
        ("batch/v1", "CronJob", json!({"schedule": "0 0 1 1 *", "jobTemplate": job})),
    ] {
        let object = scene.plain(api_version, kind, "hidden", json!({"spec": spec}));
        assert!(refused(&scene.create("customer", &object).await), "{kind}");
    }

    let pods = scene.api(&scene.client("customer"), &scene.plain("v1", "Pod", "probe", json!({})));
    let mark = json!({"metadata": {"labels": {"leasehold.dev/tenant": "acme"}}});
    let by_status = pods.patch_status("probe", &PatchParams::default(), &Patch::Merge(&mark)).await;
    assert!(refused(&by_status), "by the status: {by_status:?}");
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "target": {"kind": "Node", "name": "none"},
        "metadata": {"name": "probe", "labels": {"leasehold.dev/tenant": "acme"}}});
    let bound: Result<Value, _> = pods.create_subresource("binding", "probe", &PostParams::default(), &binding).await;
    assert!(refused(&bound), "by a binding: {bound:?}");
}

#[tokio::test]
async fn the_cluster_s_controllers_copy_marks_onto_pods_and_onto_nothing_else() {
    let scene = Scene::begin("marks-pods").await;
    let template = pod_template(json!({"labels": {"leasehold.dev/tenant": "acme"}}));
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "template": template});
    let deployment = scene.marked("apps/v1", "Deployment", "operator", json!({"spec": spec}));
    scene.create(LEASEHOLD, &deployment).await.unwrap();
    let any = scene.plain("v1", "Pod", "any", json!({}));
    let pods = scene.api(&scene.admin(), &any);
    let made = async || {
        let params = kube::api::ListParams::default().labels("leasehold.dev/tenant=acme");
        pods.list(&params).await.is_ok_and(|list| !list.items.is_empty())
    };
    eventually("the Deployment has its pod, with the mark", SOON, made).await;

    // A claim of a customer's own volumeClaimTemplates: the controller makes it, the mark is the customer's.
    let (_, _, claim) = kinds().into_iter().find(|(_, kind, _)| *kind == "PersistentVolumeClaim").unwrap();
    let claim = scene.marked("v1", "PersistentVolumeClaim", "data", claim);
    assert!(refused(&scene.create(CONTROLLERS, &claim).await));
}
