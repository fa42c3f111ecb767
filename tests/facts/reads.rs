//! What becomes of whoever reads: facts 4, 6, 7, 9, 10.

use std::fmt::Debug;

use futures::{AsyncBufRead, AsyncBufReadExt, StreamExt};
use http::Request;
use kube::Resource;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::{GroupVersionKind, Object};
use kube::runtime::watcher::{self, Event, watcher};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::api::{SOON, Things, text, version};
use crate::support::eventually;

/// A watch, from now on, until the API server ends it.
async fn watch(things: &Things) -> impl AsyncBufRead + Unpin + use<> {
    let list = async || things.get(&things.things("v1")).await.ok();
    let from = eventually("a list is answered", SOON, list).await["metadata"]["resourceVersion"].clone();
    let path = format!("{}?watch=true&resourceVersion={}", things.things("v1"), from.as_str().unwrap());
    let request = Request::get(path).body(Vec::new()).unwrap();
    Box::pin(things.client.request_stream(request).await.unwrap())
}

/// The next event's object, by name, or none when the watch was ended.
async fn next(watch: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = String::new();
    timeout(SOON, watch.read_line(&mut line)).await.expect("an event, or the end").ok()?;
    let event: Value = serde_json::from_str(&line).ok()?;
    Some(event["object"]["metadata"]["name"].as_str().unwrap_or_default().to_owned())
}

/// Fact 4. Every write to a CRD's spec closes all watches on its objects, also one of a description only. An equal
/// spec and a write of the CRD's metadata close none.
#[tokio::test]
async fn fact_4_every_write_to_a_spec_closes_all_watches() {
    let things = Things::of("watches").await;
    things.define(&[version("v1", true, &json!({"a": text()}))]).await;
    let described = |crd: &mut Value| {
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = json!("Things.");
    };
    let annotated = |crd: &mut Value| crd["metadata"]["annotations"] = json!({"example.com/a": "b"});

    let mut watches = [watch(&things).await, watch(&things).await];
    things.redefine(|_| {}).await.unwrap();
    things.redefine(annotated).await.unwrap();
    things.make("v1", "seen", &json!({})).await.unwrap();
    for watch in &mut watches {
        assert_eq!(next(watch).await.as_deref(), Some("seen"), "neither write closed it");
    }
    things.redefine(described).await.unwrap();
    for watch in &mut watches {
        assert_eq!(next(watch).await, None, "a description closed it");
    }
    let mut watch = watch(&things).await;
    things.redefine(described).await.unwrap();
    things.make("v1", "also-seen", &json!({})).await.unwrap();
    assert_eq!(next(&mut watch).await.as_deref(), Some("also-seen"), "the same description closes nothing");
}

/// Flips the storage version from v1alpha1 to v1, of the same fields, and waits until writes land there.
async fn flip(things: &Things, fields: &Value) {
    let versions = json!([version("v1alpha1", false, fields), version("v1", true, fields)]);
    things.redefine(|crd| crd["spec"]["versions"] = versions.clone()).await.unwrap();
    let served = async || things.get(&things.things("v1")).await.is_ok();
    eventually("v1 is served", SOON, served).await;
}

/// Drops v1alpha1, whatever is stored in it.
async fn drop_old(things: &Things, fields: &Value) {
    things.trim(&["v1"]).await.unwrap();
    let versions = json!([version("v1", true, fields)]);
    things.redefine(|crd| crd["spec"]["versions"] = versions.clone()).await.unwrap();
    let gone = async || things.get(&things.things("v1alpha1")).await.is_err();
    eventually("v1alpha1 is gone", SOON, gone).await;
}

/// Fact 6. A version that is still named in an object's `managedFields` must not be dropped: server-side apply of that
/// object then fails, by whomever (kubernetes/kubernetes#111937). A merge patch still works, and one that takes the
/// entries away repairs it.
#[tokio::test]
async fn fact_6_a_dropped_version_in_managed_fields_breaks_apply() {
    let things = Things::of("managed").await;
    let fields = json!({"a": text(), "b": text()});
    things.define(&[version("v1alpha1", true, &fields)]).await;
    things.apply("v1alpha1", "thing", &json!({"a": "x"}), "old-manager").await.unwrap();
    flip(&things, &fields).await;
    // Stored at v1 from now on: it is not the storage that holds the old version.
    let moved = async || things.label("v1", "thing", &uuid::Uuid::new_v4().to_string()).await.is_ok();
    eventually("the object is written", SOON, moved).await;
    drop_old(&things, &fields).await;

    let applied = things.apply("v1", "thing", &json!({"b": "y"}), "new-manager").await;
    let refused = applied.expect_err("the old version is in managedFields");
    assert!(refused["message"].as_str().unwrap().contains("v1alpha1"), "{refused}");
    things.label("v1", "thing", "patched").await.expect("a merge patch works");
    let disown = json!({"metadata": {"managedFields": [{}]}});
    things.patch(&things.thing("v1", "thing"), &disown).await.unwrap();
    things.apply("v1", "thing", &json!({"b": "y"}), "new-manager").await.expect("repaired");
}

/// Fact 7. One object left at a removed version and no list of the kind is answered any more, in the whole cluster: 500
/// where it is read from etcd (pages), 429 where it comes from the API server's watch cache, which cannot be filled. So a
/// namespace cannot be deleted either, whichever it is: that lists every kind in it.
/// Adding the version again, not served, and writing the object without a change repairs it.
#[tokio::test]
async fn fact_7_one_object_at_a_removed_version_fails_every_list() {
    let things = Things::of("left").await;
    let fields = json!({"a": text()});
    things.define(&[version("v1alpha1", true, &fields)]).await;
    things.make("v1alpha1", "left", &json!({"a": "x"})).await.unwrap();
    flip(&things, &fields).await;
    things.make("v1", "fine", &json!({"a": "x"})).await.unwrap();
    drop_old(&things, &fields).await;

    let everywhere = format!("/apis/{}/v1/things", things.group);
    let fails = async |options: &str, code: u16| {
        let path = format!("{everywhere}?{options}");
        let status = async || things.get(&path).await.err().filter(|status| status["code"] == code);
        eventually(&format!("a list ends with {code}: {options}"), SOON, status).await;
    };
    fails("limit=500", 500).await;
    for from_the_cache in ["", "resourceVersion=0"] {
        fails(from_the_cache, 429).await;
    }
    let fine = things.get(&things.thing("v1", "fine")).await;
    assert!(fine.is_ok(), "an object of the new version is read: {fine:?}");
    // What an informer does first.
    let informer = format!("{everywhere}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
    let stuck = async || things.get(&informer).await.err().filter(|status| status["code"] == 429);
    eventually("an informer is told to try again", SOON, stuck).await;

    let mut old = version("v1alpha1", false, &fields);
    old["served"] = json!(false);
    let versions = json!([old, version("v1", true, &fields)]);
    things.redefine(|crd| crd["spec"]["versions"] = versions.clone()).await.unwrap();
    let repaired = async || things.patch(&things.thing("v1", "left"), &json!({})).await.ok();
    eventually("the object is written again", SOON, repaired).await;
    drop_old(&things, &fields).await;
    let list = async || things.get(&everywhere).await.ok();
    let list = eventually("a list is answered", SOON, list).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2), "none was lost");
}

/// Fact 9. A new version that sorts before the others (v1 before v1alpha1) becomes the preferred one as soon as it is
/// served, whatever the storage version; and what deletes a namespace then works through it.
///
/// Not shown: that garbage collection does so too, since it learns of new kinds only every 30 s; and what happens when
/// the conversion to that version fails, which only a webhook can bring about.
#[tokio::test]
async fn fact_9_a_new_version_becomes_the_preferred_one() {
    let things = Things::alone("preferred").await;
    let fields = json!({"a": text()});
    things.define(&[version("v1alpha1", true, &fields)]).await;
    let group = format!("/apis/{}", things.group);
    let preferred = async |wanted: &str| {
        let is = async || things.get(&group).await.is_ok_and(|group| group["preferredVersion"]["version"] == wanted);
        eventually(&format!("{wanted} is preferred"), SOON, is).await;
    };
    preferred("v1alpha1").await;
    let versions = json!([version("v1alpha1", true, &fields), version("v1", false, &fields)]);
    things.redefine(|crd| crd["spec"]["versions"] = versions.clone()).await.unwrap();
    preferred("v1").await;

    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fact-9"}});
    things.post("/api/v1/namespaces", &namespace).await.unwrap();
    let inside = format!("{group}/v1alpha1/namespaces/fact-9/things");
    things.post(&inside, &things.object("v1alpha1", "thing", &json!({}))).await.unwrap();
    things.cluster.kubectl(&["delete", "namespace", "fact-9", "--timeout=60s"]);
    let log = std::fs::read_to_string(things.cluster.dir().join("audit.log")).unwrap();
    let deletions: Vec<&str> =
        log.lines().filter(|line| line.contains("namespace-controller") && line.contains(&things.group)).collect();
    let through =
        |version: &str| deletions.iter().any(|line| line.contains(&format!("{group}/{version}/namespaces/fact-9")));
    assert!(through("v1") && !through("v1alpha1"), "{deletions:#?}");
}

/// A thing as an older operator knows it.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct OldSpec {
    mode: OldMode,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
enum OldMode {
    Fast,
    Safe,
}

/// Fact 10. A typed Rust watch dies on one object that it cannot decode (kube-rs/kube#774): it never comes to an end of its
/// first list, while an untyped one does.
#[tokio::test]
async fn fact_10_a_typed_watch_dies_on_one_object() {
    let things = Things::of("typed").await;
    let mode = json!({"mode": {"type": "string", "enum": ["Fast", "Safe", "New"]}});
    things.define(&[version("v1", true, &mode)]).await;
    for (name, mode) in [("a", "Fast"), ("b", "New"), ("c", "Safe")] {
        things.make("v1", name, &json!({"mode": mode})).await.unwrap();
    }
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(&things.group, "v1", "Thing"), "things");
    let typed: Api<Object<OldSpec, Value>> = Api::namespaced_with(things.client.clone(), "default", &resource);
    let untyped: Api<DynamicObject> = Api::namespaced_with(things.client.clone(), "default", &resource);
    assert!(!ever_listed(typed).await, "an object that it cannot decode did not harm it");
    assert!(ever_listed(untyped).await, "an untyped watch gets them all");
}

/// Whether a watch comes to the end of its first list within a dozen events; three objects need five.
async fn ever_listed<K>(things: Api<K>) -> bool
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let events = watcher(things, watcher::Config::default()).take(12);
    events.any(async |event| matches!(event, Ok(Event::InitDone))).await
}
