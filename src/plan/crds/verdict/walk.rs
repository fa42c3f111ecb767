//! Two schemas side by side, node by node: one walk makes the findings and what the old one becomes, so that they cannot
//! disagree. Each node of either is visited once; what stands in `oneOf`, `anyOf`, `allOf` and `not` is held against each other
//! as a whole. Nothing above a field makes a change below it worse but what is in [`Place`].
use std::{collections::BTreeSet, sync::LazyLock};

use serde_json::{Map, Value};

use super::{
    bounds, branches,
    collect::{Collector, Step},
    fields,
    finding::Verdict,
    keywords,
};

pub(super) type Schema = Map<String, Value>;

/// A schema that says nothing.
static NOTHING: LazyLock<Schema> = LazyLock::new(Schema::new);

/// What a node is to Kubernetes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The object itself, or an embedded one: `apiVersion`, `kind` and `metadata` are there without being named.
    Object,
    /// That object's `metadata`: its fields are stored whether they are named or not.
    Metadata,
    /// What the schema says.
    Other,
}

/// What stands above a node and bears on it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub what: What,
    /// Inside a list or a map, where one object has many of them, or none.
    pub many: bool,
    /// A rule above looks at which fields are there: a default that appears can break it.
    pub judged: bool,
}

impl Place {
    pub const ROOT: Self = Self { what: What::Object, many: false, judged: false };

    /// As seen from inside that node.
    pub fn within(self, old: &Schema, new: &Schema) -> Self {
        let judges = |schema: &Schema| JUDGING.iter().any(|keyword| schema.contains_key(*keyword));
        Self { judged: self.judged || judges(old) || judges(new), ..self }
    }

    fn below(self, schema: &Schema, many: bool) -> Self {
        let embedded = schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
        Self { what: if embedded { What::Object } else { What::Other }, many: self.many || many, ..self }
    }
}

/// Keywords that can refuse an object because a field is there.
const JUDGING: [&str; 7] = ["allOf", "anyOf", "enum", "maxProperties", "not", "oneOf", "x-kubernetes-validations"];

/// A schema of a value, or nothing where it is none.
pub(super) fn schema(value: &Value) -> &Schema {
    value.as_object().unwrap_or(&NOTHING)
}

/// What a node takes, in one word.
pub(super) fn kind(schema: &Schema) -> &str {
    if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return "int-or-string";
    }
    schema.get("type").and_then(Value::as_str).unwrap_or("any value")
}

/// Holds two nodes against each other; what the old one becomes.
pub(super) fn walk(c: &mut Collector<'_>, old: &Schema, new: &Schema, place: Place) -> Schema {
    let (was, is) = (kind(old), kind(new));
    if was != is {
        c.find("type-changed", Verdict::Convert, format!(
            "the type changes from {was} to {is}: what is stored would no longer be read; add a new optional field of the new type beside it, or a new version whose schema holds both"
        ));
        return old.clone();
    }
    let mut out = Schema::new();
    let inner = place.within(old, new);
    for keyword in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (old.get(keyword), new.get(keyword));
        match keyword.as_str() {
            "properties" | "required" => {}
            "items" => put(&mut out, keyword, items(c, before, after, inner)),
            "additionalProperties" => put(&mut out, keyword, values(c, (old, before), (new, after), inner)),
            "x-kubernetes-validations" => put(&mut out, keyword, branches::rules(c, before, after)),
            _ if before == after => put(&mut out, keyword, before.cloned()),
            "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" => {
                bounds::limit(c, keyword, old, new, &mut out);
            }
            "default" => put(&mut out, keyword, keywords::default(c, before, after, place.judged)),
            _ => put(&mut out, keyword, keywords::leaf(c, keyword, before, after)),
        }
    }
    fields::fields(c, old, new, inner, &mut out);
    out
}

pub(super) fn put(out: &mut Schema, keyword: &str, value: Option<Value>) {
    if let Some(value) = value {
        out.insert(keyword.to_owned(), value);
    }
}

/// The new value if its change may be taken, else the old one.
pub(super) fn either(take: bool, old: Option<&Value>, new: Option<&Value>) -> Option<Value> {
    if take { new.cloned() } else { old.cloned() }
}

/// A node below, of a list, a map or an object.
pub(super) fn below(c: &mut Collector<'_>, step: &Step<'_>, old: &Value, new: &Value, place: Place) -> Value {
    let many = !matches!(step, Step::Field(_));
    let (old, new) = (schema(old), schema(new));
    let mut inside = place.below(new, many);
    if place.what == What::Object && matches!(step, Step::Field("metadata")) {
        inside.what = What::Metadata;
    }
    c.at(step, |c| walk(c, old, new, inside)).into()
}

fn items(c: &mut Collector<'_>, old: Option<&Value>, new: Option<&Value>, place: Place) -> Option<Value> {
    match (old, new) {
        (Some(old), Some(new)) => Some(below(c, &Step::Items, old, new, place)),
        (None, None) => None,
        (None, Some(_)) => {
            let why = "what a list may hold is said where nothing was: a stored object may hold something else";
            either(c.find("items-tightened", Verdict::Scan, why), old, new)
        }
        (Some(_), None) => {
            let why = "a list may hold anything: an old operator cannot read what it does not know";
            either(c.find("items-loosened", Verdict::Gate, why), old, new)
        }
    }
}

/// `additionalProperties`: what the values of a map are.
fn values(
    c: &mut Collector<'_>,
    (old, before): (&Schema, Option<&Value>),
    (new, after): (&Schema, Option<&Value>),
    place: Place,
) -> Option<Value> {
    let fields = |schema: &Schema| schema.contains_key("properties");
    let keeps = |schema: &Schema| schema.contains_key("x-kubernetes-preserve-unknown-fields");
    let (rule, verdict, why) = match (before, after) {
        (Some(was @ Value::Object(_)), Some(is @ Value::Object(_))) => {
            return Some(below(c, &Step::Values, was, is, place));
        }
        (was, is) if was == is => return before.cloned(),
        (None, Some(_)) if fields(old) => (
            "fields-to-map",
            Verdict::Convert,
            "an object of named fields becomes a map; add a new optional field beside it",
        ),
        (Some(_), None) if fields(new) => (
            "map-to-fields",
            Verdict::Convert,
            "a map becomes an object of named fields, and other keys would be lost; add a new optional field beside it",
        ),
        (None, Some(_)) if !keeps(old) => ("values-added", Verdict::Ok, "an object that kept nothing takes any key"),
        (Some(_), None) if !keeps(new) => (
            "values-removed",
            Verdict::Contract,
            "the keys of this map would be dropped at once and lost at the next write; kept until a release contracts",
        ),
        (Some(_), None) | (Some(Value::Object(_)), Some(_)) => (
            "values-loosened",
            Verdict::Gate,
            "the values of this map may be anything: an old operator cannot read what it does not know",
        ),
        _ => (
            "values-tightened",
            Verdict::Scan,
            "what the values of this map may be is said where it was not: a stored object may hold something else",
        ),
    };
    either(c.find(rule, verdict, why), before, after)
}
