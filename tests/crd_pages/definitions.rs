//! Writes to definitions themselves.

use std::collections::BTreeMap;

use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use leasehold::domain::world::FaultKind;
use serde_json::json;

use crate::scene::{Scene, version};

#[tokio::test]
async fn one_that_is_created_is_marked_as_shared_and_created_once() {
    let scene = Scene::begin("created").await;
    let live = scene.live().await;
    assert_eq!(live.labels()["leasehold.dev/shared-crd"], "true");
    assert_eq!(live.annotations()["leasehold.dev/epoch"], "none");
    let again = scene
        .writer()
        .create_crd(&scene.term, &scene.definition(&[version("v1", true)]), &BTreeMap::new())
        .await
        .unwrap();
    assert!(again.is_empty());
    assert_eq!(scene.live().await.data["spec"], live.data["spec"]);
}

#[tokio::test]
async fn a_spec_is_written_as_a_whole_with_its_annotations_in_one_write() {
    let scene = Scene::begin("written").await;
    let proxy = scene.cluster.proxy("written");
    let writer = Scene::through(proxy.client());
    let annotations = BTreeMap::from([("leasehold.dev/crd-unlocked".to_owned(), "a=1.0.0~b/c".to_owned())]);
    let generation = scene.live().await.metadata.generation.unwrap();

    let mut named = version("v1", true);
    named["schema"]["openAPIV3Schema"]["description"] = json!("new");
    let mut change = scene.change(&[named, version("v2", false)]).await;
    change.annotations.clone_from(&annotations);
    let answers = writer.write_crd(&scene.term, &change).await.unwrap();
    let live = scene.live().await;
    assert_eq!(answers[0].1.data, live.data, "the answer says what is there");
    assert_eq!(live.annotations()["leasehold.dev/crd-unlocked"], "a=1.0.0~b/c");
    assert_eq!((live.metadata.generation, proxy.writes().len()), (Some(generation + 1), 1));

    // Handed over by a person, with no annotation of anybody; a version that is left out is gone.
    let none = Patch::Merge(json!({"metadata": {"annotations": null}}));
    scene.definitions().patch(&scene.crd(), &PatchParams::default(), &none).await.unwrap();
    assert!(scene.live().await.annotations().is_empty());
    let mut change = scene.change(&[version("v1", true)]).await;
    change.annotations = annotations;
    writer.write_crd(&scene.term, &change).await.unwrap();
    let live = scene.live().await;
    assert_eq!(live.annotations().len(), 2, "{:?}", live.annotations());
    assert_eq!(live.data["spec"]["versions"].as_array().unwrap().len(), 1);
    assert_eq!(live.metadata.generation, Some(generation + 2));
}

#[tokio::test]
async fn what_changed_since_it_was_looked_at_is_never_overwritten() {
    let scene = Scene::begin("stale").await;
    let change = scene.change(&[version("v1", true)]).await;
    let live = scene.live().await;
    let at = |uid: &str, resource_version: &str| (uid.to_owned(), resource_version.to_owned());
    let then = at(&live.uid().unwrap(), &live.resource_version().unwrap());
    let label = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    scene.definitions().patch(&scene.crd(), &PatchParams::default(), &label).await.unwrap();
    let stale = scene.writer().write_crd(&scene.term, &change).await.unwrap_err();
    assert_eq!(stale.kind, FaultKind::Stale, "{stale}");
    let crd = scene.crd();
    let stored = ["v1".to_owned(), "v2".to_owned()];
    let stale = scene.writer().trim_crd(&scene.term, (&crd, &then.0, &then.1), &stored).await.unwrap_err();
    assert_eq!(stale.kind, FaultKind::Stale, "{stale}");
    let live = scene.live().await;
    assert_eq!(live.data["spec"]["versions"].as_array().unwrap().len(), 2);
    assert_eq!(live.data["status"]["storedVersions"], json!(["v1"]));
    scene.writer().trim_crd(&scene.term, (&crd, &then.0, &live.resource_version().unwrap()), &stored).await.unwrap();
    assert_eq!(scene.live().await.data["status"]["storedVersions"], json!(stored));
}
