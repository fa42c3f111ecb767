//! Each object of the stack is deleted, and edited: it is put back, and an event names the object and the fields.

use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use crate::fleet::{Fleet, PATIENCE};
use crate::looks::Looks;
use crate::support::watch_until;

/// What somebody does to one object, and the field that the event must name.
struct Edit {
    api_version: &'static str,
    kind: &'static str,
    name: &'static str,
    patch: Value,
    field: &'static str,
}

/// One edit for each kind of the stack of Tenant `drift-acme`, the kind with everything in it last.
fn edits() -> [Edit; 10] {
    let edit = |api_version, kind, patch, field| Edit { api_version, kind, name: "drift-operator", patch, field };
    let rule = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]});
    let somebody = json!({"kind": "ServiceAccount", "name": "default", "namespace": "default"});
    let limit = json!({"type": "Container", "default": {"cpu": "1", "memory": "128Mi"}});
    [
        edit("v1", "ResourceQuota", json!({"spec": {"hard": {"pods": "999"}}}), "spec.hard.pods"),
        edit("v1", "LimitRange", json!({"spec": {"limits": [limit]}}), "spec.limits[0].default.cpu"),
        edit(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"policyTypes": ["Ingress"]}}),
            "spec.policyTypes",
        ),
        edit("v1", "ServiceAccount", json!({"automountServiceAccountToken": true}), "automountServiceAccountToken"),
        edit("rbac.authorization.k8s.io/v1", "Role", json!({"rules": [rule]}), "rules"),
        edit("rbac.authorization.k8s.io/v1", "RoleBinding", json!({"subjects": [somebody]}), "subjects[0].name"),
        edit("apps/v1", "Deployment", json!({"spec": {"replicas": 3}}), "spec.replicas"),
        edit("policy/v1", "PodDisruptionBudget", json!({"spec": {"maxUnavailable": 2}}), "spec.maxUnavailable"),
        Edit {
            name: "drift-metrics",
            ..edit("v1", "Service", json!({"spec": {"selector": {"leasehold.dev/tenant": "another"}}}), "spec.selector")
        },
        Edit {
            name: "tenant-drift-acme",
            ..edit(
                "v1",
                "Namespace",
                json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}),
                "metadata.labels.pod-security.kubernetes.io/enforce",
            )
        },
    ]
}

/// The object without what the API server numbers and others report.
fn content(object: &DynamicObject) -> Value {
    let mut data = object.data.clone();
    if let Some(fields) = data.as_object_mut() {
        fields.remove("status");
    }
    // What the Deployment controller notes, and the claim of a rescheduled Service, are not ours.
    json!({"labels": object.labels(), "data": data})
}

#[tokio::test]
async fn drift() {
    let fleet = Fleet::shared("drift").await;
    fleet.release("1.0.0").await;
    fleet.onboarded("drift-acme", "1.0.0").await;
    for Edit { api_version, kind, name, patch, field } in edits() {
        let api = fleet.objects("drift-acme", api_version, kind);
        let before = api.get(name).await.unwrap();
        let edited = api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        assert_ne!(content(&edited), content(&before), "{kind} was not edited");
        let back = |live: Option<&DynamicObject>| live.is_some_and(|live| content(live) == content(&before));
        watch_until(&api, name, "the edit is undone", PATIENCE, back).await;
        fleet.told("drift-acme", &["DriftRepaired", &format!("{kind}/{name}"), field]).await;

        api.delete(name, &DeleteParams::default()).await.unwrap();
        let anew = |live: Option<&DynamicObject>| live.is_some_and(|live| live.uid() != before.uid());
        watch_until(&api, name, "it is there again", PATIENCE, anew).await;
        fleet.told("drift-acme", &["DriftRepaired", &format!("{kind}/{name} (deleted)")]).await;
    }
    fleet.runs("drift-acme", "1.0.0").await;
    fleet.end().await;
}

#[tokio::test]
async fn a_mark_that_is_taken_off_does_not_unmanage() {
    let fleet = Fleet::shared("unmarked").await;
    fleet.release("1.0.0").await;
    fleet.onboarded("unmarked-acme", "1.0.0").await;
    let marks =
        [json!({"labels": {"leasehold.dev/tenant": null}}), json!({"annotations": {"leasehold.dev/digest": null}})];
    for (kind, mark) in ["ServiceAccount", "ResourceQuota"].into_iter().zip(marks) {
        let api = fleet.objects("unmarked-acme", "v1", kind);
        let patch = json!({"metadata": mark});
        api.patch("unmarked-operator", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        let marked = |live: Option<&DynamicObject>| {
            live.is_some_and(|live| {
                let tenant = live.labels().get("leasehold.dev/tenant").is_some_and(|tenant| tenant == "unmarked-acme");
                tenant && live.annotations().contains_key("leasehold.dev/digest")
            })
        };
        watch_until(&api, "unmarked-operator", "the mark is back", PATIENCE, marked).await;
    }
    fleet.end().await;
}

#[tokio::test]
async fn drift_is_only_reported_where_the_tenant_says_warn() {
    let fleet = Fleet::shared("warned").await;
    fleet.release("1.0.0").await;
    // Annotated before it runs: the status that says so was written on the annotated object, so Leasehold has seen it.
    fleet.tenant("warned-acme", "1.0.0", json!({})).await;
    fleet.patch("warned-acme", json!({"metadata": {"annotations": {"leasehold.dev/drift": "warn"}}})).await;
    fleet.runs("warned-acme", "1.0.0").await;
    let quotas = fleet.objects("warned-acme", "v1", "ResourceQuota");
    let patch = json!({"spec": {"hard": {"pods": "999"}}});
    let edited = quotas.patch("warned-operator", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    fleet.told("warned-acme", &["Drifted", "ResourceQuota/warned-operator", "spec.hard.pods"]).await;
    let tenant = fleet.until("warned-acme", "the drift is a condition", |tenant| tenant.holds("Drifted")).await;
    assert!(tenant.message("Drifted").contains("spec.hard.pods"), "{}", tenant.message("Drifted"));
    assert!(tenant.holds("Ready"), "{:#?}", tenant.status);
    let left = quotas.get("warned-operator").await.unwrap();
    assert_eq!(left.data["spec"], edited.data["spec"], "nothing was written to it");

    fleet.patch("warned-acme", json!({"metadata": {"annotations": {"leasehold.dev/drift": null}}})).await;
    let back = |live: Option<&DynamicObject>| live.is_some_and(|live| live.data["spec"]["hard"]["pods"] != "999");
    watch_until(&quotas, "warned-operator", "it is repaired", PATIENCE, back).await;
    fleet.until("warned-acme", "the condition is gone", |tenant| tenant.condition("Drifted").is_none()).await;
    fleet.end().await;
}
