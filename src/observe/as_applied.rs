//! Whether an object still is, to the last field, what was applied: then its content needs no memory.
//!
//! The API server keeps a set of the fields that our server-side apply owns (`managedFields`, KEP-555). The object cut down
//! to them is what we sent, unless somebody changed it, and then has the digest that we wrote beside it. What cannot be cut
//! down with certainty has no digest here: its content is kept and compared field by field, which is always right.
use kube::{ResourceExt, api::DynamicObject};
use serde_json::{Map, Value, json};

use crate::domain::{digest, kinds::StackKind, marks};

/// Whether the fields that we own are those that the object's own digest speaks of.
#[must_use]
pub fn is_as_applied(kind: &StackKind, raw: &DynamicObject) -> bool {
    let Some(wanted) = raw.annotations().get(marks::DIGEST) else { return false };
    cut_down(kind, raw).is_some_and(|value| digest::of(&value) == *wanted)
}

/// The object as it was sent: what we own, and what every manifest says of itself.
fn cut_down(kind: &StackKind, raw: &DynamicObject) -> Option<Value> {
    let home = raw.namespace().unwrap_or_else(|| raw.name_any());
    let manager = marks::field_manager(&home);
    let mut entries = raw.metadata.managed_fields.iter().flatten();
    let ours = entries.find(|entry| {
        entry.manager.as_deref() == Some(&manager)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.is_none()
    })?;
    let mut whole = raw.data.clone();
    whole["metadata"] = json!({"labels": raw.metadata.labels, "annotations": raw.metadata.annotations});
    let mut value = project(&whole, &ours.fields_v1.as_ref()?.0)?;
    value["apiVersion"] = kind.api_version().into();
    value["kind"] = kind.kind.into();
    let metadata = value["metadata"].as_object_mut()?;
    metadata.insert("name".into(), raw.metadata.name.clone().into());
    if kind.namespaced {
        metadata.insert("namespace".into(), raw.metadata.namespace.clone().into());
    }
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    annotations.remove(marks::DIGEST);
    annotations.remove(marks::EPOCH);
    Some(value)
}

/// The part of a value that a set of fields (`FieldsV1`) names. A field without children is owned as a whole.
fn project(value: &Value, fields: &Value) -> Option<Value> {
    let fields = fields.as_object()?;
    if !fields.keys().any(|key| key != ".") {
        return Some(value.clone());
    }
    match value {
        Value::Object(map) => {
            let mut part = Map::new();
            for (key, children) in fields.iter().filter(|(key, _)| *key != ".") {
                let name = key.strip_prefix("f:")?;
                part.insert(name.to_owned(), project(map.get(name)?, children)?);
            }
            Some(Value::Object(part))
        }
        // Others may have added items, of which some matter (a port, a subject): then it is for the comparison to say.
        Value::Array(items) if items.len() == fields.keys().filter(|key| *key != ".").count() => {
            items.iter().map(|item| project(item, item_fields(item, fields)?)).collect::<Option<_>>().map(Value::Array)
        }
        _ => None,
    }
}

/// The fields of a list's item: its key holds values of some of its own fields (`k:{"name":"operator"}`), or it is a value
/// in a set (`v:"x"`).
fn item_fields<'a>(item: &Value, fields: &'a Map<String, Value>) -> Option<&'a Value> {
    let is_it = |key: &str| {
        if let Some(keys) =
            key.strip_prefix("k:").and_then(|json| serde_json::from_str::<Map<String, Value>>(json).ok())
        {
            return keys.iter().all(|(name, value)| item.get(name) == Some(value));
        }
        key.strip_prefix("v:").and_then(|json| serde_json::from_str::<Value>(json).ok()).as_ref() == Some(item)
    };
    fields.iter().find(|(key, _)| is_it(key)).map(|(_, children)| children)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kinds;

    /// A Service as the API server answers: our fields, defaults, and the fields that another manager added.
    fn service(edit: impl FnOnce(&mut Value)) -> DynamicObject {
        let sent = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "tenant-acme", "labels": {"a": "b"}, "annotations": {"x": "y"}},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]},
        });
        let mut live = sent.clone();
        live["metadata"]["annotations"][marks::DIGEST] = digest::of(&sent).into();
        live["metadata"]["annotations"][marks::EPOCH] = "u/3".into();
        live["metadata"]["annotations"]["others"] = "are not looked at".into();
        live["spec"]["type"] = "ClusterIP".into();
        live["spec"]["ports"][0]["targetPort"] = 80.into();
        live["metadata"]["managedFields"] = json!([{
            "manager": "leasehold/tenant-acme", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {
                    "f:labels": {"f:a": {}},
                    "f:annotations": {"f:x": {}, (format!("f:{}", marks::DIGEST)): {}, (format!("f:{}", marks::EPOCH)): {}},
                },
                "f:spec": {
                    "f:selector": {},
                    "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}}},
                },
            },
        }]);
        edit(&mut live);
        serde_json::from_value(live).unwrap()
    }

    fn holds(edit: impl FnOnce(&mut Value)) -> bool {
        is_as_applied(kinds::find("", "Service").unwrap(), &service(edit))
    }

    #[test]
    fn defaults_and_the_fields_of_others_do_not_count() {
        assert!(holds(|_| {}));
        assert!(holds(|live| live["metadata"]["labels"]["theirs"] = "too".into()));
    }

    #[test]
    fn what_somebody_changed_removed_or_added_to_a_list_of_ours_does() {
        assert!(!holds(|live| live["metadata"]["labels"]["a"] = "c".into()));
        assert!(!holds(|live| live["spec"]["ports"][0]["name"] = "https".into()));
        assert!(!holds(|live| drop(live["metadata"]["labels"].as_object_mut().unwrap().remove("a"))));
        assert!(!holds(|live| live["spec"]["selector"]["more"] = "narrow".into()));
        assert!(!holds(|live| live["spec"]["ports"]
            .as_array_mut()
            .unwrap()
            .push(json!({"port": 81, "protocol": "TCP"}))));
        assert!(!holds(|live| live["spec"]["ports"] = json!([])));
    }

    #[test]
    fn who_took_a_field_from_us_changed_it() {
        let fields = "/metadata/managedFields/0/fieldsV1/f:spec";
        assert!(!holds(|live| drop(live.pointer_mut(fields).unwrap().as_object_mut().unwrap().remove("f:selector"))));
        assert!(!holds(|live| live["metadata"]["managedFields"][0]["manager"] = "kubectl".into()));
        assert!(!holds(|live| live["metadata"]["managedFields"] = Value::Null));
        assert!(!holds(|live| live["metadata"]["annotations"][marks::DIGEST] = "0000000000000000".into()));
    }
}
