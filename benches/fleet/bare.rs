//! The floor: a client that sends the same objects, and does nothing else.
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
    core::GroupVersionKind,
};
use serde_json::Value;

use crate::{
    fleet::release,
    support::{Cluster, leasehold_binary},
};

/// As many steps at once as Leasehold takes.
const PARALLEL: usize = 32;
const MANAGER: &str = "bare";

/// How long the bare client took.
pub struct Floor {
    pub create: Duration,
    pub change: Duration,
}

pub async fn run(cluster: &Cluster, n: usize) -> Floor {
    let client = cluster.client();
    let (first, second) = (stacks(cluster, n, "1.0.0"), stacks(cluster, n, "1.1.0"));
    let began = Instant::now();
    stream::iter(first).map(|stack| create(&client, stack)).buffer_unordered(PARALLEL).for_each(async |()| {}).await;
    let create = began.elapsed();
    at_rest(&client).await;
    let deployments = second.into_iter().flatten().filter(|object| object["kind"] == "Deployment");
    let began = Instant::now();
    stream::iter(deployments)
        .map(|object| apply(&client, object))
        .buffer_unordered(PARALLEL)
        .for_each(async |()| {})
        .await;
    Floor { create, change: began.elapsed() }
}

/// Until every workload runs: while the controllers still work off what was created they are late to answer a change, and the
/// API server has time for us that a fleet at rest does not leave.
async fn at_rest(client: &Client) {
    let api: Api<Deployment> = Api::all(client.clone());
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let list = api.list(&ListParams::default()).await.expect("listed").items;
        let runs = |d: &Deployment| {
            let wanted = d.spec.as_ref().and_then(|spec| spec.replicas);
            d.status.as_ref().is_some_and(|status| status.available_replicas == wanted)
        };
        if list.iter().all(runs) {
            return;
        }
    }
}

/// What `leasehold render` says each tenant's stack is.
fn stacks(cluster: &Cluster, n: usize, version: &str) -> Vec<Vec<Value>> {
    (0..n)
        .map(|i| {
            let tenant = format!("apiVersion: leasehold.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: bench-{i}, uid: u{i}}}\nspec: {{operator: bench, version: {version}}}\n");
            let file = cluster.dir().join(format!("bare-{version}-{i}.yaml"));
            std::fs::write(&file, format!("{tenant}---{}", release(version))).expect("written");
            let out = std::process::Command::new(leasehold_binary()).args(["render", "-f"]).arg(&file).output().expect("rendered");
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let text = String::from_utf8(out.stdout).expect("text");
            text.split("\n---\n").filter(|doc| doc.contains("kind:")).map(|doc| serde_saphyr::from_str(doc).expect("YAML")).collect()
        })
        .collect()
}

/// The Namespace first, then the rest, in the order in which it was rendered.
async fn create(client: &Client, stack: Vec<Value>) {
    for object in stack {
        apply(client, object).await;
    }
}

async fn apply(client: &Client, object: Value) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let api_version = text("/apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &text("/kind")));
    let api: Api<DynamicObject> = match text("/metadata/namespace").as_str() {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let params = PatchParams::apply(MANAGER).force();
    api.patch(&text("/metadata/name"), &params, &Patch::Apply(&object)).await.expect("applied");
}
