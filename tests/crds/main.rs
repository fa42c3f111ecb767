//! The CRDs as files are those of the code, say what every field means, bound everything, are taken by a real API server,
//! and each of their rules refuses what it is there for.

#[path = "../support/mod.rs"]
mod support;

mod rules;

use std::path::Path;
use std::process::Command;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use leasehold::api;
use serde_json::{Value, json};
use support::{Cluster, Node, leasehold_binary};
use tokio::sync::OnceCell;

const PLURALS: [&str; 9] = [
    "changewindows",
    "crdupgrades",
    "fleetpolicies",
    "operatorreleases",
    "rolloutapprovals",
    "rolloutpolicies",
    "rollouts",
    "rolloutslices",
    "tenants",
];

fn schemas() -> Vec<(String, Value)> {
    let schema = |crd: CustomResourceDefinition| {
        let crd = serde_json::to_value(crd).unwrap();
        (
            crd["spec"]["names"]["kind"].as_str().unwrap().to_owned(),
            crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone(),
        )
    };
    api::crds().into_iter().map(schema).collect()
}

/// Calls `look` with the path and the schema of everything below `schema`.
fn walk(path: &str, schema: &Value, look: &mut impl FnMut(&str, &Value)) {
    look(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), property, look);
    }
    if schema["items"].is_object() {
        walk(&format!("{path}[]"), &schema["items"], look);
    }
    if schema["additionalProperties"].is_object() {
        walk(&format!("{path}{{}}"), &schema["additionalProperties"], look);
    }
}

#[test]
fn the_files_are_not_stale() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = tempfile::tempdir().unwrap();
    let generate = ["crds", "generate", "--dir", fresh.path().to_str().unwrap()];
    assert!(Command::new(leasehold_binary()).args(generate).status().unwrap().success());
    for dir in ["crds", "charts/leasehold-crds/files"] {
        let files =
            std::fs::read_dir(root.join(dir)).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut found: Vec<String> = files.filter(|file| !file.starts_with('.')).collect();
        found.sort();
        assert_eq!(found, PLURALS.map(|plural| format!("{plural}.yaml")), "{dir}");
        for file in found {
            let [ours, theirs] =
                [root.join(dir), fresh.path().to_owned()].map(|dir| std::fs::read_to_string(dir.join(&file)).unwrap());
            assert!(ours == theirs, "{dir}/{file} is stale: run `make crds`");
        }
    }
}

#[test]
fn every_property_is_described() {
    let mut missing = Vec::new();
    for (kind, schema) in schemas() {
        walk(&kind, &schema, &mut |path, schema| {
            let named = path.rsplit_once(['.', ']', '}']).is_some_and(|(_, name)| !name.is_empty());
            if named && schema["description"].as_str().is_none_or(|text| text.len() < 5) {
                missing.push(path.to_owned());
            }
        });
    }
    assert!(missing.is_empty(), "no description: {missing:#?}");
}

#[test]
fn every_string_list_and_map_is_bounded() {
    let mut unbounded = Vec::new();
    for (kind, schema) in schemas() {
        walk(&kind, &schema, &mut |path, schema| {
            let bound = match schema["type"].as_str() {
                Some("string") if schema["enum"].is_array() => return,
                Some("string") => "maxLength",
                Some("array") => "maxItems",
                Some("object") if schema["additionalProperties"].is_object() => "maxProperties",
                None if schema["x-kubernetes-int-or-string"] == true => "maxLength",
                _ => return,
            };
            if !schema[bound].is_u64() {
                unbounded.push(format!("{path} has no {bound}"));
            }
        });
    }
    assert!(unbounded.is_empty(), "{unbounded:#?}");
}

#[test]
fn structure_is_closed_but_where_it_is_meant_to_be_free() {
    let mut free = Vec::new();
    for (kind, schema) in schemas() {
        walk(&kind, &schema, &mut |path, schema| {
            if schema["x-kubernetes-preserve-unknown-fields"] == true {
                free.push(path.to_owned());
            }
        });
    }
    free.sort();
    let meant = ["OperatorRelease.spec.crds[].inline", "OperatorRelease.spec.valuesSchema", "Tenant.spec.values"];
    assert_eq!(free, meant);
}

/// An API server that has taken the files as they are shipped.
async fn served() -> (Cluster, Client) {
    static APPLIED: OnceCell<()> = OnceCell::const_new();
    let cluster = Cluster::shared(Node::None).await;
    APPLIED
        .get_or_init(async || {
            let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
            let apply = ["apply", "--server-side", "--warnings-as-errors", "-f", crds.to_str().unwrap()];
            cluster.kubectl(&apply);
            cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
        })
        .await;
    let client = cluster.client();
    (cluster, client)
}

fn kind(client: &Client, kind: &str) -> Api<DynamicObject> {
    let names = api::crds().into_iter().map(|crd| crd.spec.names).find(|names| names.kind == kind);
    let gvk = GroupVersionKind::gvk("leasehold.dev", "v1alpha1", kind);
    Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&gvk, &names.expect("a kind of ours").plural))
}

fn object(kind: &str, name: &str, spec: &Value) -> DynamicObject {
    let object =
        json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    serde_json::from_value(object).unwrap()
}

fn tenant() -> Value {
    json!({"operator": "memcached", "version": "1.0.0"})
}

fn release() -> Value {
    json!({"operator": "memcached", "version": "1.0.0", "image": "example.com/a:1", "leaderElection": {"id": "a.example.com"}})
}

fn policy() -> Value {
    json!({"waves": [{"name": "canary", "take": 1, "maxConcurrency": 1}, {"name": "rest", "maxConcurrency": "10%"}]})
}

fn rollout() -> Value {
    let wave = json!({"name": "all", "members": ["acme"], "maxConcurrency": 1, "maxFailures": 0, "progressDeadline": "10m", "soak": "1m"});
    json!({"operator": "memcached", "target": {"version": "1.1.0", "digest": "0123456789abcdef"}, "policy": "default", "sequence": 1,
        "order": "Seed", "maxConcurrency": 1, "maxFailures": 0, "revisionHistoryLimit": 10, "waves": [wave]})
}

fn slice() -> Value {
    json!({"rollout": "memcached-1.1.0-7", "planHash": "0123456789abcdef", "wave": "all", "part": 0, "members": ["acme", "globex"]})
}

fn window() -> Value {
    json!({"action": "Deny", "schedule": {"cron": "0 16 * * FRI", "duration": "64h", "timeZone": "Europe/Berlin"}})
}

fn approval() -> Value {
    json!({"rollout": "memcached-1.1.0-7", "wave": "canary", "gate": "start", "planHash": "0123456789abcdef", "decision": "Approve",
        "approver": "ann@example.com"})
}

#[tokio::test]
async fn a_new_object_is_not_taken_for_a_finished_one() {
    let (_cluster, client) = served().await;
    for (of, spec) in [
        ("Tenant", tenant()),
        ("OperatorRelease", release()),
        ("Rollout", rollout()),
        ("ChangeWindow", window()),
        ("RolloutApproval", approval()),
    ] {
        let dry = PostParams { dry_run: true, field_manager: None };
        let new = kind(&client, of).create(&dry, &object(of, "new", &spec)).await.unwrap();
        assert_eq!(new.data["status"]["observedGeneration"], -1, "{of}");
        assert_eq!(new.metadata.generation, Some(1), "{of}");
    }
}

#[tokio::test]
async fn people_find_them_by_short_name_and_category_and_read_their_columns() {
    let (cluster, client) = served().await;
    for (of, name, spec) in [
        ("Tenant", "seen", tenant()),
        ("OperatorRelease", "seen", release()),
        ("RolloutPolicy", "seen", policy()),
        ("FleetPolicy", "default", json!({})),
        ("Rollout", "seen", rollout()),
        ("RolloutSlice", "seen", slice()),
        ("ChangeWindow", "seen", window()),
        ("RolloutApproval", "seen", approval()),
        ("CrdUpgrade", "seen", json!({"crd": "caches.example.com", "operator": "cache", "version": "1.0.0"})),
    ] {
        kind(&client, of).create(&PostParams::default(), &object(of, name, &spec)).await.unwrap();
    }
    for (short, columns) in [
        ("lht", "NAME OPERATOR VERSION DESIRED WAVE READY STATUS AGE"),
        ("lhr", "NAME OPERATOR VERSION READY STATUS AGE"),
        ("lhp", "NAME WAVES ONFAILURE AGE"),
        ("lhro", "NAME OPERATOR TARGET PHASE WAVE MEMBERS PROVEN FAILED AGE"),
        ("lhrs", "NAME ROLLOUT WAVE PART AGE"),
        ("lhcu", "NAME CRD OPERATOR VERSION PHASE BLOCKED AGE"),
        ("lhw", "NAME ACTION SCHEDULE ZONE OPEN CHANGES STATUS AGE"),
        ("lha", "NAME ROLLOUT WAVE GATE DECISION APPROVER STATUS AGE"),
        ("lhf", "NAME MAXTENANTS MAXCONCURRENCY PODSECURITY AGE"),
    ] {
        let table = cluster.kubectl(&["get", short]);
        let header: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
        assert_eq!(header.join(" "), columns, "{short}");
    }
    let all = cluster.kubectl(&["get", "leasehold", "-o", "name"]);
    for crd in api::crds() {
        let singular = crd.spec.names.singular.unwrap();
        let found = all.lines().any(|line| line.starts_with(&format!("{singular}.leasehold.dev/")));
        assert!(found, "category leasehold has no {singular}: {all}");
    }
}
