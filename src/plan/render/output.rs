//! A compiled tree and one tenant's context → a value.
//!
//! In: [`Node`] and a context. Out: the value, and what went wrong on the way. Never: more than the bounds allow.
use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    bounds::{MAX_DEPTH, MAX_RENDERED_BYTES},
    document::{Element, ITEMS, Name, Node, Scalar},
    error::{Place, TemplateError},
    evaluate::Frame,
    expression::{Body, Mistake, Path},
};

/// One rendering: the context, what it has cost so far, and what went wrong.
pub(super) struct Renderer<'c> {
    frame: Frame<'c>,
    spent: usize,
    pub errors: Vec<TemplateError>,
}

impl<'c> Renderer<'c> {
    pub fn new(context: &'c Value) -> Self {
        Self { frame: Frame::root(context), spent: 0, errors: Vec::new() }
    }

    /// The node's value; `None` when it is left out, or when it went wrong.
    pub fn node(&mut self, node: &Node, depth: usize) -> Option<Value> {
        match node {
            Node::Fixed(value) => Some(value.clone()),
            Node::Scalar(scalar) => self.scalar(scalar, depth),
            Node::List(items) => Some(Value::Array(self.list(items, depth + 1))),
            Node::Map(place, entries) => Some(Value::Object(self.map(place, entries, depth + 1))),
        }
    }

    pub fn scalar(&mut self, scalar: &Scalar, depth: usize) -> Option<Value> {
        let found = self.checked(scalar, |body, frame| body.value(frame).map(|v| v.map(Cow::into_owned)))??;
        self.pay(&scalar.place, &found, depth)?;
        Some(found)
    }

    fn checked<T>(
        &mut self,
        scalar: &Scalar,
        render: impl FnOnce(&Body, &Frame<'_>) -> Result<T, Mistake>,
    ) -> Option<T> {
        let frame = self.frame;
        let absent = |path: &&Path| path.evaluate(&frame).is_none();
        if let Some(path) = scalar.checked.must_exist.iter().find(absent) {
            let message = format!(
                "unknown variable `{}`: this tenant's values do not have it, and no valuesSchema declares it",
                path.raw
            );
            self.errors.push(scalar.place.error(message));
            return None;
        }
        match render(&scalar.checked.body, &frame) {
            Ok(value) => Some(value),
            Err(mistake) => {
                self.errors.push(scalar.place.error_at(mistake.offset, mistake.message));
                None
            }
        }
    }

    fn list(&mut self, items: &[Element], depth: usize) -> Vec<Value> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Element::One(node) => out.extend(self.node(node, depth)),
                Element::All(scalar) => match self.scalar(scalar, depth) {
                    Some(Value::Array(values)) => out.extend(values),
                    Some(_) => self.errors.push(scalar.place.error(format!("`{ITEMS}` needs a list, this is none"))),
                    None => {}
                },
            }
        }
        out
    }

    fn map(&mut self, place: &Place, entries: &[(Name, Node)], depth: usize) -> Map<String, Value> {
        let mut out = Map::new();
        for (name, node) in entries {
            let name = match name {
                Name::Fixed(name) => name.clone(),
                Name::Scalar(scalar) => match self.checked(scalar, Body::text) {
                    Some(name) => name,
                    None => continue,
                },
            };
            let Some(value) = self.node(node, depth) else { continue };
            self.spent += name.len();
            if out.contains_key(&name) {
                self.errors.push(place.error(format!("the key `{name}` is rendered twice in one map")));
            }
            out.insert(name, value);
        }
        out
    }

    /// Counts a value against the bounds.
    fn pay(&mut self, place: &Place, value: &Value, depth: usize) -> Option<()> {
        match cost(value, depth) {
            None => self.errors.push(place.error(format!("renders to more than {MAX_DEPTH} levels"))),
            Some(cost) => {
                let before = self.spent;
                self.spent = before.saturating_add(cost);
                if self.spent <= MAX_RENDERED_BYTES {
                    return Some(());
                }
                // Once is enough: everything after it is over the bound as well.
                if before <= MAX_RENDERED_BYTES {
                    let message = format!("up to here the stack renders to more than {MAX_RENDERED_BYTES} bytes");
                    self.errors.push(place.error(message));
                }
            }
        }
        None
    }
}

/// Bytes of text plus 8 for each value; `None`: too deep.
fn cost(value: &Value, depth: usize) -> Option<usize> {
    if depth > MAX_DEPTH {
        return None;
    }
    let inner: usize = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| cost(item, depth + 1)).sum::<Option<usize>>()?,
        Value::Object(fields) => {
            fields.iter().map(|(k, v)| cost(v, depth + 1).map(|c| c + k.len())).sum::<Option<usize>>()?
        }
        _ => 0,
    };
    Some(inner + 8)
}
