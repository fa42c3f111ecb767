//! What the author of a release can get wrong: templates, rights, images; and a release that goes while it is in use.

use kube::api::{Api, DeleteParams};
use leasehold::api::OperatorRelease;
use serde_json::{Value, json};

use super::{Beside, stalled};
use crate::fleet::{Fleet, PATIENCE, UNPULLABLE};
use crate::looks::Looks;
use crate::prune::templates;
use crate::support::watch_until;

/// A release with templates of its own, one of them wrong.
fn wrong_template(spec: &mut Value, yaml: &str) {
    let wrong = json!({"name": "20-extra.yaml", "yaml": yaml});
    spec["templates"] = templates().into_iter().chain([wrong]).collect();
}

#[tokio::test]
async fn bad_input_template_typo() {
    let fleet = Fleet::shared("typo").await;
    let beside = Beside::onboarded(&fleet).await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: extra\n  namespace: \"{{tenant.nmaespace}}\"\n";
    let release = fleet.release_with("1.0.1", |spec| wrong_template(spec, yaml)).await;
    fleet.tenant("typo-acme", "1.0.1", json!({})).await;
    let words = ["typo-1.0.1", "20-extra.yaml:5:14", "nmaespace", "namespace"];
    stalled(&fleet, &beside, "typo-acme", "ReleaseInvalid", &words).await;
    // The release says it of itself, to whoever wrote it.
    let releases: Api<OperatorRelease> = Api::all(fleet.client.clone());
    let said = |release: Option<&OperatorRelease>| {
        let conditions = release.and_then(|release| release.status.as_ref()).map(|status| status.conditions.clone());
        let stalled = conditions.into_iter().flatten().find(|c| c.type_ == "Stalled" && c.status == "True");
        stalled.is_some_and(|stalled| stalled.message.contains("20-extra.yaml:5:14"))
    };
    watch_until(&releases, &release, "the release is Stalled", PATIENCE, said).await;

    releases.delete(&release, &DeleteParams::default()).await.unwrap();
    let right = yaml.replace("nmaespace", "namespace");
    fleet.release_with("1.0.1", |spec| wrong_template(spec, &right)).await;
    fleet.runs("typo-acme", "1.0.1").await;
    fleet.end().await;
}

#[tokio::test]
async fn bad_input_refused_at_the_choke_point() {
    let fleet = Fleet::shared("refused").await;
    let beside = Beside::onboarded(&fleet).await;
    let escaping = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, namespace: kube-system}\n";
    fleet.release_with("1.0.1", |spec| wrong_template(spec, escaping)).await;
    fleet
        .release_with("1.0.2", |spec| {
            spec["rules"] = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
        })
        .await;
    let cluster_wide = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: extra}\n";
    fleet.release_with("1.0.3", |spec| wrong_template(spec, cluster_wide)).await;
    for (version, words) in [
        ("1.0.1", ["wrong-namespace", "ConfigMap/extra", "metadata.namespace", "kube-system"]),
        ("1.0.2", ["role-wildcard", "Role/refused-operator", "rules[2]", "*"]),
        ("1.0.3", ["kind-not-allowed", "ClusterRole/extra", "kind", "refused-1.0.3"]),
    ] {
        let name = format!("refused-{}", version.replace('.', "-"));
        fleet.tenant(&name, version, json!({})).await;
        stalled(&fleet, &beside, &name, "Refused", &words).await;
        let namespaces = fleet.objects(&name, "v1", "Namespace");
        assert!(namespaces.get_opt(&format!("tenant-{name}")).await.unwrap().is_none(), "nothing was made");
        fleet.tenant(&name, "1.0.0", json!({})).await;
        fleet.runs(&name, "1.0.0").await;
    }
    fleet
        .tenant(
            "refused-limits",
            "1.0.0",
            json!({"resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {}}}),
        )
        .await;
    let words = ["resources-missing", "Deployment/refused-operator", "limits", "spec.resources"];
    stalled(&fleet, &beside, "refused-limits", "Refused", &words).await;
    fleet.tenant("refused-limits", "1.0.0", json!({})).await;
    fleet.runs("refused-limits", "1.0.0").await;
    fleet.end().await;
}

#[tokio::test]
async fn bad_input_release_deleted_while_in_use() {
    let fleet = Fleet::shared("unused").await;
    let beside = Beside::onboarded(&fleet).await;
    let release = fleet.release("1.0.1").await;
    fleet.onboarded("unused-acme", "1.0.1").await;
    let pods = fleet.images("unused-acme").await;
    let releases: Api<OperatorRelease> = Api::all(fleet.client.clone());
    releases.delete(&release, &DeleteParams::default()).await.unwrap();
    let words = ["unused", "1.0.1", "the running stack is left as it is", "create it"];
    stalled(&fleet, &beside, "unused-acme", "ReleaseNotFound", &words).await;
    assert_eq!(fleet.images("unused-acme").await, pods);
    fleet.release("1.0.1").await;
    let healed = fleet.runs("unused-acme", "1.0.1").await;
    assert!(healed.condition("Stalled").is_none());
    assert_eq!(fleet.images("unused-acme").await, pods);
    fleet.end().await;
}

#[tokio::test]
async fn bad_input_image_that_cannot_be_pulled() {
    let fleet = Fleet::shared("pull").await;
    let beside = Beside::onboarded(&fleet).await;
    fleet.release_with("1.0.1", |spec| spec["image"] = json!(UNPULLABLE)).await;
    fleet.tenant("pull-acme", "1.0.1", json!({})).await;
    stalled(&fleet, &beside, "pull-acme", "ImagePull", &["version 1.0.1", "pod pull-operator-", "unpullable"]).await;
    // A broken tenant can always take the fix.
    fleet.tenant("pull-acme", "1.0.0", json!({})).await;
    fleet.runs("pull-acme", "1.0.0").await;
    fleet.end().await;
}

#[tokio::test]
async fn bad_input_operator_that_crashes() {
    let fleet = Fleet::shared("crashes").await;
    let beside = Beside::onboarded(&fleet).await;
    fleet.release_with("1.0.1", |spec| fleet.crashing(spec)).await;
    fleet.tenant("crashes-acme", "1.0.1", json!({})).await;
    stalled(&fleet, &beside, "crashes-acme", "CrashLoop", &["version 1.0.1", "pod crashes-operator-"]).await;
    fleet.tenant("crashes-acme", "1.0.0", json!({})).await;
    fleet.runs("crashes-acme", "1.0.0").await;
    fleet.end().await;
}
