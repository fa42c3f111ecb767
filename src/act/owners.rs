//! Field ownership moved from versions that are about to go to one that stays. Pure.
//!
//! Server-side apply reads every entry of `metadata.managedFields` at that entry's version, and fails on a version that the
//! definition has no more (kubernetes/kubernetes#111937). Without conversion the fields of all versions have the same paths, so
//! an entry means the same at another version; to remove it instead would make its manager forget what it owns, and let an apply
//! that leaves a field out keep that field for ever.
use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The entries with those at `versions` of `group` moved to `to`; none when there is nothing to move.
pub(super) fn moved(entries: &[Value], group: &str, versions: &BTreeSet<String>, to: &str) -> Option<Vec<Value>> {
    let goes = |entry: &Value| {
        let (of, version) = entry["apiVersion"].as_str().and_then(|api| api.split_once('/')).unwrap_or_default();
        of == group && versions.contains(version) && version != to
    };
    if !entries.iter().any(goes) {
        return None;
    }
    let mut kept: Vec<Value> = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut entry = entry.clone();
        if goes(&entry) {
            entry["apiVersion"] = format!("{group}/{to}").into();
        }
        // One entry a manager, way of writing and subresource: the API server keeps only one of two.
        match kept.iter_mut().find(|other| same_owner(other, &entry)) {
            Some(other) => join(other, entry),
            None => kept.push(entry),
        }
    }
    Some(kept)
}

fn same_owner(a: &Value, b: &Value) -> bool {
    ["manager", "operation", "apiVersion", "subresource"].iter().all(|key| a[key] == b[key])
}

/// Owns what both own, since the later of the two times.
fn join(to: &mut Value, from: Value) {
    let later = to["time"].as_str().max(from["time"].as_str()).map(Value::from);
    if let Some(time) = later {
        to["time"] = time;
    }
    let Value::Object(mut from) = from else { return };
    if let Some(Value::Object(fields)) = from.remove("fieldsV1") {
        let into = &mut to["fieldsV1"];
        match into {
            Value::Object(into) => union(into, fields),
            _ => *into = fields.into(),
        }
    }
}

fn union(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(more)) => union(below, more),
            (_, value) => _ = into.insert(key, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn moves(entries: &Value) -> Option<Value> {
        let versions = BTreeSet::from(["v1".to_owned()]);
        moved(entries.as_array().unwrap(), "example.com", &versions, "v2").map(Value::from)
    }

    #[test]
    fn an_entry_of_a_version_that_goes_stays_its_manager_s_at_the_other() {
        let entry = |version: &str| {
            json!({"manager": "m", "operation": "Apply", "apiVersion": version, "time": "2026-01-01T00:00:00Z",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:size": {}}}})
        };
        assert_eq!(moves(&json!([entry("example.com/v1")])), Some(json!([entry("example.com/v2")])));
        for other in ["example.com/v2", "example.com/v3", "other.com/v1", "v1"] {
            assert_eq!(moves(&json!([entry(other)])), None, "{other}");
        }
        let both = moves(&json!([entry("example.com/v3"), entry("example.com/v1")]));
        assert_eq!(
            both,
            Some(json!([entry("example.com/v3"), entry("example.com/v2")])),
            "others are left as they are"
        );
    }

    #[test]
    fn two_entries_that_become_one_own_what_both_owned() {
        let entry = |version: &str, subresource: &str, time: &str, fields: Value| {
            json!({"manager": "m", "operation": "Update", "apiVersion": version, "subresource": subresource, "time": time,
                "fieldsType": "FieldsV1", "fieldsV1": fields})
        };
        let old =
            entry("example.com/v1", "", "2026-01-02T00:00:00Z", json!({"f:spec": {"f:a": {}, "f:c": {"f:d": {}}}}));
        let new = entry("example.com/v2", "", "2026-01-01T00:00:00Z", json!({"f:spec": {"f:b": {}, "f:c": {".": {}}}}));
        let status = entry("example.com/v1", "status", "2026-01-01T00:00:00Z", json!({"f:status": {}}));
        let joined = json!({"f:spec": {"f:a": {}, "f:b": {}, "f:c": {".": {}, "f:d": {}}}});
        let wanted = [
            entry("example.com/v2", "", "2026-01-02T00:00:00Z", joined),
            entry("example.com/v2", "status", "2026-01-01T00:00:00Z", json!({"f:status": {}})),
        ];
        assert_eq!(moves(&json!([old.clone(), new.clone(), status.clone()])), Some(json!(wanted)));
        assert_eq!(moves(&json!([new, old, status])), Some(json!(wanted)), "in either order");
    }

    #[test]
    fn the_version_that_stays_is_never_one_that_goes() {
        let versions = BTreeSet::from(["v2".to_owned()]);
        assert_eq!(moved(&[json!({"apiVersion": "example.com/v2"})], "example.com", &versions, "v2"), None);
    }
}
