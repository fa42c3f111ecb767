//! The rows on what a single value may be.
use serde_json::json;

use crate::table::{Row, everywhere, reasons, text};

/// An object with a field `f` that is a whole number with these keywords besides.
fn number(keywords: serde_json::Value) -> serde_json::Value {
    let mut schema = text(keywords);
    schema["properties"]["f"]["type"] = json!("integer");
    schema
}

fn values() -> Vec<Row> {
    let row = |name, old, new, there, back| Row { name, old, new, there, back };
    vec![
        row(
            "enum value",
            text(json!({"enum": ["a"]})),
            text(json!({"enum": ["a", "b"]})),
            &[".f enum-value-added Gate"],
            &[".f enum-value-removed Scan"],
        ),
        row(
            "enum value for another",
            text(json!({"enum": ["a", "b"]})),
            text(json!({"enum": ["a", "c"]})),
            &[".f enum-value-added Gate", ".f enum-value-removed Scan"],
            &[".f enum-value-added Gate", ".f enum-value-removed Scan"],
        ),
        row(
            "enum dropped",
            text(json!({"enum": ["a"]})),
            text(json!({})),
            &[".f enum-removed Gate"],
            &[".f enum-added Scan"],
        ),
        row(
            "enum is a set",
            text(json!({"enum": ["a", "b"]})),
            text(json!({"enum": ["b", "a"]})),
            &[".f enum-reordered Ok"],
            &[".f enum-reordered Ok"],
        ),
        row(
            "pattern removed",
            text(json!({"pattern": "a"})),
            text(json!({})),
            &[".f pattern-removed Gate"],
            &[".f pattern-tightened Scan"],
        ),
        row(
            "pattern changed",
            text(json!({"pattern": "a"})),
            text(json!({"pattern": "a|b"})),
            &[".f pattern-tightened Scan"],
            &[".f pattern-tightened Scan"],
        ),
        row(
            "format removed",
            text(json!({"format": "date"})),
            text(json!({})),
            &[".f format-removed Gate"],
            &[".f format-tightened Scan"],
        ),
        row(
            "format changed",
            text(json!({"format": "date"})),
            text(json!({"format": "uri"})),
            &[".f format-tightened Scan"],
            &[".f format-tightened Scan"],
        ),
        row(
            "number format",
            number(json!({"format": "int32"})),
            number(json!({"format": "int64"})),
            &[".f format-loosened Gate"],
            &[".f format-tightened Scan"],
        ),
        row(
            "maximum",
            number(json!({"maximum": 5})),
            number(json!({"maximum": 9})),
            &[".f maximum-loosened Gate"],
            &[".f maximum-tightened Scan"],
        ),
        row(
            "maximum dropped",
            number(json!({"maximum": 5})),
            number(json!({})),
            &[".f maximum-loosened Gate"],
            &[".f maximum-tightened Scan"],
        ),
        row(
            "exclusive maximum",
            number(json!({"maximum": 5, "exclusiveMaximum": true})),
            number(json!({"maximum": 5})),
            &[".f maximum-loosened Gate"],
            &[".f maximum-tightened Scan"],
        ),
        row(
            "exclusive to a wider maximum",
            number(json!({"maximum": 5})),
            number(json!({"maximum": 6, "exclusiveMaximum": true})),
            &[".f maximum-loosened Gate"],
            &[".f maximum-tightened Scan"],
        ),
        row(
            "minimum",
            number(json!({"minimum": -5})),
            number(json!({"minimum": -9})),
            &[".f minimum-loosened Gate"],
            &[".f minimum-tightened Scan"],
        ),
        row(
            "exclusive minimum",
            number(json!({"minimum": 0, "exclusiveMinimum": true})),
            number(json!({"minimum": 0})),
            &[".f minimum-loosened Gate"],
            &[".f minimum-tightened Scan"],
        ),
        row("a bound spelled otherwise", number(json!({"minimum": 5})), number(json!({"minimum": 5.0})), &[], &[]),
        row(
            "one bound wider, one narrower",
            number(json!({"minimum": 1, "maximum": 5})),
            number(json!({"minimum": 2, "maximum": 6})),
            &[".f maximum-loosened Gate", ".f minimum-tightened Scan"],
            &[".f maximum-tightened Scan", ".f minimum-loosened Gate"],
        ),
        row(
            "minLength",
            text(json!({"minLength": 2})),
            text(json!({"minLength": 1})),
            &[".f min-length-loosened Gate"],
            &[".f min-length-tightened Scan"],
        ),
        row(
            "minLength of nothing",
            text(json!({})),
            text(json!({"minLength": 0})),
            &[".f min-length-reworded Ok"],
            &[".f min-length-reworded Ok"],
        ),
        row(
            "maxLength",
            text(json!({"maxLength": 2})),
            text(json!({"maxLength": 3})),
            &[".f max-length-loosened Gate"],
            &[".f max-length-tightened Scan"],
        ),
        row(
            "multipleOf",
            number(json!({"multipleOf": 6})),
            number(json!({"multipleOf": 3})),
            &[".f multiple-of-loosened Gate"],
            &[".f multiple-of-tightened Scan"],
        ),
        row(
            "multipleOf dropped",
            number(json!({"multipleOf": 6})),
            number(json!({})),
            &[".f multiple-of-loosened Gate"],
            &[".f multiple-of-tightened Scan"],
        ),
        row(
            "multipleOf of a fraction",
            number(json!({"multipleOf": 0.3})),
            number(json!({"multipleOf": 0.1})),
            &[".f multiple-of-tightened Scan"],
            &[".f multiple-of-tightened Scan"],
        ),
    ]
}

#[test]
fn values_are_held_against_their_bounds() {
    values().iter().for_each(everywhere);
}

#[test]
fn each_reason_is_a_sentence_of_bounded_length() {
    values().iter().for_each(reasons);
}
