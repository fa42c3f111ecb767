//! Types, bounds, choices and alternatives: `kube-openapi` `pkg/validation/validate`.
//! In: a schema and a value that was read. Out: what breaks the schema.
//!
//! A value is looked at once for each schema that is about it, so this is never exponential.

use serde_json::{Map, Value};

use super::Found;
use super::compile::{Bound, Count, Format, Kind, Node};
use super::number::Num;

pub(super) fn check(node: &Node, value: &Value, found: &mut Found) {
    if found.full() {
        return;
    }
    if !is_of_type(node, value) {
        return found.add(|| format!("must be {}, but is {}", expected(node), kind_name(value)));
    }
    choices(node, value, found);
    if value.is_null() {
        return;
    }
    alternatives(node, value, found);
    match value {
        Value::String(text) => string(node, text, found),
        Value::Number(number) => numeric(node, Num::of(number), found),
        Value::Array(items) => list(node, items, found),
        Value::Object(fields) => object(node, fields, found),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Whether the value is valid under the schema, without its reasons.
fn passes(node: &Node, value: &Value) -> bool {
    let mut found = Found::new(1);
    check(node, value, &mut found);
    found.all.is_empty()
}

/// A string or a list is of any type that is not a number if there is a format, and a float without a fraction is an
/// integer: `type.go`.
fn is_of_type(node: &Node, value: &Value) -> bool {
    let Some(kind) = kind(value) else {
        return node.types.is_empty() || node.nullable;
    };
    let number = node.is(Kind::Integer) || node.is(Kind::Number);
    match (&node.format, kind) {
        (None, _) if node.types.is_empty() => true,
        (Some(_), Kind::Text | Kind::Array) if !number => true,
        _ => node.is(kind) || counts_as(node, value),
    }
}

fn counts_as(node: &Node, value: &Value) -> bool {
    match value {
        Value::Number(number) => match Num::of(number) {
            Num::Int(_) => node.is(Kind::Number),
            float @ Num::Float(_) => node.is(Kind::Integer) && float.integral(),
        },
        _ => false,
    }
}

fn kind(value: &Value) -> Option<Kind> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => Kind::Boolean,
        Value::String(_) => Kind::Text,
        Value::Array(_) => Kind::Array,
        Value::Object(_) => Kind::Object,
        Value::Number(number) => match Num::of(number) {
            Num::Int(_) => Kind::Integer,
            Num::Float(_) => Kind::Number,
        },
    })
}

fn kind_name(value: &Value) -> &'static str {
    kind(value).map_or("null", Kind::name)
}

fn expected(node: &Node) -> String {
    let names: Vec<&str> = node.types.iter().map(|kind| kind.name()).collect();
    if names.is_empty() { "a string".to_owned() } else { names.join(" or ") }
}

/// `enum`. Null is never one of the choices, whatever is listed.
fn choices(node: &Node, value: &Value, found: &mut Found) {
    if !node.choices.is_empty() && !node.choices.iter().any(|choice| chosen(value, choice)) {
        found.add(|| {
            let all: Vec<String> = node.choices.iter().take(8).map(ToString::to_string).collect();
            let more = if node.choices.len() > all.len() { ", …" } else { "" };
            format!("must be one of {}{more}", all.join(", "))
        });
    }
}

fn chosen(value: &Value, choice: &Value) -> bool {
    match (value, choice) {
        (Value::Null, _) => false,
        (Value::Number(value), Value::Number(choice)) => Num::of(value).chosen(Num::of(choice)),
        // Go converts an integer to the text of that one character.
        (Value::Number(value), Value::String(choice)) => match Num::of(value) {
            Num::Int(code) => choice.chars().eq([character(code)]),
            Num::Float(_) => false,
        },
        _ => value == choice,
    }
}

fn character(code: i64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn alternatives(node: &Node, value: &Value, found: &mut Found) {
    if !node.any_of.is_empty() && !node.any_of.iter().any(|schema| passes(schema, value)) {
        found.add(|| "must be valid under at least one schema of anyOf".to_owned());
    }
    if !node.one_of.is_empty() {
        let valid = node.one_of.iter().filter(|schema| passes(schema, value)).count();
        if valid != 1 {
            found.add(|| format!("must be valid under exactly one schema of oneOf, but is under {valid}"));
        }
    }
    for schema in &node.all_of {
        check(schema, value, found);
    }
    if node.not.as_ref().is_some_and(|schema| passes(schema, value)) {
        found.add(|| "must not be valid under the schema of not".to_owned());
    }
}

fn string(node: &Node, text: &str, found: &mut Found) {
    count(node.length, || text.chars().count(), "characters", found);
    if let Some((written, pattern)) = &node.pattern
        && !pattern.is_match(text.as_bytes())
    {
        found.add(|| format!("must match {written:?}"));
    }
    if let Some(Format::Text(name, is_valid)) = &node.format
        && !is_valid(text)
    {
        found.add(|| format!("must be of format {name}"));
    }
}

fn count(allowed: Count, counted: impl FnOnce() -> usize, what: &str, found: &mut Found) {
    if allowed.min.is_none() && allowed.max.is_none() {
        return;
    }
    let counted = i64::try_from(counted()).unwrap_or(i64::MAX);
    if let Some(max) = allowed.max.filter(|max| counted > *max) {
        found.add(|| format!("must have at most {max} {what}, but has {counted}"));
    }
    if let Some(min) = allowed.min.filter(|min| counted < *min) {
        found.add(|| format!("must have at least {min} {what}, but has {counted}"));
    }
}

/// A bound that its own type and format cannot hold is one that no number keeps: `validator.go`.
fn numeric(node: &Node, number: Num, found: &mut Found) {
    let kind = if let [kind] = node.types.as_slice() { Some(*kind) } else { None };
    let in_range = |number: Num| number.fits(kind, node.format.as_ref());
    let bounded = |bound: Option<Bound>| bound.is_none_or(|bound| in_range(Num::Float(bound.at)));
    if !in_range(number) {
        found.add(|| "must be in the range of its type and format".to_owned());
    }
    if let Some(factor) = node.multiple_of
        && !(in_range(Num::Float(factor)) && number.multiple_of(factor))
    {
        found.add(|| format!("must be a multiple of {factor}"));
    }
    if !bounded(node.maximum) || node.maximum.is_some_and(|bound| !number.at_most(bound)) {
        found.add(|| format!("must be {}", limit("at most", "less than", node.maximum)));
    }
    if !bounded(node.minimum) || node.minimum.is_some_and(|bound| !number.at_least(bound)) {
        found.add(|| format!("must be {}", limit("at least", "more than", node.minimum)));
    }
}

fn limit(inclusive: &str, exclusive: &str, bound: Option<Bound>) -> String {
    bound.map_or_else(String::new, |b| format!("{} {}", if b.exclusive { exclusive } else { inclusive }, b.at))
}

fn list(node: &Node, items: &[Value], found: &mut Found) {
    count(node.size, || items.len(), "items", found);
    let Some(schema) = &node.items else {
        return;
    };
    for (at, item) in items.iter().enumerate() {
        if found.full() {
            return;
        }
        found.item(at, |found| check(schema, item, found));
    }
}

fn object(node: &Node, fields: &Map<String, Value>, found: &mut Found) {
    count(node.fields, || fields.len(), "fields", found);
    for name in node.required.iter().filter(|name| !fields.contains_key(*name)) {
        found.field(name, |found| found.add(|| "is required".to_owned()));
    }
    for (name, value) in fields {
        if found.full() {
            return;
        }
        if let Some(schema) = node.field(name) {
            found.field(name, |found| check(schema, value, found));
        }
    }
}
