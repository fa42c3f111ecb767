//! Secrets as the API server stores them: it moves `stringData` into `data`, and a comparison with what it stores would
//! find a difference each time.
use k8s_openapi::ByteString;
use serde_json::{Map, Value};

/// Moves `stringData` into `data`, where it wins over an entry of the same name. What is no text stays, for the API server to
/// name.
pub(super) fn canonicalize(object: &mut Value) {
    let is_secret =
        object.get("apiVersion").is_some_and(|v| v == "v1") && object.get("kind").is_some_and(|k| k == "Secret");
    let Some(secret) = object.as_object_mut().filter(|_| is_secret) else { return };
    let all_text = |map: &Map<String, Value>| map.values().all(Value::is_string);
    if !secret.get("stringData").and_then(Value::as_object).is_some_and(all_text) {
        return;
    }
    let Some(Value::Object(texts)) = secret.remove("stringData") else { return };
    let data = secret.entry("data").or_insert_with(|| Value::Object(Map::new()));
    let Some(data) = data.as_object_mut() else { return };
    for (name, text) in texts {
        let bytes = ByteString(text.as_str().unwrap_or_default().as_bytes().to_vec());
        data.insert(name, serde_json::to_value(bytes).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::canonicalize;

    #[test]
    fn text_becomes_data_and_wins() {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": "b2xk", "b": "Yg=="},
            "stringData": {"a": "new", "c": "\u{e9}"}});
        canonicalize(&mut secret);
        let data = json!({"a": "bmV3", "b": "Yg==", "c": "w6k="});
        assert_eq!(secret, json!({"apiVersion": "v1", "kind": "Secret", "data": data}));
    }

    #[test]
    fn nothing_else_is_touched() {
        for object in [
            json!({"apiVersion": "v1", "kind": "ConfigMap", "stringData": {"a": "b"}}),
            json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"a": 1}}),
            json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": "Yg=="}}),
        ] {
            let mut after = object.clone();
            canonicalize(&mut after);
            assert_eq!(after, object);
        }
    }
}
