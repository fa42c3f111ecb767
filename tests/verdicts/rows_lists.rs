//! The rows on lists and maps.
use serde_json::{Value, json};

use crate::table::{Row, everywhere, f, reasons};

fn list(keywords: Value) -> Value {
    let mut schema = json!({"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}, "l": {"type": "string"}}}});
    schema.as_object_mut().unwrap().extend(keywords.as_object().unwrap().clone());
    f(schema)
}

fn containers() -> Vec<Row> {
    let row = |name, old, new, there, back| Row { name, old, new, there, back };
    const TYPE: &[&str] = &[".f list-type-changed Convert"];
    let map = |keywords: Value| {
        let mut schema = json!({"type": "object", "additionalProperties": {"type": "string"}});
        schema.as_object_mut().unwrap().extend(keywords.as_object().unwrap().clone());
        f(schema)
    };
    vec![
        row(
            "maxItems",
            list(json!({"maxItems": 1})),
            list(json!({"maxItems": 2})),
            &[".f max-items-loosened Gate"],
            &[".f max-items-tightened Scan"],
        ),
        row(
            "minItems",
            list(json!({"minItems": 2})),
            list(json!({"minItems": 1})),
            &[".f min-items-loosened Gate"],
            &[".f min-items-tightened Scan"],
        ),
        row("list-type", list(json!({})), list(json!({"x-kubernetes-list-type": "set"})), TYPE, TYPE),
        row(
            "list-type spelled out",
            list(json!({})),
            list(json!({"x-kubernetes-list-type": "atomic"})),
            &[".f default-spelled-out Ok"],
            &[".f default-spelled-out Ok"],
        ),
        row(
            "list-map-keys",
            list(json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]})),
            list(json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k", "l"]})),
            &[".f list-map-keys-changed Convert"],
            &[".f list-map-keys-changed Convert"],
        ),
        row(
            "list-map-keys are a set",
            list(json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["l", "k"]})),
            list(json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k", "l"]})),
            &[".f keys-reordered Ok"],
            &[".f keys-reordered Ok"],
        ),
        row(
            "map-type",
            map(json!({})),
            map(json!({"x-kubernetes-map-type": "atomic"})),
            &[".f map-type-changed Convert"],
            &[".f map-type-changed Convert"],
        ),
        row(
            "map-type spelled out",
            map(json!({})),
            map(json!({"x-kubernetes-map-type": "granular"})),
            &[".f default-spelled-out Ok"],
            &[".f default-spelled-out Ok"],
        ),
        row(
            "maxProperties",
            map(json!({"maxProperties": 1})),
            map(json!({"maxProperties": 2})),
            &[".f max-properties-loosened Gate"],
            &[".f max-properties-tightened Scan"],
        ),
        row(
            "minProperties",
            map(json!({"minProperties": 2})),
            map(json!({"minProperties": 1})),
            &[".f min-properties-loosened Gate"],
            &[".f min-properties-tightened Scan"],
        ),
        row(
            "map and fields",
            map(json!({})),
            f(json!({"type": "object", "properties": {"k": {"type": "string"}}})),
            &[".f map-to-fields Convert", ".f.k field-added Ok"],
            &[".f fields-to-map Convert", ".f.k field-removed Contract"],
        ),
        row(
            "map of a thing that kept nothing",
            f(json!({"type": "object"})),
            map(json!({})),
            &[".f values-added Ok"],
            &[".f values-removed Contract"],
        ),
        row(
            "map of anything",
            map(json!({})),
            f(json!({"type": "object", "additionalProperties": true})),
            &[".f values-loosened Gate"],
            &[".f values-tightened Scan"],
        ),
        row(
            "a map's values",
            f(json!({"type": "object", "additionalProperties": {"type": "string"}})),
            f(json!({"type": "object", "additionalProperties": {"type": "integer"}})),
            &[".f.* type-changed Convert"],
            &[".f.* type-changed Convert"],
        ),
        row(
            "a list's items",
            f(json!({"type": "array", "items": {"type": "string"}})),
            f(json!({"type": "array", "items": {"type": "string", "maxLength": 3}})),
            &[".f[*] max-length-tightened Scan"],
            &[".f[*] max-length-loosened Gate"],
        ),
    ]
}

#[test]
fn lists_and_maps_keep_their_kind() {
    containers().iter().for_each(everywhere);
}

#[test]
fn each_reason_is_a_sentence_of_bounded_length() {
    containers().iter().for_each(reasons);
}
