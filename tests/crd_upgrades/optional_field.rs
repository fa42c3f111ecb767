//! A release brings a field that nobody has to set: it is there before the first tenant moves, and nobody's objects suffer.

use leasehold::api::{CrdPhase, Phase};
use serde_json::json;

use crate::runs::reached;
use crate::scene::{CRD, OPERATOR, Scene, example, field, shape, upgrade};
use crate::support::{Cluster, Node};
use crate::user::OLD;
use crate::writer::Writer;

#[tokio::test]
async fn crd_optional_field() {
    let scene = Scene::begin("1.0.0", 4).await;
    assert_eq!(scene.definition().await.metadata.labels.unwrap()["leasehold.dev/shared-crd"], "true");
    let writers = scene.writers();
    for writer in &writers {
        writer.acknowledged(OLD, "size", 2).await;
    }

    scene.release("1.1.0").await;
    scene.ask("1.1.0").await;
    scene.all_run("1.1.0").await;
    reached(&scene.fleet, "1.1.0", Phase::Succeeded).await;
    scene.until("1.1.0", CrdPhase::Done).await;
    for writer in &writers {
        writer.acknowledged(OLD, "maxItemSize", 2).await;
    }
    scene.all_holds(writers, &[OLD]).await;

    let definition = scene.definition().await;
    assert_eq!(shape(&definition), (vec![OLD], OLD, vec![OLD]));
    assert_eq!(field(&definition, OLD, "maxItemSize").unwrap().maximum, Some(1_048_576.0));
    let log = scene.log();
    let specs = log.specs();
    assert_eq!(specs.len(), 2, "it was created, and then written once");
    assert_eq!(definition.metadata.generation, Some(2));
    assert!(log.first_grant("1.1.0").unwrap() > specs[1].0, "nobody is granted what the definition does not carry");
    // Nothing waits for the last tenant.
    assert_eq!(log.phases(&upgrade("1.1.0")), [CrdPhase::Expand, CrdPhase::Done]);
    scene.fleet.end().await;
}

/// The users of these stories would notice: without Leasehold, what only the new version has is erased through the old one.
#[tokio::test]
async fn a_user_notices_what_an_upgrade_in_one_step_erases() {
    let cluster = Cluster::start(Node::None).await;
    cluster.apply_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: tenant-acme}}").await;
    let bring = async |version: &str| {
        let mut definition = example(version)["spec"]["crds"][0]["inline"].clone();
        definition["metadata"]["labels"] = json!({"operator": OPERATOR});
        cluster.apply_yaml(&definition.to_string()).await;
        cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", CRD]);
    };
    bring("1.1.0").await;
    let writer = Writer::start(&cluster.client(), "acme");
    writer.acknowledged(OLD, "maxItemSize", 3).await;
    bring("2.0.0").await;
    let wrong = writer.wrong().await;
    assert!(wrong.contains("threads"), "{wrong}");
}
