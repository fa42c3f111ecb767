//! Raw API objects → the few facts that decisions need. What is dropped here costs no memory for the life of the fleet.
use std::collections::BTreeMap;

use kube::{ResourceExt, api::DynamicObject};
use serde_json::Value;

use super::{as_applied::is_as_applied, index::key};
use crate::domain::{
    crd::texts::{self, CrdMap, CrdText},
    epoch::Epoch,
    kinds::StackKind,
    marks,
    object::{ObjectKey, PodSeen, Seen, WorkloadSeen},
};

/// The longest mark that Leasehold writes, a grant, has a few hundred bytes. A longer one is not Leasehold's.
const LONGEST_MARK: usize = 2048;
/// Characters kept of a message that somebody else wrote.
const LONGEST_MESSAGE: usize = 1000;
/// Finalizers that are kept, to be named.
const FINALIZERS: usize = 8;

/// A mark of ours among the annotations.
fn mark(raw: &DynamicObject, key: &str) -> Option<String> {
    raw.annotations().get(key).filter(|value| value.len() <= LONGEST_MARK).cloned()
}

fn short(message: &str) -> String {
    message.chars().take(LONGEST_MESSAGE).collect()
}

/// An object of a stack; `None` without the tenant mark.
#[must_use]
pub fn object(kind: &StackKind, raw: &DynamicObject) -> Option<(ObjectKey, Seen)> {
    let tenant = raw.labels().get(marks::TENANT)?.clone();
    let mark = |key: &str| mark(raw, key);
    let as_applied = is_as_applied(kind, raw);
    let key = ObjectKey {
        namespace: raw.namespace().unwrap_or_default(),
        name: raw.name_any(),
        group: kind.group.into(),
        kind: kind.kind.into(),
    };
    let seen = Seen {
        uid: raw.uid().unwrap_or_default(),
        resource_version: raw.resource_version().unwrap_or_default(),
        tenant,
        tenant_uid: mark(marks::TENANT_UID),
        digest: mark(marks::DIGEST),
        epoch: mark(marks::EPOCH).and_then(|text| Epoch::parse(&text)),
        deleting: raw.metadata.deletion_timestamp.is_some(),
        finalizers: raw.finalizers().iter().take(FINALIZERS).map(|name| short(name)).collect(),
        remaining: remaining(&raw.data),
        grant: mark(marks::GRANT),
        content: if mark(marks::DIGEST).is_some() && !as_applied { content(kind, raw) } else { Box::default() },
        as_applied,
        workload: kind.is_workload().then(|| Box::new(workload(raw))),
    };
    Some((key, seen))
}

/// The object as JSON without status and what the API server numbers.
fn content(kind: &StackKind, raw: &DynamicObject) -> Box<str> {
    let mut value = raw.data.clone();
    if let Some(map) = value.as_object_mut() {
        map.remove("status");
        let metadata = serde_json::json!({
            "name": raw.metadata.name,
            "namespace": raw.metadata.namespace,
            "labels": raw.metadata.labels,
            "annotations": raw.metadata.annotations,
        });
        map.insert("metadata".into(), metadata);
        // Items of a list do not say what they are.
        map.insert("apiVersion".into(), kind.api_version().into());
        map.insert("kind".into(), kind.kind.into());
    }
    value.to_string().into()
}

fn number(data: &Value, pointer: &str) -> i64 {
    data.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

fn workload(raw: &DynamicObject) -> WorkloadSeen {
    let data = &raw.data;
    let conditions = data.pointer("/status/conditions").and_then(Value::as_array);
    let refused = conditions.into_iter().flatten().find(|c| c["type"] == "ReplicaFailure" && c["status"] == "True");
    WorkloadSeen {
        generation: raw.metadata.generation.unwrap_or_default(),
        observed_generation: number(data, "/status/observedGeneration"),
        wanted: data.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1),
        replicas: number(data, "/status/replicas"),
        updated: number(data, "/status/updatedReplicas"),
        available: number(data, "/status/availableReplicas"),
        refused: refused.and_then(|c| c["message"].as_str()).map(short),
    }
}

/// What keeps a Namespace from going: whose finalizers first, then what is left.
fn remaining(data: &Value) -> Option<String> {
    const WHY: [&str; 3] =
        ["NamespaceFinalizersRemaining", "NamespaceContentRemaining", "NamespaceDeletionContentFailure"];
    let conditions = data.pointer("/status/conditions")?.as_array()?;
    let message = |why: &&str| {
        let found = conditions.iter().find(|c| c["status"] == "True" && c["type"] == *why)?;
        found["message"].as_str()
    };
    let messages: Vec<&str> = WHY.iter().filter_map(message).collect();
    (!messages.is_empty()).then(|| short(&messages.join("; ")))
}

/// A pod of a tenant's operator, with its name; `None` without the tenant mark.
#[must_use]
pub fn pod(raw: &DynamicObject) -> Option<(String, PodSeen)> {
    let tenant = raw.labels().get(marks::TENANT)?.clone();
    let mark = |key: &str| mark(raw, key);
    let conditions = raw.data.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True");
    let containers = || {
        let of = |list: &str| raw.data.pointer(list).and_then(Value::as_array).into_iter().flatten();
        of("/status/initContainerStatuses").chain(of("/status/containerStatuses"))
    };
    let waiting = containers().find_map(|c| {
        let waiting = c.pointer("/state/waiting")?;
        let text = |field: &str| short(waiting[field].as_str().unwrap_or_default());
        Some((text("reason"), text("message")))
    });
    let pod = PodSeen {
        uid: raw.uid().unwrap_or_default(),
        resource_version: raw.resource_version().unwrap_or_default(),
        tenant,
        tenant_uid: mark(marks::TENANT_UID),
        namespace: raw.namespace().unwrap_or_default(),
        pod_revision: mark(marks::POD_REVISION),
        ready,
        deleting: raw.metadata.deletion_timestamp.is_some(),
        restarts: containers().map(|c| number(c, "/restartCount")).max().unwrap_or_default(),
        waiting,
        deletion_cost: mark(marks::DELETION_COST),
        created: raw.metadata.creation_timestamp.as_ref().map(|at| at.0),
    };
    Some((raw.name_any(), pod))
}

/// A ConfigMap of definitions. `known` finds what was read before, by its digest.
#[must_use]
pub fn crd_map<'a>(raw: &DynamicObject, known: impl Fn(&str) -> Option<&'a CrdText>) -> CrdMap {
    let read = |text: &str| {
        let digest = texts::digest(text);
        known(&digest).cloned().unwrap_or_else(|| CrdText::new(text, digest))
    };
    let of = |field: &str| raw.data[field].as_object().into_iter().flatten();
    CrdMap {
        immutable: raw.data["immutable"] == true,
        texts: of("data").filter_map(|(key, text)| Some((key.clone(), read(text.as_str()?)))).collect(),
        binary: of("binaryData").map(|(key, _)| key.clone()).collect(),
    }
}

/// ConfigMaps of definitions by `namespace/name`.
#[must_use]
pub fn crd_maps(raw: &[DynamicObject]) -> BTreeMap<String, CrdMap> {
    raw.iter().map(|object| (key(object), crd_map(object, |_| None))).collect()
}

/// Whether an object's status already says that it cannot be decoded, about what it is now.
#[must_use]
pub fn says_undecodable(raw: &DynamicObject) -> bool {
    let conditions = raw.data.pointer("/status/conditions").and_then(Value::as_array);
    let current = |c: &Value| c["observedGeneration"].as_i64() == raw.metadata.generation;
    let says = |c: &Value| c["type"] == "Stalled" && c["reason"] == "Undecodable" && c["status"] == "True";
    conditions.into_iter().flatten().any(|c| says(c) && current(c))
}
