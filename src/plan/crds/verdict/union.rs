//! The fields of all versions, in each version. With the conversion None any write through one version erases what only another
//! one describes, so that each has to describe all of it.
use serde_json::{Map, Value};

use super::{
    collect::{Collector, Step},
    fields,
    finding::Verdict,
    keywords,
    walk::{Schema, kind, schema},
};

/// Bytes that the versions of a definition may take at most: what the API server takes in one request. etcd takes half of it
/// by default.
const MOST_BYTES: usize = 3 << 20;

const KEEP: &str = "x-kubernetes-preserve-unknown-fields";

/// What a schema takes over from another.
#[derive(Clone, Copy)]
pub(super) struct Take<'a> {
    /// That unknown fields are kept: read by operators that do not know them.
    pub keeping: bool,
    pub except: Except<'a>,
}

/// Where fields are not taken over: an object that keeps unknown ones has them anyway, and to describe them is to judge what is
/// stored there.
#[derive(Clone, Copy)]
pub(super) enum Except<'a> {
    Nowhere,
    /// Where the schema itself keeps unknown fields.
    Keeping,
    /// Where this one does, which it came from.
    KeepingBefore(&'a Schema),
}

impl Take<'_> {
    fn fields_of(self, node: &Schema) -> bool {
        match self.except {
            Except::Nowhere => true,
            Except::Keeping => !node.contains_key(KEEP),
            Except::KeepingBefore(before) => !before.contains_key(KEEP),
        }
    }

    fn below(self, step: &Step<'_>) -> Self {
        let Except::KeepingBefore(before) = self.except else { return self };
        let before = match step {
            Step::Field(name) => fields::properties(before).get(*name),
            Step::Items => before.get("items"),
            Step::Values => before.get("additionalProperties"),
        };
        Self { except: Except::KeepingBefore(schema(before.unwrap_or(&Value::Null))), ..self }
    }
}

/// All that any version has.
const ALL: Take<'_> = Take { keeping: true, except: Except::Nowhere };

/// The fields of all these versions; where two describe one, as the first does. A clash is a finding of the later one. None
/// where no version would get anything from another, or where it would be too much.
pub(super) fn of_all(c: &mut Collector<'_>, versions: &[(&str, &Value)]) -> Option<Schema> {
    let ((_, first), rest) = versions.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let mut all = schema(first).clone();
    for (version, other) in rest {
        c.of_version(version);
        grow(Some(&mut *c), &mut all, schema(other), ALL);
    }
    c.of_version("");
    let bytes = serde_json::to_vec(&all).map_or(0, |text| text.len());
    if bytes.saturating_mul(versions.len()) > MOST_BYTES {
        let why = "each version must describe the fields of all, and together they would be more than the API server takes (3 MiB); let old versions go first";
        c.find("versions-too-large", Verdict::No, why);
        return None;
    }
    Some(all)
}

/// Gives a version's schema the fields that it lacks of all.
pub(super) fn fill(version: &mut Value, all: &Schema, take: Take<'_>) {
    if let Value::Object(version) = version {
        grow(None, version, all, take);
    }
}

/// Adds to a node what it lacks of another.
fn grow(mut c: Option<&mut Collector<'_>>, into: &mut Schema, from: &Schema, take: Take<'_>) {
    if let Some(why) = clash(into, from) {
        if let Some(c) = c {
            c.find("versions-clash", Verdict::No, format!("two versions disagree: {why}; what one writes the other could not read; give the field another name in one of them"));
        }
        return;
    }
    let described = take.fields_of(into);
    if let Some(keep) = from.get(KEEP).filter(|_| take.keeping) {
        into.insert(KEEP.into(), keep.clone());
    }
    if let Some(Value::Object(theirs)) = from.get("properties").filter(|_| described || into.contains_key("properties"))
    {
        let mine = into.entry("properties").or_insert_with(|| Map::new().into());
        if let Value::Object(mine) = mine {
            grow_fields(c.as_deref_mut(), mine, theirs, take, described);
        }
    }
    for (keyword, step) in [("items", Step::Items), ("additionalProperties", Step::Values)] {
        match (into.get_mut(keyword), from.get(keyword)) {
            (Some(mine), Some(theirs)) => below(c.as_deref_mut(), &step, mine, theirs, take),
            (None, Some(theirs)) if described => {
                into.insert(keyword.into(), theirs.clone());
            }
            _ => {}
        }
    }
}

fn grow_fields(mut c: Option<&mut Collector<'_>>, mine: &mut Schema, theirs: &Schema, take: Take<'_>, described: bool) {
    for (name, field) in theirs {
        match mine.get_mut(name) {
            Some(known) => below(c.as_deref_mut(), &Step::Field(name), known, field, take),
            None if described => {
                mine.insert(name.clone(), without_default(field));
            }
            None => {}
        }
    }
}

fn below(c: Option<&mut Collector<'_>>, step: &Step<'_>, mine: &mut Value, theirs: &Value, take: Take<'_>) {
    let (Value::Object(mine), Value::Object(theirs)) = (mine, theirs) else { return };
    let take = take.below(step);
    match c {
        Some(c) => c.at(step, |c| grow(Some(c), mine, theirs, take)),
        None => grow(None, mine, theirs, take),
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

/// What has to be the same in all versions, with what it means where it is not said.
const SAME: [(&str, &str); 3] = [
    ("x-kubernetes-list-type", "atomic"),
    ("x-kubernetes-map-type", "granular"),
    ("x-kubernetes-embedded-resource", "false"),
];

/// What two nodes cannot both be.
fn clash(a: &Schema, b: &Schema) -> Option<String> {
    let (one, other) = (kind(a), kind(b));
    if one != other {
        return Some(format!("{one} and {other}"));
    }
    for (keyword, default) in SAME {
        let say = |schema: &Schema| match schema.get(keyword) {
            None => default.to_owned(),
            Some(Value::String(said)) => said.clone(),
            Some(said) => said.to_string(),
        };
        if a.get(keyword) != b.get(keyword) && say(a) != say(b) {
            return Some(format!("{keyword} is {} and {}", say(a), say(b)));
        }
    }
    let keys = |schema: &Schema| keywords::set(schema.get("x-kubernetes-list-map-keys"));
    if keys(a) != keys(b) {
        return Some("x-kubernetes-list-map-keys differ".into());
    }
    let map_and_fields =
        |a: &Schema, b: &Schema| a.contains_key("additionalProperties") && b.contains_key("properties");
    (map_and_fields(a, b) || map_and_fields(b, a)).then(|| "a map and an object of named fields".into())
}
