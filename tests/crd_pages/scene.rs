//! In: a name. Out: a CRD of that name's own group with its objects, and the writer under test. Never: a group of another test.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use leasehold::act::{Judge, Pace, Writer};
use leasehold::domain::crd::page::PageDone;
use leasehold::election::Term;
use leasehold::plan::crds::step::{CrdWrite, PageWork, What};
use serde_json::{Map, Value, json};

use crate::support::{Cluster, Node, eventually};

pub const SOON: Duration = Duration::from_mins(1);
/// Where the objects are.
pub const NAMESPACES: [&str; 3] = ["pages-a", "pages-b", "pages-c"];

pub struct Scene {
    pub cluster: Cluster,
    pub group: String,
    pub term: Term,
}

/// A version of the kind, served; `spec` is free of form below two typed fields.
pub fn version(name: &str, storage: bool) -> Value {
    let spec = json!({"type": "object", "properties": {
        "size": {"type": "integer"}, "note": {"type": "string"}, "words": {"type": "object", "additionalProperties": {"type": "string"}}}});
    let schema = json!({"type": "object", "properties": {"spec": spec, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}})
}

/// Nothing is wrong with anything.
pub fn fine(_: &Value) -> Judge {
    Box::new(|_| Vec::new())
}

impl Scene {
    /// The CRD with v1, where things are stored, and v2.
    pub async fn begin(name: &str) -> Self {
        let cluster = Cluster::shared(Node::None).await;
        for namespace in NAMESPACES {
            cluster.apply_yaml(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}")).await;
        }
        let scene = Self { cluster, group: format!("{name}.example.com"), term: Term::unfenced() };
        let definition = scene.definition(&[version("v1", true), version("v2", false)]);
        scene.writer().create_crd(&scene.term, &definition, &BTreeMap::new()).await.unwrap();
        scene.served("v2").await;
        scene
    }

    pub fn writer(&self) -> Writer {
        Self::through(self.cluster.client())
    }

    pub fn through(client: Client) -> Writer {
        Writer::new(client, Duration::from_secs(10))
    }

    pub fn crd(&self) -> String {
        format!("caches.{}", self.group)
    }

    pub fn definition(&self, versions: &[Value]) -> Value {
        let names = json!({"kind": "Cache", "listKind": "CacheList", "plural": "caches", "singular": "cache"});
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": self.crd()},
            "spec": {"group": self.group, "scope": "Namespaced", "names": names, "versions": versions}})
    }

    pub fn definitions(&self) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: "apiextensions.k8s.io".into(),
            version: "v1".into(),
            api_version: "apiextensions.k8s.io/v1".into(),
            kind: "CustomResourceDefinition".into(),
            plural: "customresourcedefinitions".into(),
        };
        Api::all_with(self.cluster.client(), &resource)
    }

    pub async fn live(&self) -> DynamicObject {
        self.definitions().get(&self.crd()).await.unwrap()
    }

    fn resource(&self, version: &str) -> ApiResource {
        ApiResource {
            group: self.group.clone(),
            version: version.into(),
            api_version: format!("{}/{version}", self.group),
            kind: "Cache".into(),
            plural: "caches".into(),
        }
    }

    pub fn caches(&self, version: &str, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.cluster.client(), namespace, &self.resource(version))
    }

    pub fn all(&self, version: &str) -> Api<DynamicObject> {
        Api::all_with(self.cluster.client(), &self.resource(version))
    }

    pub async fn served(&self, version: &str) {
        let served = async || self.all(version).list(&ListParams::default().limit(1)).await.is_ok();
        eventually(&format!("{version} is served"), SOON, served).await;
    }

    /// What changes in the definition, from what it is now.
    pub async fn change(&self, versions: &[Value]) -> CrdWrite {
        let live = self.live().await;
        let mut spec: Map<String, Value> = live.data["spec"].as_object().unwrap().clone();
        spec.insert("versions".into(), json!(versions));
        crate::support::definition::write(&live, spec)
    }

    pub async fn write(&self, versions: &[Value]) {
        let change = self.change(versions).await;
        self.writer().write_crd(&self.term, &change).await.unwrap();
    }

    /// Flips where things are stored, and rewrites until the API server takes it in: what it writes first may still be stored at
    /// the old version (kubernetes/kubernetes#130235). Then nothing is left at v1.
    pub async fn move_to_v2(&self) {
        self.write(&[version("v1", false), version("v2", true)]).await;
        let before = self.versions().await;
        eventually("every object was written at v2", SOON, async || {
            self.pages(&self.writer(), What::Rewrite, 500).await;
            let after = self.versions().await;
            before.iter().all(|(name, version)| after.get(name) != Some(version))
        })
        .await;
        self.trim().await;
    }

    pub async fn trim(&self) {
        let live = self.live().await;
        let at = (&*self.crd(), &*live.uid().unwrap(), &*live.resource_version().unwrap());
        self.writer().trim_crd(&self.term, at, &["v2".to_owned()]).await.unwrap();
    }

    /// All objects. A definition that has just been written is answered for with 429 for a moment.
    async fn listed(&self) -> Vec<DynamicObject> {
        let all = self.all("v2");
        eventually("objects are listed", SOON, async || all.list(&ListParams::default()).await.ok()).await.items
    }

    /// resourceVersions by `namespace/name`.
    pub async fn versions(&self) -> BTreeMap<String, String> {
        self.listed().await.iter().map(|o| (spoken(&o.metadata), o.resource_version().unwrap())).collect()
    }

    /// Everything that a person, an operator or Git wrote, by `namespace/name`.
    pub async fn content(&self) -> BTreeMap<String, Value> {
        let of = |object: &DynamicObject| {
            let meta = &object.metadata;
            let kept = json!([meta.uid, meta.generation, meta.labels, meta.annotations, meta.finalizers]);
            json!([object.data, kept])
        };
        self.listed().await.iter().map(|object| (spoken(&object.metadata), of(object))).collect()
    }

    pub fn cache(&self, version: &str, name: &str, spec: &Value) -> DynamicObject {
        let object = json!({"apiVersion": format!("{}/{version}", self.group), "kind": "Cache",
            "metadata": {"name": name, "labels": {"app": name}, "finalizers": ["example.com/kept"]}, "spec": spec});
        serde_json::from_value(object).unwrap()
    }

    /// As many objects, in turn in each namespace, written at v1.
    pub async fn fill(&self, count: usize) {
        let (write, params) = (self, &PostParams::default());
        let created = (0..count).map(|n| async move {
            let spec = json!({"size": n, "note": format!("note {n}"), "words": {"a": "b"}});
            let caches = write.caches("v1", NAMESPACES[n % NAMESPACES.len()]);
            caches.create(params, &write.cache("v1", &format!("c{n:04}"), &spec)).await
        });
        stream::iter(created).buffer_unordered(16).try_collect::<Vec<_>>().await.unwrap();
    }

    pub fn work(&self, what: What, limit: u32) -> PageWork {
        let (group, version, plural) = (self.group.clone(), "v2".to_owned(), "caches".to_owned());
        PageWork { group, version, plural, continue_: None, limit, what }
    }

    /// All pages, one after the other.
    pub async fn pages(&self, writer: &Writer, what: What, limit: u32) -> Vec<PageDone> {
        let (mut work, mut pages) = (self.work(what, limit), Vec::new());
        loop {
            let page = writer.page(&self.term, &work, Pace::default(), fine).await.unwrap();
            work.continue_.clone_from(&page.continue_);
            pages.push(page);
            if work.continue_.is_none() {
                return pages;
            }
        }
    }

    /// An object goes, finalizer and all.
    pub async fn delete(&self, namespace: &str, name: &str) {
        let caches = self.caches("v2", namespace);
        let free = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
        caches.patch(name, &kube::api::PatchParams::default(), &free).await.unwrap();
        caches.delete(name, &DeleteParams::default()).await.unwrap();
    }
}

fn spoken(meta: &kube::core::ObjectMeta) -> String {
    format!("{}/{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}
