//! In: the tenants of a run. Out: all that Leasehold made of them, as text that is equal for equal ends: without times,
//! identities and measurements, with the run's own names replaced. Never: leaves a spec out.

use std::collections::BTreeMap;

use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::{Client, ResourceExt};
use leasehold::domain::kinds::STACK_KINDS;
use leasehold::observe::Source;
use regex::Regex;
use serde_json::{Value, json};

/// Objects by `kind/namespace/name`.
pub type State = BTreeMap<String, String>;

/// What differs from one run of a flow to the next, and what it stands for.
pub type Words = Vec<(String, &'static str)>;

/// The tenants' Tenants, stacks and pods, and the Rollouts to those versions with what people said about them.
pub async fn of(client: &Client, tenants: &[String], versions: &[String], words: &Words) -> State {
    let mut state = State::new();
    let stacks = STACK_KINDS.iter().map(Source::Stack);
    let to = |object: &DynamicObject| {
        let version = object.data.pointer("/spec/target/version").and_then(Value::as_str);
        version.is_some_and(|version| versions.iter().any(|wanted| wanted == version))
    };
    let own = [Source::Tenants, Source::Rollouts, Source::Approvals, Source::Pods];
    for source in own.into_iter().chain(stacks) {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &source.api_resource());
        let params = match source {
            Source::Tenants | Source::Rollouts | Source::Approvals => ListParams::default(),
            _ => ListParams::default().labels(&format!("leasehold.dev/tenant in ({})", tenants.join(","))),
        };
        let mut objects = api.list(&params).await.unwrap().items;
        if source == Source::Pods {
            // Which of two pods came to lead, and so carries the mark, is theirs.
            objects.sort_by_key(|object| (object.namespace(), cost(object).is_none(), object.name_any()));
        }
        for (n, object) in objects.into_iter().enumerate() {
            let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
            let (key, value) = match source {
                Source::Tenants if !tenants.contains(&name) => continue,
                Source::Rollouts if !to(&object) => continue,
                // Their names are the ReplicaSet's, and so are their specs.
                Source::Pods => (format!("pods/{namespace}/{n}"), pod(&object)),
                _ => (format!("{}/{namespace}/{name}", source.name()), value(&object)),
            };
            state.insert(worded(&key, words), normal(&value, words));
        }
    }
    state
}

/// Objects that no tenant has for itself, those with `mark` in their name or namespace: with all of their spec, and of their
/// status what is the same whenever it ends the same.
pub async fn shared(client: &Client, resource: &ApiResource, mark: &str, words: &Words) -> State {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), resource);
    let mut state = State::new();
    for object in api.list(&ListParams::default()).await.unwrap() {
        let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
        if !name.contains(mark) && !namespace.contains(mark) {
            continue;
        }
        let mut kept = value(&object);
        let mut status = object.data["status"].clone();
        kept["status"] = match &*resource.kind {
            "CustomResourceDefinition" => status["storedVersions"].take(),
            "CrdUpgrade" => {
                // Where a pass was when it was last written down is a matter of luck.
                status["sweep"].take();
                status
            }
            _ => Value::Null,
        };
        state.insert(worded(&format!("{}/{namespace}/{name}", resource.plural), words), normal(&kept, words));
    }
    state
}

/// What is in one and not in the other, for a person.
pub fn differences(wanted: &State, found: &State) -> Vec<String> {
    let mut keys: Vec<&String> = wanted.keys().chain(found.keys()).collect();
    keys.sort();
    keys.dedup();
    let differs = keys.into_iter().filter(|key| wanted.get(*key) != found.get(*key));
    let show = |state: &State, key: &String| state.get(key).map_or("nothing", String::as_str).to_owned();
    differs.map(|key| format!("{key}:\n wanted {}\n found  {}", show(wanted, key), show(found, key))).collect()
}

/// What Leasehold says about the order in which pods go.
pub fn cost(pod: &DynamicObject) -> Option<&String> {
    pod.annotations().get("controller.kubernetes.io/pod-deletion-cost")
}

fn pod(object: &DynamicObject) -> Value {
    json!({
        "deleting": object.metadata.deletion_timestamp.is_some(),
        "cost": cost(object),
        "revision": object.annotations().get("leasehold.dev/pod-revision"),
    })
}

fn value(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap();
    let generation = value["metadata"]["generation"].clone();
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
            metadata.remove(field);
        }
    }
    if let Some(annotations) = value["metadata"]["annotations"].as_object_mut() {
        for key in
            ["leasehold.dev/epoch", "leasehold.dev/grant", "leasehold.dev/digest", "deployment.kubernetes.io/revision"]
        {
            annotations.remove(key);
        }
    }
    let status = value["status"].take();
    value["status"] = match value["kind"].as_str() {
        Some("Tenant" | "Rollout" | "RolloutApproval") => said(status, &generation),
        Some("Deployment") => {
            json!([status["replicas"], status["updatedReplicas"], status["availableReplicas"], status["readyReplicas"]])
        }
        _ => Value::Null,
    };
    value
}

/// A status without what was measured: who leads just now, how long something took.
fn said(mut status: Value, generation: &Value) -> Value {
    for (map, fields) in
        [("", &["leader"][..]), ("/granted", &["epoch"]), ("/lastUpgrade", &["leaderlessMilliseconds", "handovers"])]
    {
        if let Some(map) = status.pointer_mut(map).and_then(Value::as_object_mut) {
            for field in fields {
                map.remove(*field);
            }
        }
    }
    // Of those who turn to another version at once one is seen first: who counts as left out then is a matter of luck, and
    // the words say it, too.
    let superseded = status["phase"] == "Superseded";
    for count in ["skipped", "message"].into_iter().filter(|_| superseded) {
        status[count] = Value::Null;
    }
    for wave in status["waves"].as_array_mut().into_iter().flatten() {
        wave["soakedMilliseconds"] = Value::Null;
        if superseded {
            wave["skipped"] = Value::Null;
        }
    }
    let current = |value: &mut Value| {
        if let Some(observed) = value.get_mut("observedGeneration") {
            *observed = json!(*observed == *generation);
        }
    };
    current(&mut status);
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        current(condition);
        if superseded {
            condition["message"] = Value::Null;
        }
    }
    status
}

fn worded(text: &str, words: &Words) -> String {
    words.iter().fold(text.to_owned(), |text, (word, meaning)| text.replace(word, meaning))
}

/// Times and UIDs are all alike; of digests only which are equal to which is kept.
fn normal(value: &Value, words: &Words) -> String {
    let text = worded(&value.to_string(), words);
    let times = Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    let uids = Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let digests = Regex::new(r"\b[0-9a-f]{16,64}\b").unwrap();
    let text = times.replace_all(&text, "TIME").into_owned();
    let text = uids.replace_all(&text, "UID").into_owned();
    let mut seen: Vec<String> = Vec::new();
    let number = |found: &regex::Captures| {
        let digest = found[0].to_owned();
        let place = seen.iter().position(|old| *old == digest).unwrap_or_else(|| {
            seen.push(digest);
            seen.len() - 1
        });
        format!("#{place}")
    };
    digests.replace_all(&text, number).into_owned()
}
