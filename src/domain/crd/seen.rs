//! A CustomResourceDefinition of the cluster, reduced to what decisions need.
use std::{collections::BTreeMap, sync::Arc};

use semver::Version;
use serde_json::Value;

use super::Definition;
use crate::domain::marks;

/// How far a shared definition was taken, by operator: no lower version is merged into it any more.
pub type Unlocked = BTreeMap<String, Version>;

/// What is kept of a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrdSeen {
    pub uid: String,
    pub resource_version: String,
    /// Digest of what its spec means; empty where it cannot be read.
    pub digest: String,
    pub established: bool,
    pub deleting: bool,
    /// The definition itself, where Leasehold keeps it. Of somebody else's nothing is kept: a cluster may have thousands.
    pub definition: Option<Arc<Definition>>,
    /// `status.storedVersions`: what the API server remembers to have stored, or what somebody wrote there.
    pub stored_versions: Vec<String>,
    pub unlocked: Unlocked,
}

impl CrdSeen {
    /// A definition as it is seen once it is created and served.
    #[must_use]
    pub fn created(definition: &Value, annotations: &BTreeMap<String, String>) -> Self {
        let mut seen = Self::read(definition);
        let definition = Definition::parse(definition).ok();
        seen.stored_versions = definition.iter().map(|definition| definition.storage().to_owned()).collect();
        seen.unlocked = annotations.get(marks::CRD_UNLOCKED).map(|text| unlocked(text)).unwrap_or_default();
        Self { established: true, definition: definition.map(Arc::new), ..seen }
    }

    /// Reads a CustomResourceDefinition as the API server shows it.
    #[must_use]
    pub fn read(object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let mark = |kind: &str, key: &str| {
            let marks = object.pointer("/metadata").and_then(|metadata| metadata.get(kind));
            marks.and_then(|marks| marks.get(key)).and_then(Value::as_str).unwrap_or_default()
        };
        let definition = Definition::parse(object).ok();
        let kept = mark("labels", marks::SHARED_CRD) == "true" && mark("annotations", marks::TAKE_BACK) != "true";
        let stored = object.pointer("/status/storedVersions").and_then(Value::as_array);
        let stored = stored.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Self {
            uid: text("/metadata/uid").to_owned(),
            resource_version: text("/metadata/resourceVersion").to_owned(),
            digest: definition.as_ref().map(|definition| definition.digest().to_owned()).unwrap_or_default(),
            established: established(object),
            deleting: object.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()),
            definition: definition.filter(|_| kept).map(Arc::new),
            stored_versions: stored.collect(),
            unlocked: unlocked(mark("annotations", marks::CRD_UNLOCKED)),
        }
    }
}

/// Whether the API server serves it.
fn established(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let is = |condition: &Value, key: &str, wanted: &str| condition.get(key).and_then(Value::as_str) == Some(wanted);
    let yes = |condition: &Value| is(condition, "type", "Established") && is(condition, "status", "True");
    conditions.is_some_and(|all| all.iter().any(yes))
}

/// What cannot be read says nothing.
fn unlocked(text: &str) -> Unlocked {
    let entries = text.split(',').filter_map(|entry| entry.split_once('='));
    entries.filter_map(|(operator, version)| Some((operator.to_owned(), Version::parse(version).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(labels: &Value) -> Value {
        json!({
            "metadata": {
                "name": "caches.example.com", "uid": "u", "resourceVersion": "7", "labels": labels,
                "annotations": {marks::CRD_UNLOCKED: "cache=1.2.0,other=no-version,queue=2.0.0-rc.1"},
            },
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"kind": "Cache", "plural": "caches"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
            },
            "status": {"storedVersions": ["v1alpha1", "v1"], "conditions": [{"type": "Established", "status": "True"}]},
        })
    }

    #[test]
    fn a_definition_is_kept_where_the_label_says_so() {
        let seen = CrdSeen::read(&object(&json!({marks::SHARED_CRD: "true"})));
        assert!(seen.established && !seen.deleting && seen.definition.is_some());
        assert_eq!(seen.stored_versions, ["v1alpha1", "v1"]);
        let unlocked: Vec<String> =
            seen.unlocked.iter().map(|(operator, version)| format!("{operator} {version}")).collect();
        assert_eq!(unlocked, ["cache 1.2.0", "queue 2.0.0-rc.1"]);
        let foreign = CrdSeen::read(&object(&json!({"a": "b"})));
        assert_eq!((foreign.definition, &foreign.digest), (None, &seen.digest));
        let mut taken_back = object(&json!({marks::SHARED_CRD: "true"}));
        taken_back["metadata"]["annotations"][marks::TAKE_BACK] = json!("true");
        assert_eq!(CrdSeen::read(&taken_back).definition, None);
    }

    #[test]
    fn what_is_no_definition_is_not_kept() {
        let seen = CrdSeen::read(&json!({"metadata": {"labels": {marks::SHARED_CRD: "true"}}, "spec": {}}));
        assert_eq!(seen, CrdSeen::default());
    }
}
