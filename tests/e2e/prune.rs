//! A release with templates of its own: what its next version no longer renders is removed, but not before everything
//! else is applied, and nothing that holds data without a person's word.

use kube::ResourceExt;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::fleet::{Fleet, PATIENCE};
use crate::looks::Looks;
use crate::support::watch_until;

/// The built-in stack as a release's own templates.
pub fn templates() -> Vec<Value> {
    let files = [
        ("01-namespace.yaml", include_str!("../../templates/standard-v1/01-namespace.yaml")),
        ("02-resource-quota.yaml", include_str!("../../templates/standard-v1/02-resource-quota.yaml")),
        ("03-limit-range.yaml", include_str!("../../templates/standard-v1/03-limit-range.yaml")),
        ("05-service-account.yaml", include_str!("../../templates/standard-v1/05-service-account.yaml")),
        ("06-role.yaml", include_str!("../../templates/standard-v1/06-role.yaml")),
        ("07-role-binding.yaml", include_str!("../../templates/standard-v1/07-role-binding.yaml")),
        ("08-deployment.yaml", include_str!("../../templates/standard-v1/08-deployment.yaml")),
    ];
    files.map(|(name, yaml)| json!({"name": name, "yaml": yaml})).to_vec()
}

const SETTINGS: &str = r#"{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: "{{tenant.namespace}}"}, data: {size: "3"}}"#;
const DATA: &str = r#"{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: "{{tenant.namespace}}"},
  spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeName: nobody-has-it, volumeMode: Filesystem, resources: {requests: {storage: 1Gi}}}}"#;

fn own(spec: &mut Value, extra: &[(&str, &str)]) {
    let extra = extra.iter().map(|(name, yaml)| json!({"name": name, "yaml": yaml}));
    spec.as_object_mut().unwrap().remove("stack");
    spec["templates"] = templates().into_iter().chain(extra).collect();
}

#[tokio::test]
async fn prune() {
    let fleet = Fleet::shared("prune").await;
    fleet.release_with("1.0.0", |spec| own(spec, &[("settings.yaml", SETTINGS), ("data.yaml", DATA)])).await;
    fleet.release_with("1.1.0", |spec| own(spec, &[])).await;
    fleet.policy(json!([{"name": "all", "soak": {"duration": "0s"}}])).await;
    fleet.tenant("prune-acme", "1.0.0", json!({"rolloutPolicy": "prune"})).await;
    fleet.runs("prune-acme", "1.0.0").await;
    let maps = fleet.objects("prune-acme", "v1", "ConfigMap");
    let claims = fleet.objects("prune-acme", "v1", "PersistentVolumeClaim");
    let settings = maps.get("settings").await.unwrap();
    let stranger = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "stranger", "labels": {"leasehold.dev/tenant": "prune-acme"}}});
    let stranger: DynamicObject = serde_json::from_value(stranger).unwrap();
    maps.create(&PostParams::default(), &stranger).await.unwrap();

    fleet.tenant("prune-acme", "1.1.0", json!({"rolloutPolicy": "prune"})).await;
    let gone = |live: Option<&DynamicObject>| live.is_none();
    watch_until(&maps, "settings", "it is pruned", PATIENCE, gone).await;
    fleet.told("prune-acme", &["Removed", "ConfigMap/settings"]).await;
    let writes = fleet.writes("prune-acme");
    let removal = writes.iter().position(|write| write.verb == "delete").expect("a delete");
    assert_eq!(writes[removal].uid, settings.uid(), "a delete names the object by its UID");
    let upgrade = writes.iter().rposition(|write| write.verb == "apply").expect("it was upgraded");
    assert!(upgrade < removal, "first everything is applied, then what is left over goes");

    // What holds data stays until a person says so, by name.
    let said = fleet.stalled("prune-acme", "ConfirmationNeeded").await;
    let entry = "tenant-prune-acme_data__PersistentVolumeClaim";
    assert!(said.contains("PersistentVolumeClaim/data") && said.contains(entry), "{said}");
    assert!(claims.get("data").await.unwrap().metadata.deletion_timestamp.is_none());
    let confirm = json!({"metadata": {"annotations": {"leasehold.dev/confirm-prune": entry}}});
    fleet.patch("prune-acme", confirm).await;
    watch_until(&claims, "data", "it is pruned", PATIENCE, gone).await;
    let tenant = fleet.runs("prune-acme", "1.1.0").await;
    assert!(!tenant.holds("Stalled"));
    let inventory = tenant.status.unwrap().inventory.unwrap().entries.clone();
    assert!(inventory.len() == 7 && !inventory.iter().any(|entry| entry.contains("_settings_")), "{inventory:?}");
    assert!(maps.get("stranger").await.unwrap().metadata.deletion_timestamp.is_none(), "it carries no UID of ours");
    fleet.end().await;
}
