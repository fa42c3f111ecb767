//! `mode: Paused` stops every write but that of the status, which stays live; `Active` catches up.

use kube::api::{DeleteParams, Patch, PatchParams};
use leasehold::api::Tenant;
use serde_json::json;

use crate::fleet::{Fleet, PATIENCE};
use crate::looks::Looks;
use crate::support::watch_until;

#[tokio::test]
async fn paused() {
    let fleet = Fleet::shared("paused").await;
    fleet.release("1.0.0").await;
    fleet.onboarded("paused-acme", "1.0.0").await;
    fleet.tenant("paused-acme", "1.0.0", json!({"mode": "Paused"})).await;
    let said = fleet.until("paused-acme", "it says Paused", |tenant| tenant.reason("Reconciling") == "Paused").await;
    assert!(said.holds("Ready"), "the stack runs on: {:#?}", said.status);

    let before = fleet.writes("paused-acme").len();
    let deployments = fleet.objects("paused-acme", "apps/v1", "Deployment");
    let quotas = fleet.objects("paused-acme", "v1", "ResourceQuota");
    let patch = json!({"spec": {"hard": {"pods": "999"}}});
    quotas.patch("paused-operator", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    deployments.delete("paused-operator", &DeleteParams::default()).await.unwrap();
    fleet.tenant("paused-acme", "1.0.0", json!({"mode": "Paused", "replicas": 1})).await;
    fleet
        .until("paused-acme", "the status stays live", |tenant| {
            let seen = tenant.status.as_ref().map(|status| status.observed_generation);
            !tenant.holds("Ready") && seen == tenant.metadata.generation
        })
        .await;
    // All that was observed before another tenant's stack stood was acted on by then, or not at all.
    fleet.onboarded("paused-other", "1.0.0").await;
    let writes = fleet.writes("paused-acme").split_off(before);
    let granted = |tenant: &Tenant| tenant.status.as_ref()?.granted.as_ref().map(|grant| grant.revision.clone());
    let still = fleet.tenants().get("paused-acme").await.unwrap();
    assert_eq!(granted(&still), granted(&said), "its own edit waits, too");
    assert!(!writes.is_empty() && writes.iter().all(|write| write.subresource == "status"), "{writes:#?}");

    fleet.tenant("paused-acme", "1.0.0", json!({"mode": "Active", "replicas": 1})).await;
    fleet.runs("paused-acme", "1.0.0").await;
    let one = |live: Option<&kube::api::DynamicObject>| live.is_some_and(|live| live.data["spec"]["replicas"] == 1);
    watch_until(&deployments, "paused-operator", "it is there again, as edited", PATIENCE, one).await;
    assert_ne!(quotas.get("paused-operator").await.unwrap().data["spec"]["hard"]["pods"], "999");
    fleet.end().await;
}

#[tokio::test]
async fn stopped() {
    let fleet = Fleet::shared("stopped").await;
    fleet.release("1.0.0").await;
    fleet.onboarded("stopped-acme", "1.0.0").await;
    fleet.tenant("stopped-acme", "1.0.0", json!({"mode": "Stopped"})).await;
    let summary = |tenant: &Tenant| tenant.status.as_ref().map(|status| status.summary.clone());
    fleet.until("stopped-acme", "Stopped", |tenant| summary(tenant).as_deref() == Some("Stopped")).await;
    crate::support::eventually("no pod is left", PATIENCE, async || fleet.images("stopped-acme").await.is_empty())
        .await;
    fleet.tenant("stopped-acme", "1.0.0", json!({})).await;
    fleet.until("stopped-acme", "it runs again", |tenant| summary(tenant).as_deref() == Some("Running")).await;
    assert_eq!(fleet.images("stopped-acme").await.len(), 2);
    fleet.end().await;
}
