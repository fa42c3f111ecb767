//! The fields of an object: added, removed, required. A new field is safe where nothing stored can have it; a default and a
//! requirement wait apart from it.
use std::{collections::BTreeSet, sync::LazyLock};

use serde_json::{Value, json};

use super::{
    collect::{Collector, Step},
    finding::Verdict,
    walk::{Place, Schema, What, below, put, schema},
};

static TEXT: LazyLock<Value> = LazyLock::new(|| json!({"type": "string"}));
static OBJECT: LazyLock<Value> = LazyLock::new(|| json!({"type": "object"}));

/// The schema of a field that every object has without its being named.
fn implied(name: &str, place: Place) -> Option<&'static Value> {
    match name {
        "apiVersion" | "kind" if place.what == What::Object => Some(&TEXT),
        "metadata" if place.what == What::Object => Some(&OBJECT),
        _ => None,
    }
}

/// Holds the fields of two objects against each other.
pub(super) fn fields(c: &mut Collector<'_>, old: &Schema, new: &Schema, place: Place, out: &mut Schema) {
    let (was, is) = (properties(old), properties(new));
    let mut merged = Schema::new();
    for name in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        put(&mut merged, name, field(c, name, (old, was.get(name)), is.get(name), place));
    }
    if !merged.is_empty() {
        out.insert("properties".into(), merged.into());
    }
    let required = required(c, old, new, place);
    if !required.is_empty() {
        out.insert("required".into(), required.into());
    }
}

pub(super) fn properties(of: &Schema) -> &Schema {
    of.get("properties").map_or_else(|| schema(&Value::Null), schema)
}

fn field(
    c: &mut Collector<'_>,
    name: &str,
    (parent, old): (&Schema, Option<&Value>),
    new: Option<&Value>,
    place: Place,
) -> Option<Value> {
    let step = Step::Field(name);
    let implied = implied(name, place);
    match (old.or(implied), new.or(implied)) {
        (Some(was), Some(is)) => {
            let merged = below(c, &step, was, is, place);
            (new.is_some() || merged != *is).then_some(merged)
        }
        (None, Some(new)) => {
            let stored = place.what == What::Metadata || parent.contains_key("x-kubernetes-preserve-unknown-fields");
            c.at(&step, |c| added(c, new, stored, place.judged))
        }
        (old, None) => {
            let why = "the field would be hidden at once and lost at the next write of each object; it is kept until a release contracts";
            c.at(&step, |c| c.find("field-removed", Verdict::Contract, why));
            old.cloned()
        }
    }
}

/// A field that was not there. Its default waits: as soon as it is there, every object reads so.
fn added(c: &mut Collector<'_>, new: &Value, stored: bool, judged: bool) -> Option<Value> {
    let take = if stored {
        let why = "a field is described where unknown ones were kept: a stored object may hold something else there";
        c.find("field-over-unknown", Verdict::Scan, why)
    } else {
        c.find("field-added", Verdict::Ok, "a new field that may be left out")
    };
    let mut field = new.clone();
    if let (Some(default), Value::Object(keywords)) = (new.get("default"), &mut field)
        && super::keywords::default(c, None, Some(default), judged).is_none()
    {
        keywords.remove("default");
    }
    take.then_some(field)
}

/// The fields that must be there, in the order of the old ones, then the new.
fn required(c: &mut Collector<'_>, old: &Schema, new: &Schema, place: Place) -> Vec<Value> {
    let (was, is) = (names(old), names(new));
    let mut kept = Vec::new();
    for name in &was {
        let kept_by_new = is.contains(name);
        if kept_by_new || !c.at(&Step::Field(name), no_longer_required) {
            kept.push(Value::from(*name));
        }
    }
    for name in is.difference(&was) {
        if c.at(&Step::Field(name), |c| now_required(c, name, old, new, place)) {
            kept.push(Value::from(*name));
        }
    }
    kept
}

fn names(schema: &Schema) -> BTreeSet<&str> {
    let names = schema.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn no_longer_required(c: &mut Collector<'_>) -> bool {
    let why = "the field may be left out: an old operator may not know what to do without it";
    c.find("required-removed", Verdict::Gate, why)
}

fn now_required(c: &mut Collector<'_>, name: &str, old: &Schema, new: &Schema, place: Place) -> bool {
    let (was, is) = (properties(old).get(name), properties(new).get(name));
    if is.is_some_and(|field| field.get("default").is_some()) {
        return c.find("required-with-default", Verdict::Gate, "the field must be there, and its default sees to it");
    }
    let stored =
        was.is_some() || implied(name, place).is_some() || old.contains_key("x-kubernetes-preserve-unknown-fields");
    if stored || place.many {
        let why = "the field must be there: a stored object without it, and what an old operator writes, would be refused; leave it optional, or give it a default";
        return c.find("required-added", Verdict::Scan, why);
    }
    let why = "a new field must be there, and no stored object has it: each would be refused at its next write; make it optional, or give it a default";
    c.find("required-field-added", Verdict::No, why)
}
