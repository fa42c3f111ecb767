//! Where a live object differs from what was rendered: every rendered field must be there with the rendered value.
//! Fields that others added are not drift. Quantities need no care: rendering writes them as the API server stores them.
use serde_json::Value;

/// How many differences are named: enough to understand, short enough for an event.
const MOST: usize = 8;

/// JSON paths of the rendered fields that the live object lacks or has otherwise.
#[must_use]
pub fn differences(rendered: &Value, live: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(rendered, live, "", &mut found);
    found
}

fn compare(rendered: &Value, live: &Value, path: &str, found: &mut Vec<String>) {
    if found.len() >= MOST {
        return;
    }
    match (rendered, live) {
        // An empty selector means everything; one label in it, and it means almost nothing.
        (Value::Object(wanted), Value::Object(has)) if wanted.is_empty() && path.ends_with("elector") => {
            if !has.is_empty() {
                found.push(path.trim_start_matches('.').to_owned());
            }
        }
        (Value::Object(wanted), Value::Object(has)) => {
            for (key, value) in wanted {
                field(value, has.get(key), &format!("{path}.{key}"), found);
            }
        }
        (Value::Array(wanted), Value::Array(has)) => items(wanted, has, path, found),
        _ if rendered == live => {}
        _ => found.push(path.trim_start_matches('.').to_owned()),
    }
}

fn field(wanted: &Value, has: Option<&Value>, path: &str, found: &mut Vec<String>) {
    match has {
        Some(has) => compare(wanted, has, path, found),
        // The API server does not keep what is empty.
        None if is_empty(wanted) => {}
        None => found.push(path.trim_start_matches('.').to_owned()),
    }
}

/// Lists that are maps by name to the API server: others may add entries there. Every other list (a binding's subjects,
/// a role's rules) is ours as a whole.
const MAPS: [&str; 4] = [".containers", ".initContainers", ".env", ".volumes"];

fn items(wanted: &[Value], has: &[Value], path: &str, found: &mut Vec<String>) {
    let name = |v: &Value| v.get("name").and_then(Value::as_str).map(str::to_owned);
    let named = MAPS.iter().any(|map| path.ends_with(map));
    if !named && wanted.len() != has.len() {
        found.push(path.trim_start_matches('.').to_owned());
        return;
    }
    for (n, value) in wanted.iter().enumerate() {
        let (at, live) = match name(value).filter(|_| named) {
            Some(name) => {
                (format!("{path}[{name}]"), has.iter().find(|h| h.get("name").and_then(Value::as_str) == Some(&name)))
            }
            None => (format!("{path}[{n}]"), has.get(n)),
        };
        field(value, live, &at, found);
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().all(is_empty),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::differences;

    #[test]
    fn what_others_added_is_not_drift() {
        let rendered = json!({"spec": {"replicas": 2, "containers": [{"name": "a", "image": "x"}]}});
        let live = json!({"spec": {"replicas": 2, "paused": false, "containers": [{"name": "sidecar"}, {"name": "a", "image": "x", "tty": false}]}});
        assert_eq!(differences(&rendered, &live), Vec::<String>::new());
    }

    #[test]
    fn a_changed_field_is_named_by_its_path() {
        let rendered =
            json!({"spec": {"containers": [{"name": "a", "image": "x"}]}, "metadata": {"labels": {"l": "1"}}});
        let live = json!({"spec": {"containers": [{"name": "a", "image": "y"}]}, "metadata": {}});
        assert_eq!(differences(&rendered, &live), ["metadata.labels", "spec.containers[a].image"]);
    }

    #[test]
    fn a_rule_added_to_a_role_is_drift() {
        let rendered = json!({"rules": [{"verbs": ["get"]}]});
        let live = json!({"rules": [{"verbs": ["get"]}, {"verbs": ["*"]}]});
        assert_eq!(differences(&rendered, &live), ["rules"]);
    }

    #[test]
    fn a_label_added_to_an_empty_selector_is_drift() {
        let rendered = json!({"spec": {"podSelector": {}}});
        assert_eq!(differences(&rendered, &json!({"spec": {"podSelector": {}}})), Vec::<String>::new());
        assert_eq!(
            differences(&rendered, &json!({"spec": {"podSelector": {"matchLabels": {"a": "b"}}}})),
            ["spec.podSelector"]
        );
    }

    #[test]
    fn a_subject_added_to_a_binding_is_drift() {
        let rendered = json!({"subjects": [{"kind": "ServiceAccount", "name": "a"}]});
        let live =
            json!({"subjects": [{"kind": "ServiceAccount", "name": "a"}, {"kind": "ServiceAccount", "name": "b"}]});
        assert_eq!(differences(&rendered, &live), ["subjects"]);
    }
}
