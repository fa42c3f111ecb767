//! One small change to a schema, of the kinds that a release makes.
//! In: a source of randomness, a schema. Out: whether it was changed; somewhere in it, one thing.

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::generate::{DEEPEST, one_in, pick, schema};
use crate::values::value;

/// The bounds of numbers and of counts, and which way loosens them.
const BOUNDS: [(&str, i64); 8] = [
    ("minimum", -1),
    ("maximum", 1),
    ("minLength", -1),
    ("maxLength", 1),
    ("minItems", -1),
    ("maxItems", 1),
    ("minProperties", -1),
    ("maxProperties", 1),
];

/// Keywords that are dropped as a whole.
const DROPPED: [&str; 10] = [
    "format",
    "pattern",
    "enum",
    "nullable",
    "default",
    "multipleOf",
    "oneOf",
    "anyOf",
    "not",
    "x-kubernetes-preserve-unknown-fields",
];

/// Changes one thing, here or in a schema below. Some changes do nothing, as many a release's.
pub fn mutate(rng: &mut StdRng, schema: &mut Value) {
    let mut below: Vec<String> = ["/items", "/additionalProperties"]
        .into_iter()
        .filter(|path| schema.pointer(path).is_some_and(Value::is_object))
        .map(str::to_owned)
        .collect();
    below.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| format!("/properties/{name}")));
    if !below.is_empty() && one_in(rng, 2) {
        let path = pick(rng, &below);
        return mutate(rng, schema.pointer_mut(&path).expect("it was there"));
    }
    here(rng, schema);
}

fn here(rng: &mut StdRng, schema: &mut Value) {
    // An object has most that can be changed, and is met least.
    let kinds = if schema["type"] == "object" { 20 } else { 8 };
    match rng.random_range(0..kinds) {
        0 => schema["description"] = json!("Said in other words."),
        1 => drop_keyword(rng, schema),
        2 | 3 => bound(rng, schema),
        4 => choices(rng, schema),
        5 => schema["nullable"] = json!(true),
        6 => branches(rng, schema),
        7 => extend(rng, schema),
        _ => fields(rng, schema),
    }
}

fn drop_keyword(rng: &mut StdRng, schema: &mut Value) {
    let there: Vec<&str> = DROPPED.into_iter().filter(|keyword| schema.get(keyword).is_some()).collect();
    if !there.is_empty() {
        schema.as_object_mut().expect("a schema").remove(pick(rng, &there));
    }
}

/// Moves a bound by a little, mostly so that it allows more; takes it away; or, now and then, introduces one.
fn bound(rng: &mut StdRng, schema: &mut Value) {
    let there: Vec<_> = BOUNDS.into_iter().filter(|(keyword, _)| schema[*keyword].is_i64()).collect();
    if there.is_empty() {
        let fitting = match schema["type"].as_str() {
            Some("string") => "maxLength",
            Some("array") => "maxItems",
            Some("object") => "maxProperties",
            Some("integer" | "number") => "maximum",
            _ => return,
        };
        schema[fitting] = json!(rng.random_range(0..6));
        return;
    }
    let (keyword, looser) = pick(rng, &there);
    let by = if one_in(rng, 4) { -looser } else { looser };
    match rng.random_range(0..3) {
        0 => drop(schema.as_object_mut().expect("a schema").remove(keyword)),
        _ => schema[keyword] = json!(schema[keyword].as_i64().expect("it is one") + by),
    }
}

fn choices(rng: &mut StdRng, schema: &mut Value) {
    let plain = json!({"type": schema["type"]});
    match schema.get_mut("enum").and_then(Value::as_array_mut) {
        Some(choices) if one_in(rng, 3) && choices.len() > 1 => drop(choices.pop()),
        Some(choices) if one_in(rng, 3) => choices.reverse(),
        Some(choices) => choices.push(value(rng, &plain, DEEPEST)),
        None if one_in(rng, 4) => schema["enum"] = json!([value(rng, schema, DEEPEST), value(rng, schema, DEEPEST)]),
        None => {}
    }
}

fn branches(rng: &mut StdRng, schema: &mut Value) {
    for keyword in ["oneOf", "anyOf", "allOf"] {
        if let Some(branches) = schema.get_mut(keyword).and_then(Value::as_array_mut) {
            match rng.random_range(0..3) {
                0 => branches.reverse(),
                1 if branches.len() > 1 => drop(branches.pop()),
                _ => branches.push(json!({"enum": [1, "a", true]})),
            }
            return;
        }
    }
}

/// What only Kubernetes has.
fn extend(rng: &mut StdRng, schema: &mut Value) {
    match (schema["type"].as_str(), rng.random_range(0..3)) {
        (Some("object"), 0) => schema["x-kubernetes-preserve-unknown-fields"] = json!(true),
        (Some("array"), 0) => schema["x-kubernetes-list-type"] = json!("set"),
        (Some("integer"), 0) => schema["type"] = json!("number"),
        (Some("number"), 0) => schema["type"] = json!("integer"),
        (Some("integer"), 1) => *schema = json!({"x-kubernetes-int-or-string": true}),
        (Some(_), 2) if one_in(rng, 3) => *schema = json!({"type": "string"}),
        (Some("string"), _) => schema["format"] = json!("date"),
        _ => {}
    }
}

/// An object's fields: one more, with or without a default, or required; one less; required or no longer so.
fn fields(rng: &mut StdRng, object: &mut Value) {
    if object["type"] != "object" || object["additionalProperties"] != Value::Null {
        return;
    }
    let names: Vec<String> =
        object["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    match rng.random_range(0..8) {
        0..=2 => object["properties"]["added"] = schema(rng, DEEPEST),
        3 => object["properties"]["added"] = json!({"type": "string", "default": "x"}),
        4 => {
            object["properties"]["added"] = json!({"type": "string"});
            object["required"] = json!(["added"]);
        }
        5 => drop(object.as_object_mut().expect("a schema").remove("required")),
        6 if !names.is_empty() => object["required"] = json!([pick(rng, &names)]),
        _ if !names.is_empty() => {
            let gone = pick(rng, &names);
            object["properties"].as_object_mut().expect("fields").remove(&gone);
            if let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) {
                required.retain(|name| *name != json!(gone));
            }
        }
        _ => {}
    }
}
