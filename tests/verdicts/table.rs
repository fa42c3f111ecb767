//! Runs a row of the table: everywhere in an object where such a change can be, and back.
use serde_json::{Value, json};

use crate::build::{between, of_spec, read, told};

/// A change of one node, and what is found there and back: `<path below the node> <rule> <verdict>`.
pub struct Row {
    pub name: &'static str,
    pub old: Value,
    pub new: Value,
    pub there: &'static [&'static str],
    pub back: &'static [&'static str],
}

/// An object with a field `f` of that schema.
pub fn f(schema: Value) -> Value {
    json!({"type": "object", "properties": {"f": schema}})
}

/// An object with a field `f` that is a text with these keywords besides.
pub fn text(keywords: Value) -> Value {
    let mut schema = json!({"type": "string"});
    schema.as_object_mut().unwrap().extend(keywords.as_object().unwrap().clone());
    f(schema)
}

/// Where the node is: its path, and the schema around it.
type Place = (&'static str, fn(&Value) -> Value);

const SINGLE: [Place; 2] = [
    ("spec", Value::clone),
    ("spec.a.b", |node| {
        json!({"type": "object", "properties": {
            "a": {"type": "object", "properties": {"b": node}}, "other": {"type": "string"},
        }})
    }),
];
const MANY: [Place; 4] = [
    ("spec.list[*]", |node| json!({"type": "object", "properties": {"list": {"type": "array", "items": node}}})),
    ("spec.a.map.*", |node| {
        json!({"type": "object", "properties": {
            "a": {"type": "object", "properties": {"map": {"type": "object", "additionalProperties": node}}},
        }})
    }),
    ("spec.list[*][*]", |node| {
        json!({"type": "object", "properties": {
            "list": {"type": "array", "items": {"type": "array", "items": node}},
        }})
    }),
    ("spec.list[*].in", |node| {
        json!({"type": "object", "properties": {
            "list": {"type": "array", "items": {"type": "object", "properties": {"in": node}}},
        }})
    }),
];

fn wanted(at: &str, found: &[&str]) -> Vec<String> {
    let mut all: Vec<_> = found
        .iter()
        .map(|one| if one.starts_with(['.', '[']) { format!("{at}{one}") } else { format!("{at} {one}") })
        .collect();
    all.sort();
    all
}

fn hold(row: &Row, places: &[Place]) {
    for (at, around) in places {
        let (old, new) = (of_spec(&around(&row.old)), of_spec(&around(&row.new)));
        assert_eq!(told(&between(&old, &new)), wanted(at, row.there), "{} at {at}", row.name);
        assert_eq!(told(&between(&new, &old)), wanted(at, row.back), "{} at {at}, back", row.name);
        assert_eq!(told(&between(&new, &new)), [""; 0], "{} at {at}: nothing lies between the same", row.name);
    }
}

pub fn everywhere(row: &Row) {
    hold(row, &SINGLE);
    hold(row, &MANY);
}

pub fn alone(row: &Row) {
    hold(row, &SINGLE);
}

pub fn among_many(row: &Row) {
    hold(row, &MANY);
}

/// The reasons of a row are sentences for people: short, and they say something.
pub fn reasons(row: &Row) {
    for finding in between(&of_spec(&row.old), &of_spec(&row.new)).all {
        let length = finding.why.chars().count();
        assert!((10..=300).contains(&length), "{}: {} characters: {}", row.name, length, finding.why);
    }
    let _ = read;
}
