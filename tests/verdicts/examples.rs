//! Definitions as operators have them: a database with backups, users and a template of pods.
use leasehold::{
    domain::crd::Definition,
    plan::crds::{Stage, Verdict},
};
use serde_json::{Value, json};

use crate::build::{all_ok, at, between, definition, told, version};

fn spec() -> Value {
    json!({
        "type": "object", "description": "What is wanted of the database.", "required": ["instances", "storage"],
        "properties": {
            "instances": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 5, "default": 1},
            "image": {"type": "string", "pattern": "^[a-z0-9./:@-]+$"},
            "storage": {"type": "object", "required": ["size"], "properties": {
                "size": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": "^[0-9]+[KMGT]i$"},
                "class": {"type": "string"},
            }},
            "backup": {"type": "object", "properties": {"kind": {"type": "string", "enum": ["none", "s3"]}, "bucket": {"type": "string"}}, "oneOf": [
                {"required": ["kind"], "properties": {"kind": {"enum": ["none"]}}},
                {"required": ["kind", "bucket"], "properties": {"kind": {"enum": ["s3"]}}},
            ]},
            "users": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {
                "type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 63}, "admin": {"type": "boolean"}},
            }},
            "settings": {"type": "object", "additionalProperties": {"type": "string"}},
            "podTemplate": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
        },
        "x-kubernetes-validations": [{"rule": "self.instances >= oldSelf.instances", "message": "shrinking is not supported"}],
    })
}

fn after(change: impl FnOnce(&mut Value)) -> (Definition, Definition) {
    let mut next = spec();
    change(&mut next);
    (definition(&[version("v1", "sS", &spec())]), definition(&[version("v1", "sS", &next)]))
}

#[test]
fn a_release_that_only_adds_is_taken_at_once() {
    let (old, new) = after(|spec| {
        spec["properties"]["replica"] =
            json!({"type": "object", "required": ["of"], "properties": {"of": {"type": "string"}}});
        spec["properties"]["users"]["items"]["properties"]["quota"] = json!({"type": "integer"});
        spec["properties"]["instances"]["description"] = json!("How many servers.");
        spec["x-kubernetes-validations"][0]["message"] = json!("a database does not shrink");
    });
    assert!(all_ok(&between(&old, &new)), "{:#?}", told(&between(&old, &new)));
    assert_eq!(at(&old, &new, Stage::Expand).definition, new);
}

#[test]
fn a_release_that_allows_more_waits() {
    let (old, new) = after(|spec| {
        let fields = &mut spec["properties"];
        fields["instances"]["maximum"] = json!(9);
        fields["backup"]["properties"]["kind"]["enum"] = json!(["gcs", "none", "s3"]);
        let gcs = json!({"required": ["kind", "bucket"], "properties": {"kind": {"enum": ["gcs"]}}});
        fields["backup"]["oneOf"].as_array_mut().unwrap().push(gcs);
        spec.as_object_mut().unwrap().remove("x-kubernetes-validations");
    });
    assert_eq!(
        told(&between(&old, &new)),
        [
            "spec rule-removed Gate",
            "spec.backup one-of-loosened Gate",
            "spec.backup.kind enum-value-added Gate",
            "spec.instances maximum-loosened Gate",
        ]
    );
    assert_eq!(at(&old, &new, Stage::Expand).definition, old);
    assert_eq!(at(&old, &new, Stage::Unlock).definition, new);
}

#[test]
fn a_release_that_breaks_is_refused_with_the_worst_first() {
    let (old, new) = after(|spec| {
        let fields = &mut spec["properties"];
        fields["users"]["x-kubernetes-list-map-keys"] = json!(["name", "admin"]);
        fields["settings"] = json!({"type": "object", "properties": {"locale": {"type": "string"}}});
        fields["storage"]["properties"]["class"] = json!({"type": "object"});
        fields["instances"]["default"] = json!(3);
        fields.as_object_mut().unwrap().remove("podTemplate");
        spec["required"] = json!(["instances", "owner", "storage"]);
        spec["properties"]["owner"] = json!({"type": "string"});
    });
    let found = between(&old, &new);
    let all: Vec<_> = found.all.iter().map(|f| (&*f.path, f.rule, f.verdict)).collect();
    assert_eq!(
        all,
        [
            ("spec.owner", "required-field-added", Verdict::No),
            ("spec.settings", "map-to-fields", Verdict::Convert),
            ("spec.storage.class", "type-changed", Verdict::Convert),
            ("spec.users", "list-map-keys-changed", Verdict::Convert),
            ("spec.instances", "default-changed", Verdict::Scan),
            ("spec.podTemplate", "field-removed", Verdict::Contract),
            ("spec.owner", "field-added", Verdict::Ok),
            ("spec.settings.locale", "field-added", Verdict::Ok),
        ]
    );
    assert_eq!(at(&old, &new, Stage::Drop).definition.spec(), old.spec());
}
