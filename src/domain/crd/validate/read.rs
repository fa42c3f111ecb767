//! What the API server does to an object before it looks whether it is valid.
//! In: a schema and an object, which is changed. Out: the paths that were dropped.
//! See `apiserver/schema/{pruning,defaulting,objectmeta}`.

use serde_json::{Map, Value};

use super::compile::{Additional, Node};
use super::{embedded, index, join};

/// What every resource has, also an embedded one, whatever its schema says.
const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Paths that were dropped, the first of them in the order of the object.
pub(super) struct Dropped {
    path: String,
    all: Vec<String>,
    limit: usize,
}

impl Dropped {
    pub(super) fn new(limit: usize) -> Self {
        Self { path: String::new(), all: Vec::new(), limit }
    }

    pub(super) fn sorted(mut self) -> Vec<String> {
        self.all.sort();
        self.all
    }

    pub(super) fn field(&mut self, name: &str) {
        if self.all.len() < self.limit {
            let mut path = self.path.clone();
            join(&mut path, name);
            self.all.push(path);
        }
    }

    pub(super) fn within(&mut self, name: &str, look: impl FnOnce(&mut Self)) {
        let here = self.path.len();
        join(&mut self.path, name);
        look(self);
        self.path.truncate(here);
    }

    pub(super) fn item(&mut self, at: usize, look: impl FnOnce(&mut Self)) {
        let here = self.path.len();
        index(&mut self.path, at);
        look(self);
        self.path.truncate(here);
    }
}

/// Drops what a whole object's schema does not know.
pub(super) fn prune(root: &Node, object: &mut Value, dropped: &mut Dropped) {
    match object {
        Value::Object(fields) => prune_known(root, root.open, true, fields, dropped),
        other => prune_value(Some(root), other, dropped),
    }
}

/// Drops what a default has and its own schema does not know.
pub(super) fn prune_default(node: &Node, default: &mut Value) {
    prune_value(Some(node), default, &mut Dropped::new(0));
}

fn prune_value(node: Option<&Node>, value: &mut Value, dropped: &mut Dropped) {
    match (node, value) {
        (Some(node), Value::Object(fields)) => prune_fields(node, node.open, fields, dropped),
        (Some(node), Value::Array(items)) if node.open => prune_open_items(node, items, dropped),
        (Some(node), Value::Array(items)) => prune_items(node.items.as_deref(), items, dropped),
        (None, Value::Array(items)) => prune_items(None, items, dropped),
        (None, Value::Object(fields)) => {
            fields.keys().for_each(|name| dropped.field(name));
            fields.clear();
        }
        _ => {}
    }
}

fn prune_items(node: Option<&Node>, items: &mut [Value], dropped: &mut Dropped) {
    for (at, item) in items.iter_mut().enumerate() {
        dropped.item(at, |dropped| prune_value(node, item, dropped));
    }
}

/// The items of a list with `x-kubernetes-preserve-unknown-fields` keep what is unknown too.
fn prune_open_items(node: &Node, items: &mut [Value], dropped: &mut Dropped) {
    let Some(schema) = node.items.as_deref() else {
        return;
    };
    for (at, item) in items.iter_mut().enumerate() {
        dropped.item(at, |dropped| match item {
            Value::Object(fields) => prune_fields(schema, true, fields, dropped),
            Value::Array(items) => prune_open_items(schema, items, dropped),
            _ => {}
        });
    }
}

fn prune_fields(node: &Node, open: bool, fields: &mut Map<String, Value>, dropped: &mut Dropped) {
    prune_known(node, open, node.embedded, fields, dropped);
    if node.embedded {
        embedded::prune(fields, dropped);
    }
}

/// `open`: what is unknown stays. `resource`: the fields that every resource has are left alone.
fn prune_known(node: &Node, open: bool, resource: bool, fields: &mut Map<String, Value>, dropped: &mut Dropped) {
    fields.retain(|name, value| {
        if resource && META.contains(&name.as_str()) {
            return true;
        }
        let schema = match (node.properties.get(name), &node.additional) {
            (Some(schema), _) => Some(schema),
            (None, Some(Additional::As(schema))) => Some(&**schema),
            (None, Some(Additional::Any)) => None,
            (None, None) if open => return true,
            (None, None) => {
                dropped.field(name);
                return false;
            }
        };
        dropped.within(name, |dropped| prune_value(schema, value, dropped));
        true
    });
}

/// Drops the fields that are null although neither allowed to be nor with a default.
pub(super) fn drop_nulls(node: Option<&Node>, value: &mut Value) {
    match value {
        Value::Object(fields) => fields.retain(|name, value| {
            let schema = node.and_then(|node| node.field(name));
            if value.is_null() {
                return schema.is_none_or(|schema| schema.nullable || schema.default.is_some());
            }
            drop_nulls(schema, value);
            true
        }),
        Value::Array(items) => {
            let schema = node.and_then(|node| node.items.as_deref());
            for item in items {
                drop_nulls(schema, item);
            }
        }
        _ => {}
    }
}

/// Fills in defaults, also within defaults.
pub(super) fn fill_in(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, schema) in &node.properties {
                if let Some(default) = &schema.default
                    && fields.get(name).is_none_or(|value| value.is_null() && !schema.nullable)
                {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields.iter_mut() {
                if let Some(schema) = node.field(name) {
                    if !node.properties.contains_key(name) {
                        replace_null(schema, value);
                    }
                    fill_in(schema, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &node.items {
                for item in items {
                    replace_null(schema, item);
                    fill_in(schema, item);
                }
            }
        }
        _ => {}
    }
}

fn replace_null(node: &Node, value: &mut Value) {
    if value.is_null()
        && !node.nullable
        && let Some(default) = &node.default
    {
        *value = default.clone();
    }
}
