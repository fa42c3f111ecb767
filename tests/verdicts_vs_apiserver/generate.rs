//! Random structural schemas.
//! In: a source of randomness. Out: JSON. The API server has the last word on which schema is one.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

use crate::strings;
use crate::values::value;

/// Levels of schema below a property.
pub const DEEPEST: usize = 3;
/// Names of fields: few, so that schemas, alternatives and objects meet. Two need care in JSON paths.
const NAMES: [&str; 6] = ["a", "b", "c", "apiVersion", "kind", "metadata"];
const FORMATS: [&str; 12] =
    ["date", "date-time", "duration", "ipv4", "ipv6", "uuid", "byte", "uri", "email", "hostname", "int32", "unknown"];

/// One in `of`.
pub fn one_in(rng: &mut StdRng, of: u32) -> bool {
    rng.random_ratio(1, of)
}

pub fn pick<T: Clone>(rng: &mut StdRng, all: &[T]) -> T {
    all.choose(rng).expect("not empty").clone()
}

pub fn name(rng: &mut StdRng) -> &'static str {
    if one_in(rng, 8) { pick(rng, &NAMES) } else { pick(rng, &NAMES[..3]) }
}

fn bound(rng: &mut StdRng) -> Value {
    let odd = [json!(2.5), json!(-0.5), json!(1e20), json!(-1e20), json!(2_147_483_648_u32), json!(1e16)];
    if one_in(rng, 4) { pick(rng, &odd) } else { json!(rng.random_range(-2..6)) }
}

fn count(rng: &mut StdRng) -> Value {
    json!(rng.random_range(0..4))
}

/// A schema of any kind. `depth`: how many levels it already has above it.
pub fn schema(rng: &mut StdRng, depth: usize) -> Value {
    let kinds = if depth >= DEEPEST { 5 } else { 10 };
    let mut schema = match rng.random_range(0..kinds) {
        0 => json!({"type": "boolean"}),
        1 => text(rng),
        2 => number(rng, "integer", &["int32", "int64", "float", "date"]),
        3 => number(rng, "number", &["float", "double", "int32"]),
        4 => int_or_string(rng),
        5 | 6 => list(rng, depth),
        7 => map(rng, depth),
        8 => object(rng, depth),
        _ => special(rng, depth),
    };
    if one_in(rng, 6) {
        schema["nullable"] = json!(true);
    }
    if one_in(rng, 5) {
        choices(rng, &mut schema);
    }
    if one_in(rng, 4) {
        alternatives(rng, &mut schema);
    }
    if one_in(rng, 8) {
        add_default(rng, &mut schema, depth);
    }
    schema
}

/// A default has to be valid, and nothing of it unknown.
fn add_default(rng: &mut StdRng, schema: &mut Value, depth: usize) {
    let validator = leasehold::domain::crd::validate::Validator::new(schema).expect("a schema");
    let default = (0..8)
        .map(|_| value(rng, schema, depth))
        .find(|value| !value.is_null() && validator.read(value) == *value && validator.violations(value).is_empty());
    if let Some(default) = default {
        schema["default"] = default;
    }
}

fn text(rng: &mut StdRng) -> Value {
    let mut schema = json!({"type": "string"});
    limit(rng, &mut schema, "minLength", "maxLength");
    if one_in(rng, 4) {
        schema["format"] = json!(pick(rng, &FORMATS));
    }
    if one_in(rng, 4) {
        schema["pattern"] = json!(pick(rng, &strings::ALL.patterns));
    }
    schema
}

fn limit(rng: &mut StdRng, schema: &mut Value, min: &str, max: &str) {
    if one_in(rng, 4) {
        schema[min] = count(rng);
    }
    if one_in(rng, 4) {
        schema[max] = count(rng);
    }
}

fn number(rng: &mut StdRng, kind: &str, formats: &[&str]) -> Value {
    let mut schema = json!({"type": kind});
    bounds(rng, &mut schema);
    if one_in(rng, 3) {
        schema["format"] = json!(pick(rng, formats));
    }
    schema
}

fn bounds(rng: &mut StdRng, schema: &mut Value) {
    for (keyword, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if one_in(rng, 4) {
            schema[keyword] = bound(rng);
            if one_in(rng, 3) {
                schema[exclusive] = json!(true);
            }
        }
    }
    if one_in(rng, 5) {
        schema["multipleOf"] = pick(rng, &[json!(1), json!(2), json!(3), json!(0.5), json!(2.5), json!(0.1)]);
    }
}

fn int_or_string(rng: &mut StdRng) -> Value {
    let mut schema = json!({"x-kubernetes-int-or-string": true});
    let both = json!([{"type": "integer"}, {"type": "string"}]);
    match rng.random_range(0..4) {
        0 => schema["anyOf"] = both,
        1 => schema["allOf"] = json!([{"anyOf": both}, {"maxLength": 3}]),
        _ => {}
    }
    bounds(rng, &mut schema);
    if one_in(rng, 3) {
        schema["pattern"] = json!(r"^\d+%?$");
    }
    if one_in(rng, 4) {
        schema["format"] = json!(pick(rng, &FORMATS));
    }
    schema
}

fn list(rng: &mut StdRng, depth: usize) -> Value {
    let mut items = schema(rng, depth + 1);
    let mut list = json!({"type": "array"});
    limit(rng, &mut list, "minItems", "maxItems");
    match rng.random_range(0..4) {
        0 => {
            list["x-kubernetes-list-type"] = json!("set");
            if items["type"] == "array" {
                items["x-kubernetes-list-type"] = json!("atomic");
            } else if items["type"] == "object" {
                items["x-kubernetes-map-type"] = json!("atomic");
            }
            remove(&mut items, "nullable");
        }
        1 => {
            let keys = if one_in(rng, 2) { vec!["a"] } else { vec!["a", "b"] };
            items = json!({"type": "object", "properties": {"c": items}});
            if one_in(rng, 2) {
                items["x-kubernetes-preserve-unknown-fields"] = json!(true);
            }
            let mut required = Vec::new();
            for key in &keys {
                let mut field = scalar(rng);
                if one_in(rng, 2) {
                    required.push(*key);
                } else {
                    field["default"] = if field["type"] == "string" { json!("x") } else { json!(1) };
                }
                items["properties"][*key] = field;
            }
            items["required"] = json!(required);
            list["x-kubernetes-list-type"] = json!("map");
            list["x-kubernetes-list-map-keys"] = json!(keys);
        }
        _ => {}
    }
    list["items"] = items;
    if one_in(rng, 10) {
        list["x-kubernetes-preserve-unknown-fields"] = json!(true);
    }
    list
}

fn scalar(rng: &mut StdRng) -> Value {
    json!({"type": pick(rng, &["string", "integer", "number"])})
}

fn remove(schema: &mut Value, keyword: &str) {
    schema.as_object_mut().expect("a schema").remove(keyword);
}

fn map(rng: &mut StdRng, depth: usize) -> Value {
    let mut map = json!({"type": "object"});
    map["additionalProperties"] = if one_in(rng, 6) { json!(true) } else { schema(rng, depth + 1) };
    limit(rng, &mut map, "minProperties", "maxProperties");
    if one_in(rng, 8) {
        map["x-kubernetes-preserve-unknown-fields"] = json!(true);
    }
    map
}

fn object(rng: &mut StdRng, depth: usize) -> Value {
    let mut object = json!({"type": "object"});
    limit(rng, &mut object, "minProperties", "maxProperties");
    let properties: Map<String, Value> =
        (0..rng.random_range(0..4)).map(|_| (name(rng).to_owned(), schema(rng, depth + 1))).collect();
    let required: Vec<String> = properties.keys().filter(|_| one_in(rng, 4)).cloned().collect();
    if !properties.is_empty() {
        object["properties"] = Value::Object(properties);
    }
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    if one_in(rng, 4) {
        object["x-kubernetes-preserve-unknown-fields"] = json!(true);
    }
    object
}

fn special(rng: &mut StdRng, depth: usize) -> Value {
    if one_in(rng, 3) {
        return json!({"x-kubernetes-preserve-unknown-fields": true});
    }
    let mut resource = json!({"type": "object", "x-kubernetes-embedded-resource": true});
    if one_in(rng, 2) {
        resource["x-kubernetes-preserve-unknown-fields"] = json!(true);
    } else {
        resource["properties"] = json!({"a": schema(rng, depth + 1), "metadata": {"type": "object"}});
    }
    resource
}

fn choices(rng: &mut StdRng, schema: &mut Value) {
    let mut all: Vec<Value> = (0..rng.random_range(1..5)).map(|_| value(rng, schema, DEEPEST)).collect();
    if one_in(rng, 4) {
        all.push(json!(1));
    }
    schema["enum"] = json!(all);
}

/// `allOf` and its like, of what may be said there: no types, and only fields that exist outside.
fn alternatives(rng: &mut StdRng, schema: &mut Value) {
    let one = |rng: &mut StdRng, schema: &Value| restriction(rng, schema, 0);
    let list = |rng: &mut StdRng, schema: &Value| (0..rng.random_range(1..4)).map(|_| one(rng, schema)).collect();
    match rng.random_range(0..4) {
        0 if schema["allOf"].is_null() => schema["allOf"] = list(rng, schema),
        1 if schema["anyOf"].is_null() => schema["anyOf"] = list(rng, schema),
        2 => schema["oneOf"] = list(rng, schema),
        _ => schema["not"] = one(rng, schema),
    }
}

fn restriction(rng: &mut StdRng, schema: &Value, depth: usize) -> Value {
    let mut restriction = json!({});
    let fields = schema["properties"].as_object().into_iter().flatten().filter(|(name, _)| *name != "metadata");
    for (name, field) in fields {
        if one_in(rng, 2) {
            restriction["properties"][name] = self::restriction(rng, field, depth + 1);
        } else {
            restriction["required"] = json!([name]);
        }
    }
    match schema["type"].as_str() {
        Some("integer" | "number") => bounds(rng, &mut restriction),
        Some("string") if one_in(rng, 2) => restriction["pattern"] = json!(pick(rng, &strings::ALL.patterns)),
        Some("string") => restriction["format"] = json!(pick(rng, &FORMATS)),
        Some("array") => {
            limit(rng, &mut restriction, "minItems", "maxItems");
            restriction["items"] = self::restriction(rng, &schema["items"], depth + 1);
        }
        Some("object") => limit(rng, &mut restriction, "minProperties", "maxProperties"),
        _ => {}
    }
    if one_in(rng, 4) {
        restriction["enum"] = json!([value(rng, schema, DEEPEST), value(rng, schema, DEEPEST)]);
    }
    if one_in(rng, 6) && depth == 0 {
        restriction["not"] = self::restriction(rng, schema, depth + 1);
    }
    restriction
}
