//! Leasehold's own Lease is deleted: the term of its holder is over, the next Lease counts from 0 again, and its holder goes
//! on with stacks that carry higher numbers of the Lease before. Under the chart's own rights and policies.

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{DeleteParams, DynamicObject, PostParams};
use kube::{Api, ResourceExt};
use leasehold::domain::kinds;
use leasehold::observe::Source;
use serde_json::json;

use crate::fencing::{NAMESPACE, client, epoch, install, is_stale, start, term, write};
use crate::pause::{LEASE, until_leading};
use crate::scene::{SOON, Scene, names};

/// The epoch on the tenant's Deployment.
async fn stamped(scene: &Scene, tenant: &str, operator: &str) -> String {
    let source = Source::Stack(kinds::find("apps", "Deployment").unwrap());
    let api: Api<DynamicObject> =
        Api::namespaced_with(scene.client(), &format!("tenant-{tenant}"), &source.api_resource());
    api.get(&format!("{operator}-operator")).await.unwrap().annotations()["leasehold.dev/epoch"].clone()
}

#[tokio::test]
async fn a_lease_that_is_made_anew_begins_a_new_reign() {
    let scene = Scene::begin().await;
    let token = install(&scene).await;
    let leases: Api<Lease> = Api::namespaced(scene.client(), NAMESPACE);
    let old = json!({"metadata": {"name": LEASE}, "spec": {"holderIdentity": "", "leaseTransitions": 7}});
    leases.create(&PostParams::default(), &serde_json::from_value(old).unwrap()).await.unwrap();
    scene.operator("reign", &["1.0.0".to_owned(), "1.0.1".to_owned()]).await;
    let first = start(&scene, "before", &token);
    until_leading(&first).await;
    let second = start(&scene, "after", &token);
    second.until_warm().await;
    let tenants = names("reigned", 2);
    for name in &tenants {
        scene.tenant(name, "reign", "1.0.0").await;
    }
    scene.until_run(&tenants, "1.0.0").await;
    let (lease, transitions) = term(&scene).await;
    assert_eq!(transitions, 8, "the first term of a Lease that was there");
    let before = format!("{lease}/{transitions}");
    assert_eq!(stamped(&scene, &tenants[0], "reign").await, before);

    leases.delete(LEASE, &DeleteParams::default()).await.unwrap();
    assert!(!first.process.wait(SOON).await.success(), "a leader whose Lease is gone ends");
    scene.bump(&tenants, "1.0.1").await;
    scene.until_run(&tenants, "1.0.1").await;
    second.until_at_rest().await;

    let (anew, transitions) = term(&scene).await;
    assert!(anew != lease && transitions == 0, "another Lease, counted from 0: {anew}/{transitions}");
    for tenant in &tenants {
        assert_eq!(stamped(&scene, tenant, "reign").await, epoch(&scene).await, "written over");
    }
    let other = scene.cluster.proxy("by-hand");
    let by_hand = client(&other.kubeconfig_with_token(&token)).await;
    assert!(is_stale(&write(&by_hand, &tenants[0], &before).await), "the old reign is over for the API server, too");
}
