//! Something of the stack's names is there already: nothing is written to it, until its UID is in `spec.adopt`.

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::json;

use crate::fleet::Fleet;
use crate::looks::Looks;

const THERE: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: tenant-adopt-acme, labels: {team: blue}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: adopt-operator, namespace: tenant-adopt-acme}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
";

fn as_it_was(before: &DynamicObject, now: &DynamicObject) {
    assert_eq!(now.resource_version(), before.resource_version(), "{} was written to", before.name_any());
}

#[tokio::test]
async fn adopt_refused() {
    let fleet = Fleet::shared("adopt").await;
    fleet.release("1.0.0").await;
    let there = fleet.cluster.apply_yaml(THERE).await;
    let (namespace, role) = (&there[0], &there[1]);
    let namespaces = fleet.objects("adopt-acme", "v1", "Namespace");
    let roles = fleet.objects("adopt-acme", "rbac.authorization.k8s.io/v1", "Role");
    let [namespace_uid, role_uid] = [namespace, role].map(|object| object.uid().unwrap());

    fleet.tenant("adopt-acme", "1.0.0", json!({})).await;
    let said = fleet.stalled("adopt-acme", "Conflict").await;
    for word in ["Namespace/tenant-adopt-acme", "spec.adopt", &namespace_uid] {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    as_it_was(namespace, &namespaces.get("tenant-adopt-acme").await.unwrap());
    as_it_was(role, &roles.get("adopt-operator").await.unwrap());
    assert!(fleet.objects("adopt-acme", "v1", "ResourceQuota").get_opt("adopt-operator").await.unwrap().is_none());

    // One UID is a word about one object.
    fleet.tenant("adopt-acme", "1.0.0", json!({"adopt": [namespace_uid]})).await;
    let what = "Stalled for the Role";
    let stalled = fleet.until("adopt-acme", what, |tenant| tenant.message("Stalled").contains("Role/adopt-operator"));
    assert!(stalled.await.message("Stalled").contains(&role_uid));
    as_it_was(role, &roles.get("adopt-operator").await.unwrap());

    fleet.tenant("adopt-acme", "1.0.0", json!({"adopt": [namespace_uid, role_uid]})).await;
    let tenant = fleet.runs("adopt-acme", "1.0.0").await;
    let adopted = namespaces.get("tenant-adopt-acme").await.unwrap();
    assert_eq!(adopted.uid().as_deref(), Some(&*namespace_uid), "it is the same namespace");
    assert_eq!(adopted.labels()["team"], "blue", "what others wrote stays");
    assert_eq!(adopted.annotations()["leasehold.dev/tenant-uid"], tenant.uid().unwrap());
    let rules = &roles.get("adopt-operator").await.unwrap().data["rules"];
    assert!(rules.as_array().unwrap().len() > 1, "the Role is the stack's now: {rules}");
    fleet.end().await;
}
