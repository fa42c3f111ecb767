//! The rows on fields and types.
use serde_json::json;

use crate::table::{Row, alone, among_many, everywhere, f, reasons, text};

fn fields() -> Vec<Row> {
    let empty = || json!({"type": "object"});
    let row = |name, old, new, there, back| Row { name, old, new, there, back };
    vec![
        row(
            "optional field",
            empty(),
            f(json!({"type": "string"})),
            &[".f field-added Ok"],
            &[".f field-removed Contract"],
        ),
        row(
            "optional field with default",
            empty(),
            text(json!({"default": "x"})),
            &[".f default-added Gate", ".f field-added Ok"],
            &[".f field-removed Contract"],
        ),
        row(
            "default",
            f(json!({"type": "string"})),
            text(json!({"default": "x"})),
            &[".f default-added Gate"],
            &[".f default-removed Scan"],
        ),
        row(
            "default changed",
            text(json!({"default": "x"})),
            text(json!({"default": "y"})),
            &[".f default-changed Scan"],
            &[".f default-changed Scan"],
        ),
        row(
            "new object whose children are required",
            empty(),
            f(json!({"type": "object", "required": ["g"], "properties": {"g": {"type": "string"}}})),
            &[".f field-added Ok"],
            &[".f field-removed Contract"],
        ),
        row(
            "field required",
            json!({"type": "object", "properties": {"f": {"type": "string"}, "g": {"type": "string"}}, "required": ["g"]}),
            json!({"type": "object", "properties": {"f": {"type": "string"}, "g": {"type": "string"}}, "required": ["f", "g"]}),
            &[".f required-added Scan"],
            &[".f required-removed Gate"],
        ),
        row(
            "required is a set",
            json!({"type": "object", "properties": {"f": {"type": "string"}, "g": {"type": "string"}}, "required": ["g", "f"]}),
            json!({"type": "object", "properties": {"f": {"type": "string"}, "g": {"type": "string"}}, "required": ["f", "g"]}),
            &[],
            &[],
        ),
        row(
            "new required field with default",
            empty(),
            json!({"type": "object", "properties": {"f": {"type": "string", "default": "x"}}, "required": ["f"]}),
            &[".f default-added Gate", ".f field-added Ok", ".f required-with-default Gate"],
            &[".f field-removed Contract", ".f required-removed Gate"],
        ),
        row(
            "default below a rule that may judge it",
            json!({"type": "object", "properties": {"f": {"type": "string"}}, "maxProperties": 1}),
            json!({"type": "object", "properties": {"f": {"type": "string", "default": "x"}}, "maxProperties": 1}),
            &[".f default-added Scan"],
            &[".f default-removed Scan"],
        ),
        row(
            "field described where unknown ones were kept",
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"f": {"type": "string"}}}),
            &[".f field-over-unknown Scan"],
            &[".f field-removed Contract"],
        ),
        row(
            "preserve-unknown",
            f(json!({"type": "object"})),
            f(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})),
            &[".f preserve-unknown-added Gate"],
            &[".f preserve-unknown-removed Contract"],
        ),
        row(
            "title, description",
            text(json!({"title": "a"})),
            text(json!({"title": "a", "description": "b"})),
            &[".f text-changed Ok"],
            &[".f text-changed Ok"],
        ),
        row(
            "example, externalDocs",
            text(json!({"example": "a"})),
            text(json!({"externalDocs": {"url": "https://example.com"}})),
            &[".f text-changed Ok", ".f text-changed Ok"],
            &[".f text-changed Ok", ".f text-changed Ok"],
        ),
        row(
            "unknown keyword",
            text(json!({})),
            text(json!({"x-kubernetes-future": true})),
            &[".f unknown-keyword No"],
            &[".f unknown-keyword No"],
        ),
        row(
            "nullable",
            text(json!({})),
            text(json!({"nullable": true})),
            &[".f nullable-added Gate"],
            &[".f nullable-removed Scan"],
        ),
        row("nullable spelled out", text(json!({})), text(json!({"nullable": false})), &[], &[]),
    ]
}

fn types() -> Vec<Row> {
    let row = |name, old, new, there, back| Row { name, old, new, there, back };
    const CHANGED: &[&str] = &[".f type-changed Convert"];
    vec![
        row("type", f(json!({"type": "string"})), f(json!({"type": "integer"})), CHANGED, CHANGED),
        row("integer and number", f(json!({"type": "integer"})), f(json!({"type": "number"})), CHANGED, CHANGED),
        row(
            "object and list",
            f(json!({"type": "object"})),
            f(json!({"type": "array", "items": {"type": "string"}})),
            CHANGED,
            CHANGED,
        ),
        row(
            "int-or-string",
            f(json!({"type": "integer"})),
            f(json!({"x-kubernetes-int-or-string": true})),
            CHANGED,
            CHANGED,
        ),
        row(
            "any value",
            f(json!({"type": "object"})),
            f(json!({"x-kubernetes-preserve-unknown-fields": true})),
            CHANGED,
            CHANGED,
        ),
        row(
            "embedded resource",
            f(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})),
            f(
                json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-embedded-resource": true}),
            ),
            &[".f embedded-resource-added Scan"],
            &[".f embedded-resource-removed Contract"],
        ),
        row(
            "what an embedded resource has unsaid",
            f(
                json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}}),
            ),
            f(json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {
                "kind": {"type": "string"}, "metadata": {"type": "object"}, "spec": {"type": "object"},
            }})),
            &[],
            &[],
        ),
        row(
            "more of an embedded resource",
            f(
                json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}}),
            ),
            f(json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {
                "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}}, "spec": {"type": "object"},
            }})),
            &[".f.metadata.name field-over-unknown Scan"],
            &[".f.metadata.name field-removed Contract"],
        ),
    ]
}

#[test]
fn fields_come_and_go() {
    fields().iter().for_each(everywhere);
}

#[test]
fn types_stay() {
    types().iter().for_each(everywhere);
}

#[test]
fn a_new_required_field_is_refused_and_in_lists_needs_a_scan() {
    let old = || json!({"type": "object"});
    let new = || json!({"type": "object", "properties": {"f": {"type": "string"}}, "required": ["f"]});
    let back: &[&str] = &[".f field-removed Contract", ".f required-removed Gate"];
    let name = "new required field";
    alone(&Row { name, old: old(), new: new(), there: &[".f field-added Ok", ".f required-field-added No"], back });
    among_many(&Row { name, old: old(), new: new(), there: &[".f field-added Ok", ".f required-added Scan"], back });
}

#[test]
fn each_reason_is_a_sentence_of_bounded_length() {
    for rows in [fields(), types()] {
        rows.iter().for_each(reasons);
    }
}
