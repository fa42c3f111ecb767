//! Everything that a user can type wrong: refused where it is typed, or a Stalled condition that names the object, the
//! field, why, and what to do. The tenant beside it goes on, and undoing the mistake heals it.

mod releases;

use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::fleet::{Fleet, PATIENCE};
use crate::looks::{KStatus, Looks, kstatus};
use crate::support::{eventually, watch_until};

/// The tenant beside: onboarded before the mistake, and edited after it.
struct Beside<'a>(&'a Fleet, String);

impl<'a> Beside<'a> {
    async fn onboarded(fleet: &'a Fleet) -> Self {
        fleet.release("1.0.0").await;
        let name = format!("{}-beside", fleet.operator);
        fleet.onboarded(&name, "1.0.0").await;
        Self(fleet, name)
    }

    /// Its own edit is applied.
    async fn goes_on(&self) {
        let Self(fleet, name) = self;
        let quotas = fleet.objects(name, "v1", "ResourceQuota");
        let quota = format!("{}-operator", fleet.operator);
        let before = &quotas.get(&quota).await.unwrap().data["spec"]["hard"]["pods"];
        let pods = (before.as_str().and_then(|pods| pods.parse::<u32>().ok()).unwrap() + 1).to_string();
        let hard = json!({"pods": pods, "requests.cpu": "3", "requests.memory": "3Gi", "limits.cpu": "5", "limits.memory": "5Gi"});
        fleet.tenant(name, "1.0.0", json!({"quota": {"hard": hard}})).await;
        let applied = |live: Option<&kube::api::DynamicObject>| {
            live.is_some_and(|live| live.data["spec"]["hard"]["pods"] == *pods)
        };
        watch_until(&quotas, &quota, "the tenant beside is edited", PATIENCE, applied).await;
        fleet.runs(name, "1.0.0").await;
    }
}

/// Fails unless the tenant is stalled for this reason, in words that hold all of these; then looks at its neighbour.
async fn stalled(fleet: &Fleet, beside: &Beside<'_>, name: &str, reason: &str, words: &[&str]) {
    let said = fleet.stalled(name, reason).await;
    for word in words {
        assert!(said.contains(word), "{reason}: {word:?} is not in: {said}");
    }
    let tenant = fleet.tenants().get(name).await.unwrap();
    assert_eq!(kstatus(&tenant), KStatus::Failed, "{:#?}", tenant.status);
    assert!(tenant.status.unwrap().summary.contains(reason));
    fleet.told(name, &["Stalled", reason]).await;
    beside.goes_on().await;
}

#[tokio::test]
async fn bad_input_unknown_release() {
    let fleet = Fleet::shared("unknown").await;
    let beside = Beside::onboarded(&fleet).await;
    fleet.tenant("unknown-acme", "1.9.9", json!({})).await;
    stalled(&fleet, &beside, "unknown-acme", "ReleaseNotFound", &["unknown", "1.9.9", "1.0.0", "spec.version"]).await;
    fleet.release("1.9.9").await;
    fleet.runs("unknown-acme", "1.9.9").await;
    fleet.end().await;
}

#[tokio::test]
async fn bad_input_version_not_semver() {
    let fleet = Fleet::shared("semver").await;
    for version in ["1.0", "v1.0.0", "latest", "01.0.0", "1.0.0.0", "1.0.0-"] {
        let refused = fleet.try_tenant("semver-acme", version, json!({})).await.unwrap_err().to_string();
        assert!(refused.contains("spec.version"), "{version}: {refused}");
        let refused = fleet.try_release(version, |_| ()).await.unwrap_err().to_string();
        assert!(refused.contains("spec.version"), "{version}: {refused}");
    }
    // What the pattern lets through and semver does not.
    fleet.tenant("semver-acme", "1.0.0-a..b", json!({})).await;
    let said = fleet.stalled("semver-acme", "InvalidVersion").await;
    assert!(said.contains("spec.version") && said.contains("1.0.0-a..b"), "{said}");
    fleet.end().await;
}

#[tokio::test]
async fn bad_input_illegal_path() {
    let fleet = Fleet::shared("path").await;
    let beside = Beside::onboarded(&fleet).await;
    fleet.release_with("2.0.0", |spec| spec["upgradesFrom"] = json!(">=1.5.0")).await;
    fleet.onboarded("path-acme", "1.0.0").await;
    fleet.tenant("path-acme", "2.0.0", json!({})).await;
    stalled(&fleet, &beside, "path-acme", "PathBlocked", &["spec.version", "2.0.0", "1.0.0", ">=1.5.0"]).await;
    let tenant = fleet.tenants().get("path-acme").await.unwrap();
    assert!(tenant.running() == "1.0.0" && tenant.holds("Ready"), "the stack runs on: {:#?}", tenant.status);
    fleet.tenant("path-acme", "1.0.0", json!({})).await;
    fleet.runs("path-acme", "1.0.0").await;
    fleet.end().await;
}

#[tokio::test]
async fn bad_input_values_against_the_schema() {
    let fleet = Fleet::shared("values").await;
    fleet.release("1.0.0").await;
    let schema =
        json!({"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "maximum": 5}}});
    fleet
        .release_with("1.0.1", |spec| {
            spec["valuesSchema"] = schema;
            spec["podAnnotations"] = json!({"example.com/size": "{{values.size}}"});
        })
        .await;
    let beside = Beside::onboarded(&fleet).await;
    for (name, values, words) in [
        ("values-type", json!({"size": "big"}), ["spec.values", "size", "values-1.0.1"]),
        ("values-bound", json!({"size": 6}), ["spec.values", "size", "5"]),
        ("values-missing", json!({}), ["spec.values", "size", "values-missing"]),
        ("values-unknown", json!({"size": 3, "colour": "red"}), ["spec.values", "colour", "values-unknown"]),
    ] {
        fleet.tenant(name, "1.0.1", json!({"values": values})).await;
        stalled(&fleet, &beside, name, "InvalidValues", &words).await;
    }
    fleet.tenant("values-type", "1.0.1", json!({"values": {"size": 3}})).await;
    fleet.runs("values-type", "1.0.1").await;

    // The same mistake in a tenant that runs: its stack stays as it is.
    let pods = fleet.images("values-type").await;
    fleet.tenant("values-type", "1.0.1", json!({"values": {"size": 50}})).await;
    stalled(&fleet, &beside, "values-type", "InvalidValues", &["spec.values", "size"]).await;
    assert_eq!(fleet.images("values-type").await, pods);
    fleet.tenant("values-type", "1.0.1", json!({"values": {"size": 3}})).await;
    let healed = fleet.runs("values-type", "1.0.1").await;
    assert!(healed.condition("Stalled").is_none());
    fleet.end().await;
}

#[tokio::test]
async fn bad_input_quota_too_small_for_the_surge() {
    let fleet = Fleet::shared("quota").await;
    let beside = Beside::onboarded(&fleet).await;
    // Two replicas of 50m fit; the third of a rollout does not.
    let hard = |cpu: &str| json!({"quota": {"hard": {"requests.cpu": cpu, "requests.memory": "1Gi", "limits.cpu": "2", "limits.memory": "1Gi"}}});
    fleet.tenant("quota-acme", "1.0.0", hard("100m")).await;
    let words =
        ["quota-too-small", "ResourceQuota/quota-operator", "spec.hard.requests.cpu", "150m", "spec.quota.hard"];
    stalled(&fleet, &beside, "quota-acme", "QuotaTooSmall", &words).await;
    fleet.tenant("quota-acme", "1.0.0", hard("150m")).await;
    fleet.runs("quota-acme", "1.0.0").await;
    fleet.end().await;
}

#[tokio::test]
async fn bad_input_namespaces() {
    let fleet = Fleet::shared("claim").await;
    let beside = Beside::onboarded(&fleet).await;
    // There already, and not ours: written to by nobody.
    fleet.cluster.apply_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: tenant-claim-acme}}").await;
    fleet.tenant("claim-acme", "1.0.0", json!({})).await;
    let words = ["Namespace/tenant-claim-acme", "spec.adopt", "nothing was written"];
    stalled(&fleet, &beside, "claim-acme", "Conflict", &words).await;
    let namespaces = fleet.objects("claim-acme", "v1", "Namespace");
    namespaces.delete("tenant-claim-acme", &DeleteParams::default()).await.unwrap();
    fleet.runs("claim-acme", "1.0.0").await;

    // Another tenant's: the one that has it keeps it.
    fleet.tenant("claim-second", "1.0.0", json!({"namespace": "tenant-claim-acme"})).await;
    let words = ["tenant-claim-acme", "Tenant claim-acme", "spec.namespace"];
    stalled(&fleet, &beside, "claim-second", "NamespaceTaken", &words).await;
    fleet.runs("claim-acme", "1.0.0").await;
    fleet.offboarded("claim-acme").await;
    fleet.runs("claim-second", "1.0.0").await;

    // The cluster's own.
    fleet.tenant("claim-system", "1.0.0", json!({"namespace": "kube-public"})).await;
    let words = ["kube-public", "kube-*", "spec.namespace", "FleetPolicy default"];
    stalled(&fleet, &beside, "claim-system", "NamespaceProtected", &words).await;
    fleet.offboarded("claim-system").await;
    fleet.end().await;
}

#[tokio::test]
async fn bad_input_a_tenant_that_cannot_be_decoded() {
    let fleet = Fleet::shared("decode").await;
    let beside = Beside::onboarded(&fleet).await;
    fleet.onboarded("decode-acme", "1.0.0").await;
    let pods = fleet.images("decode-acme").await;
    // For ever, some write: a date for the API server, and one too late for our type.
    let hold = json!({"holds": [{"name": "freeze", "reason": "year's end", "until": "9999-12-31T23:59:59Z"}]});
    let typed = json!({"metadata": {"name": "decode-acme"}, "spec": {"operator": "decode", "version": "1.0.0", "holds": hold["holds"]}});
    let file = fleet.cluster.dir().join("undecodable.json");
    let typed = json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant", "metadata": typed["metadata"], "spec": typed["spec"]});
    std::fs::write(&file, typed.to_string()).unwrap();
    fleet.cluster.kubectl(&[
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=user",
        "-f",
        file.to_str().unwrap(),
    ]);

    let read = || {
        let raw = fleet.cluster.kubectl(&["get", "tenant", "decode-acme", "-o", "json"]);
        serde_json::from_str::<Value>(&raw).unwrap()
    };
    let stalled = async || {
        let raw = read();
        let conditions = raw["status"]["conditions"].as_array()?.clone();
        let stalled = conditions.into_iter().find(|c| c["type"] == "Stalled" && c["status"] == "True")?;
        let current = raw["status"]["observedGeneration"] == raw["metadata"]["generation"];
        (current && stalled["observedGeneration"] == raw["metadata"]["generation"]).then_some(stalled)
    };
    let stalled = eventually("the Tenant is Stalled", PATIENCE, stalled).await;
    assert_eq!(stalled["reason"], "Undecodable");
    let said = stalled["message"].as_str().unwrap();
    println!("{said}");
    assert!(said.contains("range"), "{said}");
    beside.goes_on().await;
    assert_eq!(fleet.images("decode-acme").await, pods, "its stack is left as it is");

    fleet.tenant("decode-acme", "1.0.0", json!({})).await;
    let healed = fleet.runs("decode-acme", "1.0.0").await;
    assert!(healed.condition("Stalled").is_none() && healed.uid().is_some());
    fleet.end().await;
}
