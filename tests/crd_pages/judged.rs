//! What is stored, held against what a definition is about to say.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use leasehold::act::{Judge, Pace};
use leasehold::plan::crds::step::What;
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, fine, version};
use crate::support::eventually;

fn at_most(schema: &Value) -> Judge {
    let most = schema["maximum"].as_i64();
    Box::new(move |object| {
        let large = object["spec"]["size"].as_i64() > most;
        if large { vec!["spec.size is too large".to_owned()] } else { Vec::new() }
    })
}

#[tokio::test]
async fn every_object_is_judged_and_none_is_written() {
    let scene = Scene::begin("judged").await;
    scene.fill(30).await;
    let (before, proxy) = (scene.versions().await, scene.cluster.proxy("judged"));
    let work = scene.work(What::Validate { schema: Arc::new(json!({"maximum": 17})), dry_run: false }, 500);
    let page = Scene::through(proxy.client()).page(&scene.term, &work, Pace::default(), at_most).await.unwrap();
    assert_eq!(
        (page.seen, page.done, page.failed, page.failures.len()),
        (30, 18, 12, 9),
        "three of a namespace have names"
    );
    assert!(page.failures.iter().all(|failure| failure.why == "spec.size is too large"));
    assert_eq!(proxy.requests(), 1, "a list, and nothing else");
    assert_eq!(scene.versions().await, before);
}

#[tokio::test]
async fn the_api_server_judges_by_its_rules_what_it_would_not_judge_in_a_write_of_the_same() {
    let scene = Scene::begin("rules").await;
    scene.fill(12).await;
    // A status that is there does not matter, nor that somebody owns the fields.
    let status = Patch::Merge(json!({"status": {"ready": true}}));
    scene.caches("v2", "pages-a").patch_status("c0003", &PatchParams::default(), &status).await.unwrap();
    let mut ruled = [version("v1", true), version("v2", false)];
    for version in &mut ruled {
        let spec = &mut version["schema"]["openAPIV3Schema"]["properties"]["spec"];
        spec["x-kubernetes-validations"] = json!([{"rule": "self.size != 7", "message": "seven is unlucky"}]);
    }
    scene.write(&ruled).await;
    let (content, before) = (scene.content().await, scene.versions().await);
    let work = scene.work(What::Validate { schema: Arc::new(json!({})), dry_run: true }, 500);
    let page = eventually("the rule is in force", SOON, async || {
        let page = scene.writer().page(&scene.term, &work, Pace::default(), fine).await.unwrap();
        (page.failed > 0).then_some(page)
    })
    .await;
    assert_eq!((page.seen, page.done, page.failed), (12, 11, 1));
    assert_eq!(page.failures[0].object, "pages-b/c0007");
    assert!(page.failures[0].why.contains("seven is unlucky"), "{:?}", page.failures);
    assert_eq!((scene.content().await, scene.versions().await), (content, before), "nothing is written");

    // A rewrite of the same object is taken: what does not change is not judged.
    let rewritten = scene.pages(&scene.writer(), What::Rewrite, 500).await;
    assert_eq!((rewritten[0].done, rewritten[0].failed), (12, 0));
}

#[tokio::test]
async fn an_object_that_is_nested_too_deeply_is_named_and_the_rest_goes_on() {
    let scene = Scene::begin("deep").await;
    scene.fill(4).await;
    // As anybody may who writes its status, where the form is free. No reader of this process is to see the answer.
    let status = format!("{}1{}", r#"{"a":"#.repeat(300), "}".repeat(300));
    let path = format!("/apis/{}/v1/namespaces/pages-b/caches/c0001/status", scene.group);
    let patch = http::Request::patch(path).header("content-type", "application/merge-patch+json");
    let patch = patch.body(format!(r#"{{"status": {status}}}"#).into_bytes()).unwrap();
    scene.cluster.client().request_text(patch).await.unwrap();
    let validate = |dry_run| What::Validate { schema: Arc::new(json!({"maximum": 9})), dry_run };
    for what in [validate(false), validate(true), What::Disown { versions: BTreeSet::from(["v1".to_owned()]) }] {
        let page = scene.pages(&scene.writer(), what, 500).await.remove(0);
        assert_eq!((page.seen, page.done, page.failed), (4, 3, 1), "{page:?}");
        assert_eq!(page.failures[0].object, "pages-b/c0001");
        assert!(page.failures[0].why.starts_with("nested too deeply to be judged"), "{page:?}");
    }
    let page = scene.pages(&scene.writer(), What::Rewrite, 500).await.remove(0);
    assert_eq!((page.seen, page.done), (4, 4), "which reads none");
}
