//! Stored objects rewritten at another version, on a real API server: Leasehold's pages against a client that sends a patch for
//! each name it was given and does nothing else, at the same concurrency, in turn, in one run. Each time every object is written.
//!
//! `LEASEHOLD_BENCH_OBJECTS=10000` objects, `LEASEHOLD_BENCH_ROUNDS=2` times each.
#[path = "../../tests/support/mod.rs"]
mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use leasehold::{
    act::{Pace, Writer},
    election::Term,
    plan::crds::step::{PageWork, What},
};
use serde_json::{Value, json};

use crate::support::{Cluster, Node, eventually};

const LONG: Duration = Duration::from_mins(3);
const GROUP: &str = "migration.example.com";
const CRD: &str = "caches.migration.example.com";
const NAMESPACES: usize = 20;
/// After a flip the API server's first writes are still stored at the old version (kubernetes/kubernetes#130235).
const SOAK: Duration = Duration::from_secs(10);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure(count("LEASEHOLD_BENCH_OBJECTS", 10_000), count("LEASEHOLD_BENCH_ROUNDS", 2)));
}

fn count(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text}: a number")),
        Err(_) => default,
    }
}

async fn measure(objects: usize, rounds: usize) {
    let cluster = Cluster::start(Node::None).await;
    let bench = Bench { client: cluster.client(), writer: Writer::new(cluster.client(), LONG), term: Term::unfenced() };
    bench.fill(&cluster, objects).await;
    println!(
        "| round | who | objects | time | objects/s | RSS before | after the first page | at the end |\n|---|---|---|---|---|---|---|---|"
    );
    let (mut ours, mut bare) = (Duration::ZERO, Duration::ZERO);
    for round in 0..rounds {
        // Who comes first takes turns, too.
        for own in if round % 2 == 0 { [true, false] } else { [false, true] } {
            let names = bench.flip().await;
            let (began, before) = (Instant::now(), rss());
            let first = if own { bench.pages(objects).await } else { bench.bare(&names).await };
            let took = began.elapsed();
            *(if own { &mut ours } else { &mut bare }) += took;
            let who = if own { "leasehold" } else { "bare" };
            let pace = objects as u128 * 1000 / took.as_millis().max(1);
            let after = rss();
            println!(
                "| {round} | {who} | {objects} | {took:.2?} | {pace} | {before} KiB | {first} KiB | {after} KiB |"
            );
            bench.all_written(&names).await;
        }
    }
    println!("ratio {:.3}", ours.as_secs_f64() / bare.as_secs_f64());
}

struct Bench {
    client: Client,
    writer: Writer,
    term: Term,
}

/// Name and namespace, with the resourceVersion.
type Names = BTreeMap<(String, String), String>;

impl Bench {
    async fn fill(&self, cluster: &Cluster, objects: usize) {
        for n in 0..NAMESPACES {
            cluster.apply_yaml(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: m{n}}}}}")).await;
        }
        let names = json!({"kind": "Cache", "listKind": "CacheList", "plural": "caches", "singular": "cache"});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": CRD},
            "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": versions("v1")}});
        self.writer.create_crd(&self.term, &definition, &BTreeMap::new()).await.expect("created");
        let listed = async || caches(&self.client, None).list(&ListParams::default()).await.is_ok();
        eventually("the kind is served", LONG, listed).await;
        let object = |n: usize| {
            let spec = json!({"size": n, "words": (0..8).map(|w| (format!("w{w}"), format!("word {w} of {n}"))).collect::<BTreeMap<_, _>>()});
            let object = json!({"apiVersion": format!("{GROUP}/v2"), "kind": "Cache", "metadata": {"name": format!("c{n:05}")}, "spec": spec});
            serde_json::from_value::<DynamicObject>(object).expect("an object")
        };
        let created = (0..objects).map(|n| async move {
            let namespace = format!("m{}", n % NAMESPACES);
            caches(&self.client, Some(&namespace)).create(&PostParams::default(), &object(n)).await
        });
        stream::iter(created).buffer_unordered(32).try_for_each(async |_| Ok(())).await.expect("created");
    }

    /// Where things are stored is the other version from now on. What there is, as it is before anybody writes it.
    async fn flip(&self) -> Names {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &definitions());
        let live = api.get(CRD).await.expect("it is there");
        let mut spec = live.data["spec"].as_object().expect("a spec").clone();
        let stored = spec["versions"].as_array().and_then(|all| all.iter().find(|version| version["storage"] == true));
        let other = if stored.expect("one is stored")["name"] == "v1" { "v2" } else { "v1" };
        spec.insert("versions".into(), versions(other));
        let write = support::definition::write(&live, spec);
        self.writer.write_crd(&self.term, &write).await.expect("written");
        tokio::time::sleep(SOAK).await;
        self.names().await
    }

    async fn names(&self) -> Names {
        // A definition that was just written is answered for with 429 for a moment.
        let api = caches(&self.client, None);
        let all = eventually("it is listed", LONG, async || api.list_metadata(&ListParams::default()).await.ok()).await;
        let name = |o: &kube::core::PartialObjectMeta<DynamicObject>| (o.namespace().unwrap_or_default(), o.name_any());
        all.items.iter().map(|object| (name(object), object.resource_version().unwrap_or_default())).collect()
    }

    /// Returns the RSS after the first page.
    async fn pages(&self, objects: usize) -> u64 {
        let (group, version, plural) = (GROUP.into(), "v2".into(), "caches".into());
        let mut work = PageWork { group, version, plural, continue_: None, limit: 500, what: What::Rewrite };
        let (mut first, mut done) = (None, 0);
        loop {
            let page = self.writer.page(&self.term, &work, Pace::default(), |_| Box::new(|_| Vec::new())).await;
            let page = page.expect("a page");
            done += page.done;
            first.get_or_insert_with(rss);
            work.continue_ = page.continue_;
            if work.continue_.is_none() {
                assert_eq!(done, objects as u64);
                return first.unwrap_or_default();
            }
        }
    }

    /// The same number of requests at once, for names that it was given.
    async fn bare(&self, names: &Names) -> u64 {
        let (params, nothing) = (PatchParams::default(), Patch::Merge(json!({})));
        let (params, nothing) = (&params, &nothing);
        let patched = names.keys().map(|(namespace, name)| async move {
            caches(&self.client, Some(namespace)).patch_metadata(name, params, nothing).await.map(drop)
        });
        stream::iter(patched).buffer_unordered(Pace::default().at_once).try_collect::<()>().await.expect("patched");
        rss()
    }

    /// Neither was spared a write.
    async fn all_written(&self, before: &Names) {
        let after = self.names().await;
        let same = before.iter().filter(|(name, version)| after.get(name) == Some(version)).count();
        assert_eq!(same, 0, "not written");
    }
}

fn versions(storage: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    let version = |name: &str| json!({"name": name, "served": true, "storage": name == storage, "schema": {"openAPIV3Schema": schema}});
    json!([version("v1"), version("v2")])
}

fn caches(client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = resource(GROUP, "v2", "Cache", "caches");
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

fn definitions() -> ApiResource {
    resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
}

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let api_version = format!("{group}/{version}");
    ApiResource { group: group.into(), version: version.into(), api_version, kind: kind.into(), plural: plural.into() }
}

/// Of this process, in KiB; 0 where there is no `/proc`.
fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
