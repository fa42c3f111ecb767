//! Definitions that a release brings, inline and in a ConfigMap.
use leasehold::domain::crd::texts;
use serde_json::{Value, json};

/// A definition that a test needs, or a release brings.
pub fn definition(group: &str, kind: &str, plural: &str, version: &str) -> Value {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
            "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": open}}]}})
}

/// One of them as a text that a release names.
fn text() -> String {
    definition("rights.example.com", "Cache", "caches", "v1").to_string()
}

/// The ConfigMap of that text, in Leasehold's own namespace.
pub fn config_map(home: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "immutable": true, "data": {"caches.json": text()},
        "metadata": {"name": "caches", "namespace": home, "labels": {"leasehold.dev/release-crds": "true"}}})
}

/// `spec.crds` of a release that names it.
pub fn by_reference(home: &str) -> Value {
    let digest = texts::digest(&text());
    json!([{"configMapRef": {"namespace": home, "name": "caches", "key": "caches.json", "digest": digest}}])
}
