//! The fields of all versions, in each version. With the conversion None any write through one version erases what only another
//! one describes, so that each has to describe all of it.
use serde_json::{Map, Value};

use super::{
    collect::{Collector, Step},
    finding::Verdict,
    walk::{Schema, kind, schema},
};

/// Bytes that a definition may take at most: what the API server takes in one request. etcd takes half of it by default.
pub(super) const MOST_BYTES: usize = 3 << 20;

/// Gives each of these versions' schemas the fields of all; where two would describe one field, the first does. A clash is a
/// finding of the version that comes later.
pub(super) fn close(c: &mut Collector<'_>, versions: &mut [(String, Value)]) {
    let Some(((_, first), rest)) = versions.split_first() else { return };
    if rest.is_empty() {
        return;
    }
    let mut all = schema(first).clone();
    for (version, other) in rest {
        c.of_version(version);
        grow(Some(&mut *c), &mut all, schema(other));
    }
    c.of_version("");
    let bytes = serde_json::to_vec(&all).map_or(0, |text| text.len());
    if bytes.saturating_mul(versions.len()) > MOST_BYTES {
        let why = "each version must describe the fields of all, and together they would be more than the API server takes (3 MiB); let old versions go first";
        c.find("versions-too-large", Verdict::No, why);
        return;
    }
    for (_, version) in versions {
        if let Value::Object(version) = version {
            grow(None, version, &all);
        }
    }
}

/// Adds to a node what it lacks of another.
fn grow(mut c: Option<&mut Collector<'_>>, into: &mut Schema, from: &Schema) {
    if let Some(why) = clash(into, from) {
        if let Some(c) = c {
            c.find("versions-clash", Verdict::No, format!("two versions disagree: {why}; what one writes the other could not read; give the field another name in one of them"));
        }
        return;
    }
    const KEEP: &str = "x-kubernetes-preserve-unknown-fields";
    if let Some(keep) = from.get(KEEP) {
        into.insert(KEEP.into(), keep.clone());
    }
    if let Some(Value::Object(fields)) = from.get("properties") {
        let mine = into.entry("properties").or_insert_with(|| Map::new().into());
        if let Value::Object(mine) = mine {
            grow_fields(c.as_deref_mut(), mine, fields);
        }
    }
    for (keyword, step) in [("items", Step::Items), ("additionalProperties", Step::Values)] {
        let Some(theirs) = from.get(keyword) else { continue };
        let mine = into.entry(keyword).or_insert_with(|| theirs.clone());
        below(c.as_deref_mut(), &step, mine, theirs);
    }
}

fn grow_fields(mut c: Option<&mut Collector<'_>>, mine: &mut Schema, theirs: &Schema) {
    for (name, field) in theirs {
        match mine.get_mut(name) {
            Some(known) => below(c.as_deref_mut(), &Step::Field(name), known, field),
            None => {
                mine.insert(name.clone(), without_default(field));
            }
        }
    }
}

fn below(c: Option<&mut Collector<'_>>, step: &Step<'_>, mine: &mut Value, theirs: &Value) {
    let (Value::Object(mine), Value::Object(theirs)) = (mine, theirs) else { return };
    match c {
        Some(c) => c.at(step, |c| grow(Some(c), mine, theirs)),
        None => grow(None, mine, theirs),
    }
}

/// A field of another version: what that one fills in by itself is not filled in here.
fn without_default(field: &Value) -> Value {
    let mut field = field.clone();
    if let Value::Object(keywords) = &mut field {
        keywords.remove("default");
    }
    field
}

/// What two nodes cannot both be.
fn clash(a: &Schema, b: &Schema) -> Option<String> {
    let (one, other) = (kind(a), kind(b));
    if one != other {
        return Some(format!("{one} and {other}"));
    }
    let say = |schema: &Schema, keyword: &str, default: &str| {
        schema
            .get(keyword)
            .map_or_else(|| default.to_owned(), |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let merged = [
        ("x-kubernetes-list-type", "atomic"),
        ("x-kubernetes-map-type", "granular"),
        ("x-kubernetes-embedded-resource", "false"),
    ];
    if let Some((keyword, default)) =
        merged.iter().find(|(keyword, default)| say(a, keyword, default) != say(b, keyword, default))
    {
        return Some(format!("{keyword} is {} and {}", say(a, keyword, default), say(b, keyword, default)));
    }
    let keys = |schema: &Schema| super::keywords::set(schema.get("x-kubernetes-list-map-keys"));
    if keys(a) != keys(b) {
        return Some("x-kubernetes-list-map-keys differ".into());
    }
    let has = |schema: &Schema, keyword: &str| schema.contains_key(keyword);
    let map_and_fields = |a, b| has(a, "additionalProperties") && has(b, "properties");
    (map_and_fields(a, b) || map_and_fields(b, a)).then(|| "a map and an object of named fields".into())
}
