//! The rows on branches and rules.
use serde_json::{Value, json};

use crate::table::{Row, everywhere, reasons};

/// An object with the fields `a` to `c`, and these keywords.
fn judged(keywords: Value) -> Value {
    let field = || json!({"type": "string"});
    let mut schema = json!({"type": "object", "properties": {"a": field(), "b": field(), "c": field()}});
    schema.as_object_mut().unwrap().extend(keywords.as_object().unwrap().clone());
    schema
}

fn branches() -> Vec<Row> {
    let row = |name, old, new, there, back| Row { name, old, new, there, back };
    let of = |keyword: &str, fields: &[&str]| {
        judged(json!({keyword: fields.iter().map(|field| json!({"required": [field]})).collect::<Vec<_>>()}))
    };
    let kinds = |values: &[&str]| {
        judged(
            json!({"oneOf": values.iter().map(|v| json!({"required": ["a"], "properties": {"a": {"enum": [v]}}})).collect::<Vec<_>>()}),
        )
    };
    vec![
        row(
            "oneOf introduced",
            judged(json!({})),
            of("oneOf", &["a"]),
            &["one-of-tightened Scan"],
            &["one-of-loosened Gate"],
        ),
        row(
            "anyOf introduced",
            judged(json!({})),
            of("anyOf", &["a"]),
            &["any-of-tightened Scan"],
            &["any-of-loosened Gate"],
        ),
        row(
            "allOf introduced",
            judged(json!({})),
            of("allOf", &["a"]),
            &["all-of-tightened Scan"],
            &["all-of-loosened Gate"],
        ),
        row(
            "not introduced",
            judged(json!({})),
            judged(json!({"not": {"required": ["a"]}})),
            &["not-tightened Scan"],
            &["not-loosened Gate"],
        ),
        row(
            "not changed",
            judged(json!({"not": {"required": ["b"]}})),
            judged(json!({"not": {"required": ["a"]}})),
            &["not-tightened Scan"],
            &["not-tightened Scan"],
        ),
        row(
            "oneOf branch that nothing else matches",
            kinds(&["x", "y"]),
            kinds(&["x", "y", "z"]),
            &["one-of-loosened Gate"],
            &["one-of-tightened Scan"],
        ),
        row(
            "oneOf branch that others may match too",
            of("oneOf", &["a", "b"]),
            of("oneOf", &["a", "b", "c"]),
            &["one-of-tightened Scan"],
            &["one-of-tightened Scan"],
        ),
        row(
            "anyOf branch",
            of("anyOf", &["a"]),
            of("anyOf", &["a", "b"]),
            &["any-of-loosened Gate"],
            &["any-of-tightened Scan"],
        ),
        row(
            "allOf branch",
            of("allOf", &["a"]),
            of("allOf", &["a", "b"]),
            &["all-of-tightened Scan"],
            &["all-of-loosened Gate"],
        ),
        row(
            "oneOf reordered",
            of("oneOf", &["a", "b"]),
            of("oneOf", &["b", "a"]),
            &["branches-reordered Ok"],
            &["branches-reordered Ok"],
        ),
        row(
            "anyOf is a multiset",
            of("anyOf", &["a", "b", "b"]),
            of("anyOf", &["b", "a", "b"]),
            &["branches-reordered Ok"],
            &["branches-reordered Ok"],
        ),
        row(
            "oneOf twice the same",
            of("oneOf", &["a"]),
            of("oneOf", &["a", "a"]),
            &["one-of-tightened Scan"],
            &["one-of-tightened Scan"],
        ),
        row(
            "sets inside of a branch",
            judged(json!({"anyOf": [{"required": ["a", "b"]}, {"properties": {"c": {"enum": ["x", "y"]}}}]})),
            judged(json!({"anyOf": [{"properties": {"c": {"enum": ["y", "x"]}}}, {"required": ["b", "a"]}]})),
            &["branches-reordered Ok"],
            &["branches-reordered Ok"],
        ),
        row(
            "anyOf branch for another",
            of("anyOf", &["a", "b"]),
            of("anyOf", &["a", "c"]),
            &["any-of-loosened Gate", "any-of-tightened Scan"],
            &["any-of-loosened Gate", "any-of-tightened Scan"],
        ),
    ]
}

fn rules() -> Vec<Row> {
    let row = |name, old, new, there, back| Row { name, old, new, there, back };
    let of = |rules: Value| judged(json!({"x-kubernetes-validations": rules}));
    vec![
        row(
            "rule",
            judged(json!({})),
            of(json!([{"rule": "self.a != ''"}])),
            &["rule-added Scan"],
            &["rule-removed Gate"],
        ),
        row(
            "rule for another",
            of(json!([{"rule": "self.a != ''"}, {"rule": "self.b != ''"}])),
            of(json!([{"rule": "self.c != ''"}, {"rule": "self.a != ''"}])),
            &["rule-added Scan", "rule-removed Gate"],
            &["rule-added Scan", "rule-removed Gate"],
        ),
        row(
            "rules are a set",
            of(json!([{"rule": "1"}, {"rule": "2"}])),
            of(json!([{"rule": "2"}, {"rule": "1"}])),
            &[],
            &[],
        ),
        row(
            "message",
            of(json!([{"rule": "1", "message": "a"}])),
            of(json!([{"rule": "1", "message": "b", "reason": "FieldValueRequired", "fieldPath": ".a"}])),
            &["rule-reworded Ok"],
            &["rule-reworded Ok"],
        ),
        row(
            "a rule that now looks at new objects too",
            of(json!([{"rule": "1"}])),
            of(json!([{"rule": "1", "optionalOldSelf": true}])),
            &["rule-added Scan", "rule-removed Gate"],
            &["rule-added Scan", "rule-removed Gate"],
        ),
    ]
}

#[test]
fn branches_are_sets() {
    branches().iter().for_each(everywhere);
}

#[test]
fn rules_are_sets_by_what_they_decide() {
    rules().iter().for_each(everywhere);
}

#[test]
fn each_reason_is_a_sentence_of_bounded_length() {
    for rows in [branches(), rules()] {
        rows.iter().for_each(reasons);
    }
}
