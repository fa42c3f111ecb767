//! Field ownership survives a version that goes.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::ResourceExt;
use kube::api::{DynamicObject, Patch, PatchParams};
use leasehold::domain::crd::page::PageFailure;
use leasehold::plan::crds::step::What;
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, version};
use crate::support::eventually;
use crate::support::proxy::{Fault, Match};

const NAMESPACE: &str = "pages-a";

async fn apply(scene: &Scene, version: &str, manager: &str, spec: Value) -> Result<DynamicObject, kube::Error> {
    let mut object = scene.cache(version, "applied", &spec);
    object.metadata.finalizers = None;
    let params = PatchParams::apply(manager);
    scene.caches(version, NAMESPACE).patch("applied", &params, &Patch::Apply(&object)).await
}

/// Two appliers, an updater of the spec and one of the status, all at v1; then all is stored at v2.
async fn owned(name: &str) -> Scene {
    let scene = Scene::begin(name).await;
    apply(&scene, "v1", "git", json!({"size": 1, "note": "git's", "words": {"a": "git"}})).await.unwrap();
    apply(&scene, "v1", "people", json!({"words": {"b": "people"}})).await.unwrap();
    let caches = scene.caches("v1", NAMESPACE);
    let (operator, change) =
        (PatchParams { field_manager: Some("operator".into()), ..PatchParams::default() }, |value| Patch::Merge(value));
    caches.patch("applied", &operator, &change(json!({"spec": {"words": {"c": "operator"}}}))).await.unwrap();
    caches.patch_status("applied", &operator, &change(json!({"status": {"ready": true}}))).await.unwrap();
    let again = scene.caches("v2", NAMESPACE);
    again.patch("applied", &operator, &change(json!({"spec": {"words": {"d": "operator"}}}))).await.unwrap();
    scene.move_to_v2().await;
    scene
}

async fn drop_v1(scene: &Scene) {
    scene.write(&[version("v2", true)]).await;
    let gone = async || scene.all("v1").list(&kube::api::ListParams::default()).await.is_err();
    eventually("v1 is not served any more", SOON, gone).await;
}

#[tokio::test]
async fn without_it_a_dropped_version_breaks_server_side_apply() {
    let scene = owned("orphaned").await;
    drop_v1(&scene).await;
    // If this succeeds one day, kubernetes/kubernetes#111937 is fixed and Disown is not needed any more.
    let broken = async || {
        let applied = apply(&scene, "v2", "git", json!({"size": 2, "note": "git's", "words": {"a": "git"}})).await;
        applied.err().map(|error| error.to_string())
    };
    let why = eventually("apply fails", SOON, broken).await;
    eprintln!("{why}");
}

#[tokio::test]
async fn with_it_everybody_goes_on_applying_and_owns_what_was_owned() {
    let scene = owned("owned").await;
    let before = scene.content().await;
    let versions = BTreeSet::from(["v1".to_owned()]);
    let pages = scene.pages(&scene.writer(), What::Disown { versions: versions.clone() }, 500).await;
    assert_eq!((pages[0].seen, pages[0].done, pages[0].failed), (1, 1, 0), "{pages:?}");
    assert_eq!(scene.content().await, before, "ownership alone has changed");
    let object = scene.caches("v2", NAMESPACE).get("applied").await.unwrap();
    let owners: BTreeSet<String> = object
        .managed_fields()
        .iter()
        .map(|entry| {
            assert_eq!(entry.api_version.as_deref(), Some(&*format!("{}/v2", scene.group)));
            [entry.manager.as_deref(), entry.operation.as_deref(), entry.subresource.as_deref()]
                .map(Option::unwrap_or_default)
                .join(" ")
        })
        .collect();
    let all = ["git Apply ", "operator Update ", "operator Update status", "people Apply "].map(str::to_owned);
    assert_eq!(owners, BTreeSet::from(all));
    // Done twice, nothing is left to do.
    let moved = scene.versions().await;
    scene.pages(&scene.writer(), What::Disown { versions }, 500).await;
    assert_eq!(scene.versions().await, moved);

    drop_v1(&scene).await;
    let conflict = apply(&scene, "v2", "people", json!({"size": 5, "words": {"b": "people"}})).await.unwrap_err();
    assert!(matches!(&conflict, kube::Error::Api(status) if status.code == 409), "the size is git's: {conflict}");
    // What an applier leaves out, and alone owned, goes: it has not forgotten that it was its own.
    let applied = apply(&scene, "v2", "git", json!({"size": 2, "words": {}})).await.unwrap();
    let words = json!({"b": "people", "c": "operator", "d": "operator"});
    assert_eq!(applied.data["spec"], json!({"size": 2, "words": words}));
    assert_eq!(applied.data["status"], json!({"ready": true}));
}

#[tokio::test]
async fn who_is_written_in_between_is_freed_of_it_all_the_same() {
    let scene = owned("meanwhile").await;
    let proxy = scene.cluster.proxy("meanwhile");
    proxy.add(Match::verb("patch").first(1).before(Fault::Delay(Duration::from_secs(2))));
    let (writer, versions) = (Scene::through(proxy.client()), BTreeSet::from(["v1".to_owned()]));
    let patches = || proxy.log().into_iter().filter(|request| request.verb == "patch");
    let (pages, ()) = futures::join!(scene.pages(&writer, What::Disown { versions }, 500), async {
        eventually("the page is listed", SOON, async || patches().count() == 1).await;
        let label = Patch::Merge(json!({"metadata": {"labels": {"written": "meanwhile"}}}));
        scene.caches("v2", NAMESPACE).patch("applied", &PatchParams::default(), &label).await.unwrap();
    });
    assert_eq!((pages[0].seen, pages[0].done, pages[0].failed), (1, 1, 0), "{pages:?}");
    assert_eq!(patches().map(|request| request.code).collect::<Vec<_>>(), [Some(409), Some(200)]);
    let object = scene.caches("v2", NAMESPACE).get("applied").await.unwrap();
    assert_eq!(object.labels()["written"], "meanwhile");
    let versions: BTreeSet<_> = object.managed_fields().iter().filter_map(|entry| entry.api_version.clone()).collect();
    assert_eq!(versions, BTreeSet::from([format!("{}/v2", scene.group)]));
}

#[tokio::test]
async fn who_never_rests_is_named_and_holds_up_nobody_else() {
    let scene = owned("restless").await;
    apply(&scene, "v1", "git", json!({"size": 3})).await.unwrap();
    scene.fill(2).await;
    let proxy = scene.cluster.proxy("restless");
    proxy.add(Match::verb("patch").name("applied").before(Fault::status(409)));
    let (writer, versions) = (Scene::through(proxy.client()), BTreeSet::from(["v1".to_owned()]));
    let page = scene.pages(&writer, What::Disown { versions }, 500).await.remove(0);
    assert_eq!((page.seen, page.done, page.failed), (3, 2, 1), "{page:?}");
    assert_eq!(page.failures, [PageFailure::new("pages-a/applied", "changed each time it was written")]);
    let tries = proxy.log().iter().filter(|r| r.verb == "patch" && r.name == "applied").count();
    assert_eq!(tries, 9, "looked at eight times more");
}
