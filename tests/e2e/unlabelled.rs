//! A Tenant is deleted after somebody took marks off its objects: what is still its own by its UID goes with the rest, what
//! carries no mark is left alone and named.

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use crate::fleet::{Fleet, PATIENCE};
use crate::looks::Looks;
use crate::support::watch_until;

async fn take_off(api: &Api<DynamicObject>, marks: Value) {
    let patch = json!({"metadata": marks});
    api.patch("unlabelled-operator", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

#[tokio::test]
async fn offboard_finds_what_lost_its_label_and_leaves_what_lost_all_marks() {
    let fleet = Fleet::shared("unlabelled").await;
    let tenant = "unlabelled-acme";
    fleet.release("1.0.0").await;
    fleet.onboarded(tenant, "1.0.0").await;
    // Paused, so that nothing is repaired.
    fleet.tenant(tenant, "1.0.0", json!({"mode": "Paused", "deletionPolicy": "Retain"})).await;
    fleet.until(tenant, "it says Paused", |tenant| tenant.reason("Reconciling") == "Paused").await;
    let roles = fleet.objects(tenant, "rbac.authorization.k8s.io/v1", "Role");
    let deployments = fleet.objects(tenant, "apps/v1", "Deployment");
    let accounts = fleet.objects(tenant, "v1", "ServiceAccount");
    let label = || json!({"leasehold.dev/tenant": null});
    take_off(&roles, json!({"labels": label()})).await;
    take_off(&deployments, json!({"labels": label()})).await;
    take_off(&accounts, json!({"labels": label(), "annotations": {"leasehold.dev/tenant-uid": null}})).await;

    fleet.tenants().delete(tenant, &DeleteParams::default()).await.unwrap();
    fleet.patch(tenant, json!({"spec": {"mode": "Active"}})).await;
    watch_until(&fleet.tenants(), tenant, "gone", PATIENCE, |tenant| tenant.is_none()).await;
    assert!(roles.get_opt("unlabelled-operator").await.unwrap().is_none(), "the Role went");
    assert!(deployments.get_opt("unlabelled-operator").await.unwrap().is_none(), "the Deployment went");
    let left = accounts.get("unlabelled-operator").await.expect("the ServiceAccount is nobody's, and stays");
    assert!(left.metadata.deletion_timestamp.is_none());
    let told = fleet.told(tenant, &["LeftBehind", "ServiceAccount/unlabelled-operator"]).await;
    assert!(!told.contains("Role/") && !told.contains("Deployment/"), "{told}");
    let deletes = fleet.writes(tenant).into_iter().filter(|write| write.verb == "delete").collect::<Vec<_>>();
    assert!(!deletes.is_empty() && deletes.iter().all(|delete| delete.uid.is_some()), "{deletes:?}");
    fleet.end().await;
}
