//! In: the name of a test's operator. Out: a cluster with Leasehold's kinds, releases and tenants of that operator, and
//! what became of them. Never: touches what another test made.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use leasehold::api::{OperatorRelease, Rollout, Tenant};
use serde_json::{Value, json};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use crate::looks::Looks;
use crate::support::proxy::{Proxy, Request};
use crate::support::{CRASH_IMAGE, Cluster, Leasehold, Node, eventually, leasehold_binary, watch_until};

/// For anything that has to come true: real pods on two busy cores take their time.
pub const PATIENCE: Duration = Duration::from_secs(150);

/// The sample operator.
pub const IMAGE: &str = "example.com/memcached-operator:dev";
/// Nobody has it, and nobody can be asked.
pub const UNPULLABLE: &str = "127.0.0.1:1/unpullable-operator:dev";

/// Releases, tenants and pods of one operator.
pub struct Fleet {
    pub cluster: Cluster,
    pub client: Client,
    pub operator: String,
    shared: Option<&'static SharedLeasehold>,
    _turn: Option<SemaphorePermit<'static>>,
}

/// The one process that all tests of the shared cluster have in common, behind a proxy that logs what it asks.
struct SharedLeasehold {
    proxy: Proxy,
    _process: Leasehold,
}

fn node() -> Node {
    match std::env::var("LEASEHOLD_E2E_NODE").as_deref() {
        Ok("hollow") => Node::Hollow,
        Ok("containers") | Err(_) => Node::Containers,
        Ok(other) => panic!("LEASEHOLD_E2E_NODE={other}: hollow or containers"),
    }
}

impl Fleet {
    /// On the cluster and with the Leasehold that most tests share.
    pub async fn shared(operator: &str) -> Self {
        static LEASEHOLD: OnceCell<SharedLeasehold> = OnceCell::const_new();
        let cluster = Cluster::shared(node()).await;
        let shared = LEASEHOLD
            .get_or_init(async || {
                prepare(&cluster).await;
                let proxy = cluster.proxy("shared");
                let process = run(&cluster, proxy.kubeconfig(), "leasehold-shared", &["--leader-elect=false"]);
                SharedLeasehold { proxy, _process: process }
            })
            .await;
        Self { client: cluster.client(), cluster, operator: operator.to_owned(), shared: Some(shared), _turn: None }
    }

    /// On a cluster of its own, where no Leasehold runs yet. One such test at a time: a cluster is 800 MB.
    pub async fn alone(operator: &str) -> Self {
        static TURN: Semaphore = Semaphore::const_new(1);
        let turn = TURN.acquire().await.expect("never closed");
        let cluster = Cluster::start(node()).await;
        prepare(&cluster).await;
        Self { client: cluster.client(), cluster, operator: operator.to_owned(), shared: None, _turn: Some(turn) }
    }

    /// Starts a Leasehold on a cluster of one's own.
    pub fn run(&self, kubeconfig: &Path, pod: &str, args: &[&str]) -> Leasehold {
        assert!(self.shared.is_none(), "never two writers");
        run(&self.cluster, kubeconfig, pod, args)
    }

    pub fn has_real_pods(&self) -> bool {
        self.cluster.node() == Node::Containers
    }

    /// Of a release whose pods run and never become ready.
    pub fn never_ready(spec: &mut Value) {
        spec["args"].as_array_mut().expect("arguments").push(json!("--behaviour=never-ready"));
    }

    /// Of a release whose pods exit at once.
    pub fn crashing(&self, spec: &mut Value) {
        if !self.has_real_pods() {
            spec["image"] = json!(format!("example.com/{CRASH_IMAGE}:dev"));
        }
        spec["args"].as_array_mut().expect("arguments").push(json!("--no-such-flag"));
    }

    pub fn tenants(&self) -> Api<Tenant> {
        Api::all(self.client.clone())
    }

    pub fn rollouts(&self) -> Api<Rollout> {
        Api::all(self.client.clone())
    }

    pub fn pods(&self, tenant: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &format!("tenant-{tenant}"))
    }

    /// An API of any kind in the tenant's namespace; cluster-scoped for a Namespace.
    pub fn objects(&self, tenant: &str, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match kind {
            "Namespace" => Api::all_with(self.client.clone(), &resource),
            _ => Api::namespaced_with(self.client.clone(), &format!("tenant-{tenant}"), &resource),
        }
    }

    /// A release of the sample operator, changed by `edit` before it is applied.
    pub async fn release_with(&self, version: &str, edit: impl FnOnce(&mut Value)) -> String {
        self.try_release(version, edit).await.unwrap_or_else(|refusal| panic!("release {version}: {refusal}"))
    }

    pub async fn release(&self, version: &str) -> String {
        self.release_with(version, |_| ()).await
    }

    pub async fn try_release(&self, version: &str, edit: impl FnOnce(&mut Value)) -> Result<String, kube::Error> {
        let example = include_str!("../../examples/memcached/release-1.0.0.yaml");
        let example: Value = serde_saphyr::from_str(example).expect("the example is YAML");
        let mut spec = example["spec"].clone();
        spec["operator"] = json!(self.operator);
        spec["version"] = json!(version);
        spec["image"] = json!(IMAGE);
        spec["leaderElection"]["id"] = json!(format!("{}.cache.example.com", self.operator));
        edit(&mut spec);
        let name = format!("{}-{version}", self.operator);
        self.apply::<OperatorRelease>("OperatorRelease", &name, json!({}), &spec).await?;
        Ok(name)
    }

    /// A policy with this operator's name: no waiting for more tenants, and no soak unless a wave has one.
    pub async fn policy(&self, waves: Value) {
        self.policy_with(waves, "Halt").await;
    }

    /// The same, and what a breached budget does.
    pub async fn policy_with(&self, waves: Value, on_failure: &str) {
        let coalesce = json!({"quietPeriod": "1s", "maxWait": "20s"});
        let spec = json!({"coalesce": coalesce, "onFailure": on_failure, "waves": waves});
        let applied = self.apply::<leasehold::api::RolloutPolicy>("RolloutPolicy", &self.operator, json!({}), &spec);
        applied.await.expect("a policy");
    }

    /// Server-side apply of a Tenant as a user writes it: `more` is merged over operator and version.
    pub async fn try_tenant(&self, name: &str, version: &str, more: Value) -> Result<Tenant, kube::Error> {
        let labels = more["labels"].clone();
        let mut spec = json!({"operator": self.operator, "version": version, "leaderElection": election()});
        for (key, value) in more.as_object().into_iter().flatten().filter(|(key, _)| *key != "labels") {
            spec[key] = value.clone();
        }
        let metadata = if labels.is_null() { json!({}) } else { json!({"labels": labels}) };
        self.apply("Tenant", name, metadata, &spec).await
    }

    pub async fn tenant(&self, name: &str, version: &str, more: Value) -> Tenant {
        self.try_tenant(name, version, more).await.unwrap_or_else(|refusal| panic!("Tenant {name}: {refusal}"))
    }

    async fn apply<K>(&self, kind: &str, name: &str, mut metadata: Value, spec: &Value) -> Result<K, kube::Error>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        metadata["name"] = json!(name);
        let body = json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
        Api::<K>::all(self.client.clone()).patch(name, &PatchParams::apply("user").force(), &Patch::Apply(&body)).await
    }

    /// Applies a Tenant and waits until it runs.
    pub async fn onboarded(&self, name: &str, version: &str) -> Tenant {
        self.tenant(name, version, json!({})).await;
        self.runs(name, version).await
    }

    /// Waits until the tenant runs this version, proven, and nothing is left to do.
    pub async fn runs(&self, name: &str, version: &str) -> Tenant {
        self.until(name, &format!("{version} runs"), |tenant| tenant.settled() && tenant.running() == version).await
    }

    /// Waits until the Tenant is as `wanted`.
    pub async fn until(&self, name: &str, what: &str, wanted: impl Fn(&Tenant) -> bool) -> Tenant {
        let found = watch_until(&self.tenants(), name, what, PATIENCE, |tenant| tenant.is_some_and(&wanted)).await;
        found.expect("it was wanted to exist")
    }

    /// Waits until the tenant is Stalled for this reason, and hands back the message.
    pub async fn stalled(&self, name: &str, reason: &str) -> String {
        let what = format!("Stalled, {reason}");
        let tenant = self.until(name, &what, |tenant| tenant.holds("Stalled") && tenant.reason("Stalled") == reason);
        tenant.await.message("Stalled")
    }

    /// Merge-patches a Tenant.
    pub async fn patch(&self, name: &str, patch: Value) -> Tenant {
        let patched = self.tenants().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        patched.unwrap_or_else(|refusal| panic!("patch of {name}: {refusal}"))
    }

    /// Deletes a Tenant and waits until it is gone.
    pub async fn offboarded(&self, name: &str) {
        self.tenants().delete(name, &DeleteParams::default()).await.expect("a Tenant can be deleted");
        watch_until(&self.tenants(), name, "gone", PATIENCE, |tenant| tenant.is_none()).await;
    }

    /// Deletes the tenants of a test that is done, so that a node has room for those of the next. Nobody waits for it.
    pub async fn end(self) {
        // Another test's Tenant may be one that cannot be decoded.
        let tenants: Api<DynamicObject> = Api::all_with(self.client.clone(), &ApiResource::erase::<Tenant>(&()));
        let all = tenants.list(&ListParams::default()).await.expect("Tenants can be listed");
        for tenant in all.items.iter().filter(|tenant| tenant.data["spec"]["operator"] == *self.operator) {
            // A Tenant that has gone meanwhile is what is wanted.
            let _ = tenants.delete(&tenant.name_any(), &DeleteParams::default()).await;
        }
    }

    /// Notes of the events about this Tenant, with their reason in front.
    pub async fn events(&self, name: &str) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), "default");
        let about = |event: &Event| event.regarding.as_ref().is_some_and(|object| object.name.as_deref() == Some(name));
        let found = events.list(&ListParams::default()).await.expect("events can be listed");
        let line = |event: Event| format!("{}: {}", event.reason.unwrap_or_default(), event.note.unwrap_or_default());
        found.items.into_iter().filter(about).map(line).collect()
    }

    /// Waits for an event about this Tenant whose line holds all of `words`.
    pub async fn told(&self, name: &str, words: &[&str]) -> String {
        let what = format!("an event about {name} with {words:?}");
        let told = async || {
            let events = self.events(name).await;
            events.into_iter().find(|line| words.iter().all(|word| line.contains(word)))
        };
        eventually(&what, PATIENCE, told).await
    }

    /// What the shared Leasehold wrote about this tenant so far, its events aside.
    pub fn writes(&self, tenant: &str) -> Vec<Request> {
        let proxy = &self.shared.expect("only the shared Leasehold is behind this proxy").proxy;
        let namespace = format!("tenant-{tenant}");
        let about = |request: &Request| {
            let itself = request.resource == "tenants" && request.name == tenant;
            itself || request.namespace == namespace || (request.resource == "namespaces" && request.name == namespace)
        };
        proxy.writes().into_iter().filter(|request| about(request) && request.resource != "events").collect()
    }

    /// Pods of the tenant's operator that are not on their way out: name → image of its container.
    pub async fn images(&self, tenant: &str) -> BTreeMap<String, String> {
        let pods = self.pods(tenant).list(&ListParams::default()).await.expect("pods can be listed");
        let staying = pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let image = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.containers.first()?.image.clone());
        staying.map(|pod| (pod.name_any(), image(&pod).unwrap_or_default())).collect()
    }
}

/// A renewal is the evidence that an edit waits for: sooner than with the default of 10 s.
fn election() -> Value {
    json!({"leaseDuration": "15s", "renewDeadline": "10s", "retryPeriod": "2s"})
}

/// Leasehold's kinds, its namespace, and the images.
async fn prepare(cluster: &Cluster) {
    for crd in leasehold::api::crds() {
        cluster.apply_yaml(&serde_json::to_string(&crd).expect("a CRD is JSON")).await;
    }
    cluster.apply_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: leasehold-system}}").await;
    if cluster.node() == Node::Containers && std::env::var_os("LEASEHOLD_E2E_KUBECONFIG").is_none() {
        let program = leasehold_binary().with_file_name("memcached");
        assert!(program.exists(), "no {}: run `cargo build --workspace` first", program.display());
        cluster.load_image(IMAGE, &program);
    }
}

fn run(cluster: &Cluster, kubeconfig: &Path, pod: &str, args: &[&str]) -> Leasehold {
    let launch = Leasehold::on(cluster).args(&["run", "--listen", "127.0.0.1:0"]).args(args);
    launch.kubeconfig(kubeconfig).pod("leasehold-system", pod).start()
}
