//! Storage migration, page by page.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kube::api::{ListParams, Patch, PatchParams};
use leasehold::act::Pace;
use leasehold::domain::crd::page::PageDone;
use leasehold::domain::world::FaultKind;
use leasehold::election::{BootInstant, Epoch, term::Tenure};
use leasehold::plan::crds::step::What;
use serde_json::json;

use crate::scene::{NAMESPACES, SOON, Scene, fine, version};
use crate::support::eventually;
use crate::support::proxy::{Fault, Match, Proxy};

fn patches(proxy: &Proxy) -> usize {
    proxy.log().iter().filter(|request| request.verb == "patch" && request.succeeded()).count()
}

fn sums(pages: &[PageDone]) -> (u64, u64, u64) {
    pages.iter().fold((0, 0, 0), |(a, b, c), page| (a + page.seen, b + page.done, c + page.failed))
}

#[tokio::test]
async fn every_object_is_stored_at_the_new_version_and_reads_as_before() {
    let scene = Scene::begin("rewrite").await;
    scene.fill(1200).await;
    let (content, versions) = (scene.content().await, scene.versions().await);
    assert_eq!(content.len(), 1200);

    scene.write(&[version("v1", false), version("v2", true)]).await;
    let early = scene.change(&[version("v2", true)]).await;
    let refused = scene.writer().write_crd(&scene.term, &early).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Invalid, "v1 is still stored: {refused}");

    let pages = scene.pages(&scene.writer(), What::Rewrite, 500).await;
    let seen: Vec<u64> = pages.iter().map(|page| page.seen).collect();
    assert_eq!(seen, [500, 500, 200]);
    assert_eq!(pages.iter().map(|page| page.remaining).collect::<Vec<_>>(), [Some(700), Some(200), None]);
    assert_eq!(sums(&pages), (1200, 1200, 0));
    // Until the API server has taken the flip in, and every object is proven to have been written since.
    eventually("every object was written at v2", SOON, async || {
        let after = scene.versions().await;
        let all = versions.iter().all(|(name, version)| after.get(name) != Some(version));
        if !all {
            scene.pages(&scene.writer(), What::Rewrite, 500).await;
        }
        all
    })
    .await;
    let moved = scene.versions().await;
    assert_eq!(sums(&scene.pages(&scene.writer(), What::Rewrite, 500).await), (1200, 1200, 0));
    assert_eq!(scene.versions().await, moved, "who is there already is not written again");

    scene.trim().await;
    scene.write(&[version("v2", true)]).await;
    let gone = async || scene.all("v1").list(&ListParams::default()).await.is_err();
    eventually("v1 is not served any more", SOON, gone).await;
    assert_eq!(scene.content().await, content, "nothing that anybody wrote is lost or changed");
}

#[tokio::test]
async fn a_page_of_large_objects_holds_fewer_of_them() {
    let scene = Scene::begin("large").await;
    scene.fill(220).await;
    let long = Patch::Merge(json!({"spec": {"note": "x".repeat(100 << 10)}}));
    for n in 0..220 {
        let caches = scene.caches("v1", NAMESPACES[n % 3]);
        caches.patch(&format!("c{n:04}"), &PatchParams::default(), &long).await.unwrap();
    }
    let what = What::Validate { schema: Arc::default(), dry_run: false };
    let seen: Vec<u64> = scene.pages(&scene.writer(), what, 500).await.iter().map(|page| page.seen).collect();
    assert_eq!(seen, [125, 95], "22 MiB are more than one page holds");
    assert_eq!(sums(&scene.pages(&scene.writer(), What::Rewrite, 500).await), (220, 220, 0), "metadata is small");
}

#[tokio::test]
async fn one_object_that_is_left_behind_is_told_apart_from_an_api_server_in_trouble() {
    let scene = Scene::begin("behind").await;
    scene.fill(3).await;
    scene.write(&[version("v1", false), version("v2", true)]).await;
    // A lie: nothing was written at v2.
    scene.trim().await;
    scene.write(&[version("v2", true)]).await;
    let told = eventually("the list breaks", SOON, async || {
        scene.writer().page(&scene.term, &scene.work(What::Rewrite, 500), Pace::default(), fine).await.err()
    })
    .await;
    assert_eq!(told.kind, FaultKind::Invalid, "{told}");
    assert!(told.message.contains("add that version again"), "{told}");
    // What it says helps.
    let mut old = version("v1", false);
    old["served"] = json!(false);
    scene.write(&[old, version("v2", true)]).await;
    eventually("the list works again", SOON, async || scene.all("v2").list(&ListParams::default()).await.is_ok()).await;
    assert_eq!(sums(&scene.pages(&scene.writer(), What::Rewrite, 500).await), (3, 3, 0));
}

#[tokio::test]
async fn what_a_policy_denies_is_named_and_the_rest_goes_on() {
    let scene = Scene::begin("denied").await;
    scene.fill(30).await;
    let policy = format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: pages-denied}}
spec:
  matchConstraints:
    resourceRules: [{{apiGroups: [{}], apiVersions: ['*'], operations: [UPDATE], resources: [caches]}}]
  validations: [{{expression: \"object.metadata.name != 'c0007'\", message: 'not this one'}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: pages-denied}}
spec: {{policyName: pages-denied, validationActions: [Deny]}}
",
        scene.group
    );
    scene.cluster.apply_yaml(&policy).await;
    scene.write(&[version("v1", false), version("v2", true)]).await;
    let before = scene.versions().await;
    // What a rehearsal finds is what the rewrite would have met, and nothing is written for it.
    for what in [What::Rehearse, What::Rewrite] {
        assert_eq!(scene.versions().await, before);
        let page = eventually("the policy is in force", SOON, async || {
            let pages = scene.pages(&scene.writer(), what.clone(), 500).await;
            pages.into_iter().next().filter(|page| page.failed > 0)
        })
        .await;
        assert_eq!((page.seen, page.done, page.failed), (30, 29, 1));
        assert_eq!(page.failures[0].object, "pages-b/c0007");
        assert!(page.failures[0].why.contains("not this one"), "{:?}", page.failures);
    }
}

#[tokio::test]
async fn who_was_deleted_or_written_in_between_is_done_and_keeps_what_was_written() {
    let scene = Scene::begin("between").await;
    scene.fill(9).await;
    let proxy = scene.cluster.proxy("between");
    for name in ["c0000", "c0001"] {
        proxy.add(Match::verb("patch").name(name).before(Fault::Delay(Duration::from_secs(2))));
    }
    let writer = Scene::through(proxy.client());
    let (page, ()) = futures::join!(scene.pages(&writer, What::Rewrite, 500), async {
        eventually("the page is listed", SOON, async || patches(&proxy) == 7).await;
        scene.delete("pages-a", "c0000").await;
        let note = Patch::Merge(json!({"spec": {"note": "written meanwhile"}}));
        scene.caches("v2", "pages-b").patch("c0001", &PatchParams::default(), &note).await.unwrap();
    });
    assert_eq!(sums(&page), (9, 9, 0));
    let answers: Vec<Option<u16>> =
        ["c0000", "c0001"].map(|name| proxy.log().iter().find(|r| r.name == name).unwrap().code).into();
    assert_eq!(answers, [Some(404), Some(409)]);
    let written = scene.caches("v2", "pages-b").get("c0001").await.unwrap();
    assert_eq!(written.data["spec"]["note"], "written meanwhile");
}

#[tokio::test]
async fn a_busy_api_server_is_waited_for() {
    let scene = Scene::begin("busy").await;
    scene.fill(9).await;
    let proxy = scene.cluster.proxy("busy");
    let busy = |code| Fault::Status { code, retry_after_seconds: Some(1) };
    proxy.add(Match::verb("list").first(1).before(busy(503)));
    proxy.add(Match::verb("patch").name("c0003").first(2).before(busy(429)));
    proxy.add(Match::verb("patch").name("c0004").first(1).before(busy(503)));
    let pages = scene.pages(&Scene::through(proxy.client()), What::Rewrite, 500).await;
    assert_eq!(sums(&pages), (9, 9, 0));
    assert_eq!(patches(&proxy), 9);
}

#[tokio::test]
async fn the_pace_bounds_how_often_something_is_asked() {
    let scene = Scene::begin("pace").await;
    scene.fill(6).await;
    let proxy = scene.cluster.proxy("pace");
    let pace = Pace { at_once: 8, gap: Duration::from_millis(100) };
    let writer = Scene::through(proxy.client());
    writer.page(&scene.term, &scene.work(What::Rewrite, 500), pace, fine).await.unwrap();
    let at: Vec<Duration> = proxy.log().iter().filter(|r| r.verb == "patch").map(|r| r.at).collect();
    assert!(at[5].saturating_sub(at[0]) >= Duration::from_millis(450), "{at:?}");
}

#[tokio::test]
async fn an_answer_that_is_lost_or_a_crash_costs_another_page_and_nothing_else() {
    let scene = Scene::begin("crash").await;
    scene.fill(60).await;
    let content = scene.content().await;
    scene.write(&[version("v1", false), version("v2", true)]).await;
    let proxy = scene.cluster.proxy("crash");
    let writer = Scene::through(proxy.client());
    let work = scene.work(What::Rewrite, 500);

    proxy.add(Match::verb("patch").nth(20).after(Fault::Reset));
    let lost = writer.page(&scene.term, &work, Pace::default(), fine).await.unwrap_err();
    assert_eq!(lost.kind, FaultKind::Transient, "{lost}");
    // Dropped where a process would have died.
    let before = patches(&proxy);
    let mut page = writer.page(&scene.term, &work, Pace::default(), fine).boxed();
    tokio::select! {
        _ = &mut page => panic!("the page was over before it could be broken off"),
        () = eventually("it is in the middle", SOON, async || patches(&proxy) > before) => {}
    }
    drop(page);
    let page = writer.page(&scene.term, &work, Pace::default(), fine).await.unwrap();
    assert_eq!((page.seen, page.done), (60, 60));
    assert_eq!(scene.content().await, content);
}

#[tokio::test]
async fn nothing_is_written_once_leadership_is_lost() {
    let scene = Scene::begin("term").await;
    scene.fill(40).await;
    let proxy = scene.cluster.proxy("term");
    proxy.add(Match::verb("patch").from(9).before(Fault::Hang));
    let epoch = Epoch { uid: "u".into(), transitions: 1 };
    let (tenure, term) = Tenure::open(epoch, String::new(), BootInstant::NEVER);
    let (writer, work) = (Scene::through(proxy.client()), scene.work(What::Rewrite, 500));
    let (page, ()) = futures::join!(writer.page(&term, &work, Pace::default(), fine), async {
        eventually("it is in the middle", SOON, async || patches(&proxy) >= 8).await;
        tenure.cancel();
    });
    assert_eq!(page.unwrap_err().message, "leadership ended");
    let asked = proxy.requests();
    assert!(asked <= 1 + 8 + 8, "{asked}");
    assert!(writer.page(&term, &work, Pace::default(), fine).await.is_err());
    assert!(proxy.log_from(asked).iter().all(|request| request.verb == "list"), "{:?}", proxy.log_from(asked));
}

#[tokio::test]
async fn a_kind_without_any_objects_is_gone_through_in_one_page() {
    let scene = Scene::begin("nothing").await;
    for what in [
        What::Rewrite,
        What::Disown { versions: ["v1".to_owned()].into() },
        What::Validate { schema: Arc::new(json!({})), dry_run: false },
    ] {
        let pages = scene.pages(&scene.writer(), what, 500).await;
        assert_eq!(sums(&pages), (0, 0, 0));
        assert_eq!(pages.len(), 1);
    }
}
