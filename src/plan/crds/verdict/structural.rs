//! Whether a schema is structural: what the API server demands of the schema of every version, so that it knows of each value
//! what it is. Source: KEP-2332 and the validation of `apiextensions.k8s.io/v1`. What is not checked here (defaults, costs and
//! types of CEL rules) the API server answers in a dry run.
use serde_json::Value;

use super::{
    collect::{Collector, Step},
    finding::Verdict::No,
    walk::{Schema, kind, schema},
};

/// Levels of a schema at most. The API server names none; deeper ones are nobody's.
const MOST_LEVELS: usize = 100;

/// Keywords that no version's schema may have.
const FORBIDDEN: [&str; 7] =
    ["$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties", "uniqueItems"];
/// Keywords that only describe structure, and have no place in `oneOf`, `anyOf`, `allOf` and `not`.
const STRUCTURE: [&str; 11] = [
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
];
const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// Finds what makes a version's schema none.
pub(super) fn check(c: &mut Collector<'_>, value: &Value) {
    let Value::Object(root) = value else {
        c.find("schema-missing", No, "the version has no schema: describe its fields");
        return;
    };
    if root.get("type").and_then(Value::as_str) != Some("object") {
        say(c, "the schema of a version must have the type object");
    }
    if root.contains_key("nullable") {
        say(c, "an object itself cannot be null: leave nullable out");
    }
    let metadata = root.get("properties").and_then(|fields| fields.get("metadata")).map(schema);
    let restricts = |schema: &Schema| {
        let fields = schema.get("properties").and_then(Value::as_object);
        let only_names = fields.is_none_or(|fields| fields.keys().all(|name| name == "name" || name == "generateName"));
        only_names && schema.keys().all(|keyword| ["type", "properties", "description"].contains(&keyword.as_str()))
    };
    if metadata.is_some_and(|metadata| !restricts(metadata)) {
        c.at(&Step::Field("metadata"), |c| say(c, "of metadata only name and generateName can be described"));
    }
    node(c, root, MOST_LEVELS);
}

fn say(c: &mut Collector<'_>, why: &str) {
    c.find("not-structural", No, format!("the API server refuses this schema: {why}"));
}

fn node(c: &mut Collector<'_>, schema: &Schema, left: usize) {
    if left == 0 {
        c.find("too-deep", No, format!("the schema is nested more than {MOST_LEVELS} levels deep"));
        return;
    }
    forbidden(c, schema);
    types(c, schema);
    containers(c, schema);
    lists(c, schema);
    for keyword in ["oneOf", "anyOf", "allOf"] {
        for branch in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            judgement(c, branch, schema, left - 1);
        }
    }
    if let Some(branch) = schema.get("not") {
        judgement(c, branch, schema, left - 1);
    }
    below(c, schema, left - 1);
}

fn below(c: &mut Collector<'_>, of: &Schema, left: usize) {
    for (name, field) in super::fields::properties(of) {
        c.at(&Step::Field(name), |c| child(c, field, left));
    }
    if let Some(items) = of.get("items") {
        c.at(&Step::Items, |c| child(c, items, left));
    }
    if let Some(values @ Value::Object(_)) = of.get("additionalProperties") {
        c.at(&Step::Values, |c| child(c, values, left));
    }
}

fn child(c: &mut Collector<'_>, value: &Value, left: usize) {
    match value {
        Value::Object(schema) => node(c, schema, left),
        _ => say(c, "a schema must be an object"),
    }
}

fn forbidden(c: &mut Collector<'_>, schema: &Schema) {
    if let Some(keyword) = FORBIDDEN.iter().find(|keyword| schema.contains_key(**keyword)) {
        say(c, &format!("{keyword} has no place in it"));
    }
}

fn types(c: &mut Collector<'_>, schema: &Schema) {
    let keeps = schema.get("x-kubernetes-preserve-unknown-fields");
    if keeps.is_some_and(|keeps| *keeps != Value::Bool(true)) {
        say(c, "x-kubernetes-preserve-unknown-fields must be true, or left out");
    }
    let said = schema.get("type");
    match said.and_then(Value::as_str) {
        Some(_) if kind(schema) == "int-or-string" => say(c, "what is int-or-string has no type"),
        Some(said) if !TYPES.contains(&said) => say(c, "its type is none that there is"),
        None if said.is_some() => say(c, "its type is no text"),
        None if kind(schema) == "any value" && keeps.is_none() => say(c, "it has no type"),
        _ => {}
    }
    if schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true)) {
        if kind(schema) != "object" {
            say(c, "an embedded resource has the type object");
        }
        if keeps.is_none() && !schema.contains_key("properties") && !schema.contains_key("additionalProperties") {
            say(c, "an embedded resource describes its fields, or keeps unknown ones");
        }
    }
}

fn containers(c: &mut Collector<'_>, schema: &Schema) {
    match schema.get("items") {
        None if kind(schema) == "array" => say(c, "a list says what it holds"),
        Some(Value::Array(_)) => say(c, "a list holds one kind of item"),
        _ => {}
    }
    let values = schema.get("additionalProperties");
    if values == Some(&Value::Bool(false)) {
        say(c, "additionalProperties cannot be false");
    }
    if values.is_some() && schema.contains_key("properties") {
        say(c, "properties and additionalProperties exclude each other");
    }
}

fn lists(c: &mut Collector<'_>, of: &Schema) {
    let say_of = |keyword: &str| of.get(keyword).and_then(Value::as_str);
    let keys = of.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
    match say_of("x-kubernetes-list-type") {
        None | Some("atomic" | "set") if keys.is_some() => {
            say(c, "x-kubernetes-list-map-keys belong to a list of type map");
        }
        Some(_) if kind(of) != "array" => say(c, "x-kubernetes-list-type belongs to a list"),
        None | Some("atomic" | "set") => {}
        Some("map") => {
            let items = of.get("items").map_or_else(|| schema(&Value::Null), schema);
            let has = |key: &Value| key.as_str().is_some_and(|key| super::fields::properties(items).contains_key(key));
            if keys.is_none_or(|keys| keys.is_empty() || !keys.iter().all(has)) {
                say(c, "a list of type map names keys that are fields of its items");
            }
        }
        Some(_) => say(c, "x-kubernetes-list-type is atomic, set or map"),
    }
    let sound = |said| kind(of) == "object" && ["atomic", "granular"].contains(&said);
    if !say_of("x-kubernetes-map-type").is_none_or(sound) {
        say(c, "x-kubernetes-map-type is atomic or granular, and belongs to an object");
    }
}

/// A branch of `oneOf`, `anyOf`, `allOf` or `not`: it judges fields that the structure around it describes.
fn judgement(c: &mut Collector<'_>, branch: &Value, around: &Schema, left: usize) {
    let Value::Object(branch) = branch else { return say(c, "a branch must be an object") };
    if left == 0 {
        c.find("too-deep", No, format!("the schema is nested more than {MOST_LEVELS} levels deep"));
        return;
    }
    forbidden(c, branch);
    if let Some(keyword) = STRUCTURE.iter().find(|keyword| branch.contains_key(**keyword)) {
        say(c, &format!("{keyword} has no place in a branch"));
    }
    if branch.contains_key("type") && kind(around) != "int-or-string" {
        say(c, "type has no place in a branch");
    }
    for keyword in ["oneOf", "anyOf", "allOf"] {
        for inner in branch.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            judgement(c, inner, around, left - 1);
        }
    }
    if let Some(inner) = branch.get("not") {
        judgement(c, inner, around, left - 1);
    }
    judged_fields(c, branch, around, left - 1);
}

fn judged_fields(c: &mut Collector<'_>, branch: &Schema, around: &Schema, left: usize) {
    let open = around.contains_key("x-kubernetes-preserve-unknown-fields");
    let values = around.get("additionalProperties");
    for (name, inner) in super::fields::properties(branch) {
        let field = super::fields::properties(around).get(name).or(values);
        c.at(&Step::Field(name), |c| match field {
            Some(field) => judgement(c, inner, schema(field), left),
            None if open => {}
            None => say(c, "a branch judges a field that is not described"),
        });
    }
    if let Some(inner) = branch.get("items") {
        let items = around.get("items").map_or_else(|| schema(&Value::Null), schema);
        c.at(&Step::Items, |c| judgement(c, inner, items, left));
    }
}
