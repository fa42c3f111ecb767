//! A YAML or JSON tree with templates in its strings → the same tree, compiled.
//!
//! In: a tree, and what it may name. Out: [`Node`], for [`super::output`] to render. Never: a shape that a value could change.
//! The shape of the tree is fixed here, before any value is known: a value takes the place of a string, a key's name, or
//! (with [`ITEMS`]) of one list element, and can add no field, no key and no document.
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    check::{self, Checked},
    error::{Place, TemplateError},
    expression::{Body, Part},
    plain,
    shape::Shape,
    yaml::{Key, Kind, Tree},
};

/// Decides whether a document is rendered at all: a key at its top, or one of its annotations. It is not part of the output.
pub const WHEN: &str = "leasehold.dev/when";
/// The only key of a list element that stands for all elements of the list that its value renders to.
pub const ITEMS: &str = "leasehold.dev/items";

/// A string that is rendered, and where it stands.
#[derive(Debug)]
pub(super) struct Scalar {
    pub place: Place,
    pub checked: Checked,
}

#[derive(Debug)]
pub(super) enum Node {
    Fixed(Value),
    Scalar(Scalar),
    Map(Place, Vec<(Name, Node)>),
    List(Vec<Element>),
}

#[derive(Debug)]
pub(super) enum Name {
    Fixed(String),
    Scalar(Scalar),
}

#[derive(Debug)]
pub(super) enum Element {
    One(Node),
    /// All elements of a list, in its place.
    All(Scalar),
}

/// How strings become values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typing {
    /// A string that is one whole expression keeps the value's type.
    Kept,
    /// Everything rendered is text: arguments, environment, annotations.
    Text,
}

pub(super) struct Compiler<'s> {
    pub declared: &'s Shape,
    pub typing: Typing,
    pub errors: Vec<TemplateError>,
}

impl Compiler<'_> {
    fn wrong(&mut self, place: &Place, message: impl Into<String>) -> Node {
        self.errors.push(place.error(message));
        Node::Fixed(Value::Null)
    }

    pub fn scalar(&mut self, place: Place, text: &str, typing: Typing) -> Option<Scalar> {
        match check::check(text, self.declared) {
            Ok(mut checked) => {
                if typing == Typing::Text {
                    checked.body = as_text(checked.body);
                }
                Some(Scalar { place, checked })
            }
            Err(mistakes) => {
                self.errors.extend(mistakes.into_iter().map(|m| place.error_at(m.offset, m.message)));
                None
            }
        }
    }

    /// A node of a template file.
    pub fn tree(&mut self, tree: Tree) -> Node {
        let Tree { place, kind } = tree;
        match kind {
            Kind::Scalar { text, plain: is_plain } => self.text(place, text, is_plain),
            Kind::List(items) => list(items.into_iter().map(|item| self.element(item)).collect()),
            Kind::Map(entries) => {
                let entries = entries.into_iter().map(|(key, value)| (self.key(key), self.tree(value)));
                map(place, entries.collect())
            }
        }
    }

    fn text(&mut self, place: Place, text: String, is_plain: bool) -> Node {
        if check::is_template(&text) {
            let typing = self.typing;
            return self.scalar(place, &text, typing).map_or(Node::Fixed(Value::Null), Node::Scalar);
        }
        if !is_plain {
            return Node::Fixed(Value::String(text));
        }
        match plain::value(&text) {
            Ok(Value::Null) => self.wrong(&place, "a field without a value: give it one, or leave the field out"),
            Ok(value) => Node::Fixed(value),
            Err(message) => self.wrong(&place, message),
        }
    }

    fn key(&mut self, key: Key) -> Name {
        if key.text == WHEN || key.text == ITEMS {
            self.errors.push(key.place.error(misplaced(&key.text)));
        }
        if !check::is_template(&key.text) {
            return Name::Fixed(key.text);
        }
        self.scalar(key.place, &key.text, Typing::Text).map_or(Name::Fixed(key.text), Name::Scalar)
    }

    fn element(&mut self, item: Tree) -> Element {
        let Kind::Map(mut entries) = item.kind else { return Element::One(self.tree(item)) };
        if !entries.iter().any(|(key, _)| key.text == ITEMS) {
            return Element::One(self.tree(Tree { place: item.place, kind: Kind::Map(entries) }));
        }
        match (entries.pop(), entries.is_empty()) {
            (Some((_, Tree { place, kind: Kind::Scalar { text, .. } })), true) if check::is_template(&text) => {
                let scalar = self.scalar(place, &text, Typing::Kept);
                scalar.map_or(Element::One(Node::Fixed(Value::Null)), Element::All)
            }
            _ => Element::One(
                self.wrong(&item.place, format!("`{ITEMS}` stands alone in a list element, with one expression")),
            ),
        }
    }

    /// A value of a release, whose strings are templates too.
    pub fn value(&mut self, place: Place, value: &Value) -> Node {
        match value {
            Value::String(text) => self.text(place, text.clone(), false),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                list(items.map(|(i, item)| Element::One(self.value(place.below(&format!("[{i}]")), item))).collect())
            }
            Value::Object(fields) => {
                let entry = |(name, value): (&String, _)| {
                    (Name::Fixed(name.clone()), self.value(place.below(&format!(".{name}")), value))
                };
                map(place.clone(), fields.iter().map(entry).collect())
            }
            other => Node::Fixed(other.clone()),
        }
    }
}

fn misplaced(key: &str) -> String {
    if key == WHEN {
        format!("`{WHEN}` is read at the top of a document or among its annotations, not here")
    } else {
        format!("`{ITEMS}` is read in an element of a list, not here")
    }
}

fn as_text(body: Body) -> Body {
    match body {
        Body::Whole { value, optional: false } => Body::Mixed(vec![Part::Print { value, offset: 0 }]),
        other => other,
    }
}

/// A map whose parts are all fixed is fixed itself: most of a stack is, and is only copied.
fn map(place: Place, entries: Vec<(Name, Node)>) -> Node {
    let mut fixed = Map::new();
    for (name, node) in &entries {
        match (name, node) {
            (Name::Fixed(name), Node::Fixed(value)) => fixed.insert(name.clone(), value.clone()),
            _ => return Node::Map(place, entries),
        };
    }
    Node::Fixed(Value::Object(fixed))
}

fn list(items: Vec<Element>) -> Node {
    let fixed: Option<Vec<Value>> = items
        .iter()
        .map(|item| match item {
            Element::One(Node::Fixed(value)) => Some(value.clone()),
            _ => None,
        })
        .collect();
    fixed.map_or(Node::List(items), |fixed| Node::Fixed(Value::Array(fixed)))
}

/// The place of a field of a release, such as `spec.args`.
pub(super) fn field(path: &str) -> Place {
    Place { file: Arc::from(path), line: 0, column: 0 }
}
