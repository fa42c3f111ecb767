//! A release brings a new version of the kind, and a later one drops the old: each step waits for what it needs, the
//! definition is written once for each, and users go on through both versions all the time.

use leasehold::api::{CrdPhase, Phase};
use serde_json::Value;

use crate::log::Log;
use crate::runs::{newest, reached};
use crate::scene::{Scene, field, shape, upgrade};
use crate::user::{NEW, OLD};

#[tokio::test]
async fn crd_new_version() {
    let scene = Scene::begin("1.1.0", 4).await;
    let writers = scene.writers();
    for writer in &writers {
        writer.acknowledged(OLD, "maxItemSize", 1).await;
    }

    scene.release("2.0.0").await;
    scene.ask("2.0.0").await;
    in_the_middle(&scene).await;
    scene.all_run("2.0.0").await;
    reached(&scene.fleet, "2.0.0", Phase::Succeeded).await;
    scene.until("2.0.0", CrdPhase::Done).await;
    for writer in &writers {
        // Still through both, each field.
        for version in [OLD, NEW] {
            writer.acknowledged(version, "threads", 1).await;
            writer.acknowledged(version, "maxItemSize", 1).await;
        }
    }
    both_versions(&scene).await;

    scene.release("3.0.0").await;
    scene.ask("3.0.0").await;
    scene.all_run("3.0.0").await;
    scene.until("3.0.0", CrdPhase::Done).await;
    for writer in &writers {
        writer.acknowledged(NEW, "threads", 1).await;
    }
    scene.all_holds(writers, &[NEW]).await;
    only_the_new(&scene).await;
    scene.fleet.end().await;
}

/// While tenants move, old and new operators work side by side: both versions are served with all fields, and what an old
/// operator could not read is still refused.
async fn in_the_middle(scene: &Scene) {
    let moving = |run: &leasehold::api::Rollout| run.status.as_ref().is_some_and(|status| status.in_flight > 0);
    newest(&scene.fleet, "2.0.0", "moves its first tenant", moving).await;
    let definition = scene.definition().await;
    assert_eq!(shape(&definition), (vec![NEW, OLD], OLD, vec![OLD]));
    for version in [OLD, NEW] {
        assert!(field(&definition, version, "threads").is_some(), "{version} carries the union");
        assert_eq!(field(&definition, version, "size").unwrap().maximum, Some(5.0), "{version}");
    }
}

async fn both_versions(scene: &Scene) {
    let definition = scene.definition().await;
    assert_eq!(shape(&definition), (vec![NEW, OLD], NEW, vec![NEW]));
    assert_eq!(field(&definition, NEW, "size").unwrap().maximum, Some(9.0));
    assert!(field(&definition, OLD, "threads").is_some(), "also now: users still write through it");

    let log = scene.log();
    let specs = log.specs();
    let [_, expand, unlock, flip] = &specs[..] else { panic!("{} writes of the spec instead of 4", specs.len()) };
    assert!(expand.0 < log.first_grant("2.0.0").unwrap(), "nobody is granted what the definition does not carry");
    assert_eq!((most(&expand.1), most(&unlock.1)), (Some(5.0), Some(9.0)));
    assert_eq!(log.not_running(&scene.tenants, "2.0.0", unlock.0), [] as [&str; 0], "unlocked too early");
    assert_eq!((storage(&unlock.1), storage(&flip.1)), (Some(OLD), Some(NEW)), "the flip is a write of its own");
    in_order(&log, "2.0.0", &[CrdPhase::Waves, CrdPhase::Unlock, CrdPhase::Flip, CrdPhase::Migrate, CrdPhase::Verify]);
}

async fn only_the_new(scene: &Scene) {
    let definition = scene.definition().await;
    assert_eq!(shape(&definition), (vec![NEW], NEW, vec![NEW]));
    assert_eq!(definition.spec.versions.len(), 1, "the old version is gone");
    let log = scene.log();
    let specs = log.specs();
    let [.., deprecate, unserve, drop] = &specs[..] else { panic!("{} writes of the spec", specs.len()) };
    assert_eq!(specs.len(), 4 + 3, "deprecated, no longer served, dropped");
    assert_eq!(log.not_running(&scene.tenants, "3.0.0", deprecate.0), [] as [&str; 0], "taken away too early");
    assert_eq!(version(&deprecate.1, OLD).map(|old| old["deprecated"].clone()), Some(true.into()));
    assert_eq!(version(&unserve.1, OLD).map(|old| old["served"].clone()), Some(false.into()));
    assert_eq!(version(&drop.1, OLD), None);
    in_order(&log, "3.0.0", &[CrdPhase::Waves, CrdPhase::Contract]);
    for object in scene.objects(NEW).await {
        let owners = object.metadata.managed_fields.iter().flatten();
        let versions: Vec<&str> = owners.filter_map(|entry| entry.api_version.as_deref()).collect();
        assert!(versions.iter().all(|version| version.ends_with("/v1")), "{:?}: {versions:?}", object.metadata.name);
    }
}

/// It went through these phases, and never back.
fn in_order(log: &Log, release: &str, wanted: &[CrdPhase]) {
    let phases = log.phases(&upgrade(release));
    assert!(phases.is_sorted(), "{phases:?}");
    for phase in wanted {
        assert!(phases.contains(phase), "{phase:?} is not on record: {phases:?}");
    }
    assert_eq!(phases.last(), Some(&CrdPhase::Done));
}

fn version<'a>(spec: &'a Value, name: &str) -> Option<&'a Value> {
    spec["versions"].as_array()?.iter().find(|version| version["name"] == name)
}

fn storage(spec: &Value) -> Option<&str> {
    spec["versions"].as_array()?.iter().find(|version| version["storage"] == true)?["name"].as_str()
}

/// Servers that the new version allows.
fn most(spec: &Value) -> Option<f64> {
    let schema = &version(spec, NEW)?["schema"]["openAPIV3Schema"];
    schema["properties"]["spec"]["properties"]["size"]["maximum"].as_f64()
}
