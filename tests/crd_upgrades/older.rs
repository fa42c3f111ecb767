//! A shared definition never goes back by itself: whoever starts anew, applies an older release again or onboards at it finds
//! the newer definition, and leaves it.

use kube::api::{Api, DeleteParams};
use leasehold::api::{CrdPhase, OperatorRelease};
use serde_json::json;

use crate::fleet::PATIENCE;
use crate::scene::{OPERATOR, Scene, shape};
use crate::support::watch_until;
use crate::user::{NEW, OLD};

#[tokio::test]
async fn crd_older_release_never_reapplied() {
    let mut scene = Scene::begin("1.1.0", 2).await;
    scene.release("2.0.0").await;
    scene.ask("2.0.0").await;
    scene.all_run("2.0.0").await;
    scene.until("2.0.0", CrdPhase::Done).await;
    let (before, writes) = (scene.definition().await, scene.log().specs().len());

    // Everything is looked at for the first time again, the older release last.
    scene.restart().await;
    let releases: Api<OperatorRelease> = Api::all(scene.fleet.client.clone());
    let name = format!("{OPERATOR}-1.1.0");
    releases.delete(&name, &DeleteParams::default()).await.expect("nobody runs it");
    watch_until(&releases, &name, "gone", PATIENCE, |release| release.is_none()).await;
    scene.release("1.1.0").await;
    let ready = |release: Option<&OperatorRelease>| {
        let conditions = release.and_then(|release| release.status.as_ref()).map(|status| &status.conditions);
        conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
    };
    watch_until(&releases, &name, "ready as it is: what it needs is there", PATIENCE, ready).await;

    // Its operator works with the definition as it is, beside the newer ones.
    let late = format!("{OPERATOR}-late");
    scene.fleet.tenant(&late, "1.1.0", json!({"rolloutPolicy": OPERATOR})).await;
    scene.fleet.runs(&late, "1.1.0").await;
    scene.tenants.push(late);
    let writers = scene.writers();
    for writer in &writers {
        writer.acknowledged(OLD, "size", 2).await;
        writer.acknowledged(NEW, "maxItemSize", 1).await;
    }
    for writer in writers {
        writer.stop().await.holds(&[NEW, OLD], false).await;
    }
    let after = scene.definition().await;
    assert_eq!(after.metadata.generation, before.metadata.generation);
    assert_eq!(shape(&after), (vec![NEW, OLD], NEW, vec![NEW]));
    assert_eq!(scene.log().specs().len(), writes, "it was not written");
    scene.fleet.end().await;
}
