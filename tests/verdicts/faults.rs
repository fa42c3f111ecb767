//! Faults of the new definition that the API server would refuse too, or that no fleet should have: each by its name.
use serde_json::{Value, json};

use crate::build::{between, definition, object, of_spec, read, told, version};

fn sound() -> Value {
    json!({"type": "object", "properties": {"f": {"type": "string"}}})
}

/// What is found of a definition with such a field, against itself.
fn of_field(field: &Value) -> Vec<String> {
    let own = of_spec(&json!({"type": "object", "properties": {"f": field}}));
    told(&between(&own, &own))
}

#[test]
fn exactly_one_version_is_stored() {
    let good = of_spec(&sound());
    for marks in [["s", "s"], ["sS", "sS"]] {
        let bad = definition(&[version("v1", marks[0], &sound()), version("v2", marks[1], &sound())]);
        assert!(told(&between(&good, &bad)).contains(&" storage-versions No".to_owned()));
    }
}

#[test]
fn some_version_is_served() {
    let bad = definition(&[version("v1", "S", &sound())]);
    assert!(told(&between(&of_spec(&sound()), &bad)).contains(&" nothing-served No".to_owned()));
}

#[test]
fn a_version_has_a_schema() {
    let mut bad = object(&[version("v1", "sS", &sound())]);
    bad["spec"]["versions"][0].as_object_mut().unwrap().remove("schema");
    assert!(told(&between(&of_spec(&sound()), &read(&bad))).contains(&" schema-missing No".to_owned()));
    bad["spec"]["versions"][0]["schema"] = json!({"openAPIV3Schema": {"properties": {"a": {"type": "string"}}}});
    assert!(told(&between(&read(&bad), &read(&bad))).contains(&" not-structural No".to_owned()));
}

#[test]
fn a_schema_that_is_not_structural_is_refused() {
    let nested = ["spec.f not-structural No"];
    for field in [
        json!({}),
        json!({"description": "no type"}),
        json!({"type": "text"}),
        json!({"type": 7}),
        json!({"type": "array"}),
        json!({"type": "string", "x-kubernetes-int-or-string": true}),
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": false}),
        json!({"type": "object", "x-kubernetes-embedded-resource": true}),
        json!({"type": "object", "additionalProperties": false}),
        json!({"type": "object", "additionalProperties": {"type": "string"}, "properties": {"a": {"type": "string"}}}),
        json!({"type": "object", "$ref": "#/other"}),
        json!({"type": "array", "uniqueItems": true, "items": {"type": "string"}}),
        json!({"type": "string", "x-kubernetes-list-type": "set"}),
        json!({"type": "array", "x-kubernetes-list-type": "bag", "items": {"type": "string"}}),
        json!({"type": "array", "x-kubernetes-list-map-keys": ["a"], "items": {"type": "string"}}),
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"], "items": {"type": "object"}}),
        json!({"type": "array", "x-kubernetes-map-type": "atomic", "items": {"type": "string"}}),
        json!({"type": "string", "oneOf": [{"type": "string"}]}),
        json!({"type": "string", "not": {"description": "a"}}),
        json!({"type": "string", "allOf": [{"anyOf": [{"not": {"default": 1}}]}]}),
    ] {
        assert_eq!(of_field(&field), nested, "{field}");
    }
    let listed = json!({"type": "array", "items": [{"type": "string"}]});
    assert_eq!(of_field(&listed), ["spec.f not-structural No", "spec.f[*] not-structural No"]);
    let dangling = json!({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"properties": {"b": {"maxLength": 1}}}]});
    assert_eq!(of_field(&dangling), ["spec.f.b not-structural No"]);
}

#[test]
fn what_the_api_server_takes_is_sound() {
    for field in [
        json!({"x-kubernetes-preserve-unknown-fields": true}),
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
        json!({"x-kubernetes-int-or-string": true, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"pattern": "a"}]}),
        json!({"type": "object", "additionalProperties": true}),
        json!({"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}),
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"], "items": {
            "type": "object", "required": ["a"], "properties": {"a": {"type": "string"}},
        }}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"properties": {"a": {"enum": ["x"]}}}]}),
    ] {
        assert_eq!(of_field(&field), [""; 0], "{field}");
    }
}

#[test]
fn of_metadata_only_names_are_described() {
    let with = |metadata: Value| {
        let mut own = object(&[version("v1", "sS", &sound())]);
        own["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["metadata"] = metadata;
        let own = read(&own);
        told(&between(&own, &own))
    };
    assert_eq!(with(json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}})), [""; 0]);
    assert_eq!(
        with(json!({"type": "object", "properties": {"labels": {"type": "object"}}})),
        ["metadata not-structural No"]
    );
    assert_eq!(
        with(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})),
        ["metadata not-structural No"]
    );
}

#[test]
fn what_every_object_has_may_be_left_unsaid() {
    let bare = object(&[version("v1", "sS", &sound())]);
    let mut said = bare.clone();
    let fields = &mut said["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    fields["apiVersion"] = json!({"type": "string"});
    fields["kind"] = json!({"type": "string"});
    fields["metadata"] = json!({"type": "object"});
    assert_eq!(told(&between(&read(&bare), &read(&said))), [""; 0]);
    assert_eq!(told(&between(&read(&said), &read(&bare))), [""; 0]);
}
