//! What not every operator can read waits for all of them: who is in the way is named, and until then nothing is unlocked.

use leasehold::api::CrdPhase;
use serde_json::json;

use crate::scene::{Scene, field, shape};
use crate::user::{NEW, OLD};

#[tokio::test]
async fn crd_barrier_names_pinned_tenant() {
    let scene = Scene::begin("1.1.0", 4).await;
    let [_, _, held, paused] = &scene.tenants[..] else { panic!("four of them") };
    let hold = json!({"name": "quarter-end", "reason": "books are open, ask finance"});
    scene.fleet.patch(held, json!({"spec": {"holds": [hold]}})).await;
    scene.fleet.patch(paused, json!({"spec": {"mode": "Paused"}})).await;
    let writers = scene.writers();

    scene.release("2.0.0").await;
    for name in &scene.tenants {
        scene.fleet.patch(name, json!({"spec": {"version": "2.0.0"}})).await;
    }
    let status = scene.until_blocked_by("2.0.0", &[held, paused]).await;
    assert_eq!((status.blocked, &*status.blockers[0].version, &*status.blockers[1].version), (2, "1.1.0", "1.1.0"));
    assert!(status.blockers[0].why.contains("quarter-end"), "{:?}", status.blockers[0]);
    assert!(status.blockers[1].why.to_lowercase().contains("paused"), "{:?}", status.blockers[1]);
    assert!(status.message.contains(held.as_str()), "{}", status.message);
    still_locked(&scene).await;

    scene.fleet.patch(held, json!({"spec": {"holds": []}})).await;
    scene.until_blocked_by("2.0.0", &[paused]).await;
    for writer in &writers {
        // The old operator of the one goes on beside the new ones of the others.
        writer.acknowledged(OLD, "size", 1).await;
        writer.acknowledged(NEW, "threads", 1).await;
    }
    still_locked(&scene).await;

    scene.fleet.patch(paused, json!({"spec": {"mode": "Active"}})).await;
    let status = scene.until("2.0.0", CrdPhase::Done).await;
    assert_eq!((status.blocked, status.blockers.len()), (0, 0));
    scene.all_run("2.0.0").await;
    assert_eq!(shape(&scene.definition().await), (vec![NEW, OLD], NEW, vec![NEW]));
    scene.all_holds(writers, &[NEW, OLD]).await;
    scene.fleet.end().await;
}

async fn still_locked(scene: &Scene) {
    let definition = scene.definition().await;
    assert_eq!(shape(&definition), (vec![NEW, OLD], OLD, vec![OLD]));
    assert_eq!(field(&definition, NEW, "size").unwrap().maximum, Some(5.0));
    assert_eq!(scene.log().specs().len(), 2, "created and expanded");
}
