//! A shared definition never goes back: whoever starts anew, applies an older release again, onboards at it or goes back to it
//! finds the newer definition. It stays as it is, and who cannot work with it any more is told.

use kube::api::{Api, DeleteParams};
use leasehold::api::{CrdPhase, OperatorRelease, Tenant};
use serde_json::json;

use crate::fleet::PATIENCE;
use crate::looks::Looks;
use crate::runs::granted;
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
    // Its operator has room for five servers, and somebody may have asked for nine.
    let words = ["has moved on to memcached 2.0.0", "spec.size"];
    scene.not_ready("1.1.0", &words).await;
    let late = format!("{OPERATOR}-late");
    scene.fleet.tenant(&late, "1.1.0", json!({"rolloutPolicy": OPERATOR})).await;
    let back = scene.tenants[1].clone();
    scene.fleet.patch(&back, json!({"spec": {"version": "1.1.0"}})).await;
    for name in [&late, &back] {
        let told = |tenant: &Tenant| {
            let said = tenant.message("Reconciling") + &tenant.message("Stalled");
            words.iter().all(|word| said.contains(word))
        };
        scene.fleet.until(name, "it is told", told).await;
    }
    assert_eq!(granted(&scene.fleet, &[late, back]).await, ["", "2.0.0"]);

    // The others go on, through both versions.
    let writers = scene.writers();
    for writer in &writers {
        writer.acknowledged(OLD, "size", 2).await;
        writer.acknowledged(NEW, "threads", 1).await;
    }
    scene.all_holds(writers, &[NEW, OLD]).await;
    let after = scene.definition().await;
    assert_eq!(after.metadata.generation, before.metadata.generation);
    assert_eq!(shape(&after), (vec![NEW, OLD], NEW, vec![NEW]));
    assert_eq!(scene.log().specs().len(), writes, "it was not written");
    scene.fleet.end().await;
}
