//! Random objects, which are valid under a schema more often than not.
//! In: a source of randomness, a schema. Out: JSON.

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

use crate::generate::{DEEPEST, name, one_in, pick};
use crate::strings;

/// A value that is more likely valid than not; one in twelve is of any kind.
pub fn value(rng: &mut StdRng, schema: &Value, depth: usize) -> Value {
    if one_in(rng, 12) {
        return anything(rng, depth);
    }
    if let Some(choices) = schema["enum"].as_array()
        && !one_in(rng, 4)
    {
        return pick(rng, choices);
    }
    match schema["type"].as_str() {
        Some("boolean") => json!(one_in(rng, 2)),
        Some("string") => json!(string(rng)),
        Some("integer") => integer(rng),
        Some("number") => numeral(rng),
        Some("array") => (0..rng.random_range(0..4)).map(|_| value(rng, &schema["items"], depth + 1)).collect(),
        Some("object") => fields(rng, schema, depth),
        _ if schema["x-kubernetes-int-or-string"] == true => {
            pick(rng, &[json!(1), json!("1"), json!("50%"), json!(65)])
        }
        _ => anything(rng, depth),
    }
}

fn string(rng: &mut StdRng) -> String {
    pick(rng, &strings::ALL.texts)
}

fn integer(rng: &mut StdRng) -> Value {
    let odd =
        [json!(1.0), json!(2_147_483_648_u32), json!(i64::MAX), json!(u64::MAX), json!(3.000_000_000_1), json!(1e16)];
    if one_in(rng, 6) { pick(rng, &odd) } else { json!(rng.random_range(-2..6)) }
}

fn numeral(rng: &mut StdRng) -> Value {
    let odd = [json!(2.5), json!(0.1), json!(-1.5), json!(1e39), json!(2.0), json!(0.3), json!(7.5)];
    if one_in(rng, 3) { pick(rng, &odd) } else { integer(rng) }
}

fn fields(rng: &mut StdRng, schema: &Value, depth: usize) -> Value {
    let mut fields = Map::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let required = schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        if required && !one_in(rng, 8) || one_in(rng, 2) {
            fields.insert(name.clone(), value(rng, field, depth + 1));
        }
    }
    if schema["additionalProperties"].is_object() {
        for _ in 0..rng.random_range(0..3) {
            fields.insert(name(rng).to_owned(), value(rng, &schema["additionalProperties"], depth + 1));
        }
    }
    if one_in(rng, 4) {
        fields.insert(name(rng).to_owned(), anything(rng, depth + 1));
    }
    if schema["x-kubernetes-embedded-resource"] == true {
        resource(rng, &mut fields);
    }
    Value::Object(fields)
}

/// What an embedded resource has to have, now and then not quite.
fn resource(rng: &mut StdRng, fields: &mut Map<String, Value>) {
    let versions = [json!("v1"), json!("apps/v1"), json!("v1"), json!("a/b/c"), json!(""), json!(1)];
    let kinds = [json!("Pod"), json!("Deployment"), json!("My_Kind"), json!("pod"), json!(true)];
    let metadata = [
        json!({"name": "a"}),
        json!({"name": "a/b"}),
        json!({"name": "a", "labels": {"a": "b", "example.com/c": "d"}}),
        json!({"name": "a", "labels": {"a/b/c": "b"}}),
        json!({"name": "a", "labels": {"a": "-b"}}),
        json!({"name": "a", "labels": {"a": 1}}),
        json!({"name": "a", "annotations": {"Example.com/c": "any thing", "x": "y"}}),
        json!({"name": "a", "annotations": {"a b": "c"}}),
        json!({"name": "a", "unknown": 1, "finalizers": ["example.com/a"]}),
        json!({"name": "a", "finalizers": ["a b"]}),
        json!({"name": "a", "finalizers": ["orphan", "foregroundDeletion"]}),
        json!({"namespace": "a", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b", "more": 1}]}),
        json!({"namespace": "a", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a"}]}),
        json!({"namespace": "A.b"}),
        json!({"generation": -1}),
        json!({"generation": 1.5}),
        json!({"creationTimestamp": "2024-02-29T12:00:00Z"}),
        json!({"creationTimestamp": "yesterday"}),
        json!({"managedFields": [{"manager": "a", "operation": "Wrong", "fieldsType": "FieldsV1"}]}),
        json!("metadata"),
    ];
    for (name, all) in [("apiVersion", &versions[..]), ("kind", &kinds), ("metadata", &metadata)] {
        if !one_in(rng, 12) {
            let usual = if name == "metadata" { pick(rng, all) } else { all[0].clone() };
            fields.insert(name.to_owned(), if one_in(rng, 6) { pick(rng, all) } else { usual });
        }
    }
}

fn anything(rng: &mut StdRng, depth: usize) -> Value {
    match rng.random_range(0..if depth >= DEEPEST { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(one_in(rng, 2)),
        2 => json!(string(rng)),
        3 => integer(rng),
        4 => numeral(rng),
        5 => (0..rng.random_range(0..3)).map(|_| anything(rng, depth + 1)).collect(),
        _ => (0..rng.random_range(0..3)).map(|_| (name(rng).to_owned(), anything(rng, depth + 1))).collect(),
    }
}
