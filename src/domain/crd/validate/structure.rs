//! What a structural schema says beyond types and bounds: embedded resources, and the keys of lists.
//! In: a schema and a value that was read. Out: what breaks it. See `apiserver/schema/{objectmeta,listtype}`.
//! Never: looks under `allOf` and its like, where a structural schema cannot say any of this.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::compile::{ListType, Node};
use super::number::Num;
use super::{Found, embedded};

pub(super) fn check(node: &Node, value: &Value, found: &mut Found) {
    match value {
        _ if found.full() => {}
        Value::Object(fields) => {
            if node.embedded {
                embedded::check(fields, found);
            }
            for (name, value) in fields {
                if let Some(schema) = node.field(name) {
                    found.field(name, |found| check(schema, value, found));
                }
            }
        }
        Value::Array(items) => {
            keys(node, items, found);
            if let Some(schema) = &node.items {
                for (at, item) in items.iter().enumerate() {
                    found.item(at, |found| check(schema, item, found));
                }
            }
        }
        _ => {}
    }
}

fn keys(node: &Node, items: &[Value], found: &mut Found) {
    match node.list_type {
        ListType::Atomic => {}
        ListType::Set => unique(items.iter().map(identity), found),
        ListType::Map => match items.iter().position(|item| !item.is_object() && !item.is_null()) {
            Some(at) => found.item(at, |found| found.add(|| "must be an object".to_owned())),
            None => unique(items.iter().map(|item| key(node, item.as_object())), found),
        },
    }
}

/// The values of the key fields; a field that is absent is a value of its own.
fn key(node: &Node, item: Option<&Map<String, Value>>) -> String {
    let value = |name: &String| item.and_then(|item| item.get(name));
    match node.map_keys.as_slice() {
        [only] => value(only).map_or_else(|| "absent".to_owned(), identity),
        names => {
            let mut key = String::new();
            for (name, value) in names.iter().filter_map(|name| Some((name, value(name)?))) {
                key.push_str(&Value::from(name.as_str()).to_string());
                encode(value, &mut key);
            }
            key
        }
    }
}

/// Tells of each key's second occurrence, as the API server does.
fn unique(keys: impl Iterator<Item = String>, found: &mut Found) {
    let mut seen: HashMap<String, u32> = HashMap::new();
    for (at, key) in keys.enumerate() {
        let times = seen.entry(key).or_default();
        *times += 1;
        if *times == 2 {
            found.item(at, |found| found.add(|| "is a duplicate".to_owned()));
        }
    }
}

/// Two elements of a list are the same if this is: alone, `1` and `1.0` differ; within lists and objects they do not.
fn identity(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Number(number) if matches!(Num::of(number), Num::Float(_)) => text.push('f'),
        _ => {}
    }
    encode(value, &mut text);
    text
}

/// JSON with the fields of an object in order, and numbers without a fraction as integers.
fn encode(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (name, value) in sorted {
                text.push_str(&Value::from(name.as_str()).to_string());
                encode(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                encode(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Number(number) => text.push_str(&Num::of(number).shortest()),
        scalar => text.push_str(&scalar.to_string()),
    }
}
