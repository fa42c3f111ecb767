//! The versions of a definition: which come, go, are served and are stored at; and what each becomes.
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    Stage,
    collect::Collector,
    finding::Verdict::{self, Contract, Gate, No, Ok},
    keywords, union,
    walk::{Place, either, put, schema, walk},
};
use crate::domain::crd::{Definition, Version};

/// Faults of the new definition's versions that a comparison cannot work with, or that no fleet should have.
pub(super) fn faults(c: &mut Collector<'_>, new: &Definition) {
    let stored: Vec<_> = new.versions().filter(|version| version.storage).collect();
    if stored.len() != 1 {
        c.find("storage-versions", No, format!("{} versions are marked as storage; mark exactly one", stored.len()));
    }
    if !new.versions().any(|version| version.served) {
        c.find(
            "nothing-served",
            No,
            "no version is served: every operator would lose its objects from sight; serve one",
        );
    }
    for version in new.versions() {
        c.of_version(version.name);
        super::structural::check(c, version.schema);
    }
    c.of_version("");
}

/// A definition's versions with the fields of all in each: what it means with the conversion None.
pub(super) fn closed(c: &mut Collector<'_>, of: &Definition) -> Vec<Map<String, Value>> {
    let mut versions: Vec<_> = of.versions().map(|version| version.whole.clone()).collect();
    close(c, &mut versions, of.storage());
    versions
}

/// Gives each version the fields of all: those of the storage version first, then of the others by name.
pub(super) fn close(c: &mut Collector<'_>, versions: &mut [Map<String, Value>], first: &str) {
    let mut order: Vec<_> = versions.iter_mut().map(|whole| (name(whole).to_owned(), whole)).collect();
    order.sort_by(|(a, _), (b, _)| (a != first, a).cmp(&(b != first, b)));
    let mut schemas: Vec<_> = order.iter_mut().map(|(name, whole)| (name.clone(), take_schema(whole))).collect();
    union::close(c, &mut schemas);
    for ((_, whole), (_, schema)) in order.into_iter().zip(schemas) {
        put_schema(whole, schema);
    }
}

fn name(whole: &Map<String, Value>) -> &str {
    whole.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn take_schema(whole: &mut Map<String, Value>) -> Value {
    let place = whole.get_mut("schema").and_then(|schema| schema.get_mut("openAPIV3Schema"));
    place.map(Value::take).unwrap_or_default()
}

fn put_schema(whole: &mut Map<String, Value>, schema: Value) {
    if let Some(place) = whole.get_mut("schema").and_then(|schema| schema.get_mut("openAPIV3Schema")) {
        *place = schema;
    }
}

/// Holds the versions against each other; what the old ones become. `target` has been closed.
pub(super) fn walk_all(
    c: &mut Collector<'_>,
    old: &Definition,
    target: &[Version<'_>],
    stage: Stage,
) -> Vec<Map<String, Value>> {
    let stored = old.version(old.storage()).or_else(|| old.versions().next());
    let now = target.iter().find(|version| version.storage).map_or("", |version| version.name);
    let find = |name: &str| target.iter().find(|version| version.name == name);
    let mut out = Vec::new();
    for was in old.versions() {
        c.of_version(was.name);
        out.push(match find(was.name) {
            Some(is) => kept(c, &was, is, stage),
            None => gone(c, &was, stage),
        });
    }
    for is in target.iter().filter(|is| old.version(is.name).is_none()) {
        c.of_version(is.name);
        out.push(added(c, stored.as_ref(), is));
    }
    c.of_version(now);
    if now != old.storage() {
        let why = format!(
            "objects are to be stored at {now}, until now at {}: written by itself, when no old operator is left",
            old.storage()
        );
        c.find("storage-changed", Gate, why);
    }
    let storage = if stage >= Stage::Flip { now } else { old.storage() };
    for whole in &mut out {
        let stores = name(whole) == storage;
        whole.insert("storage".into(), stores.into());
    }
    c.of_version("");
    out
}

/// A version that goes.
fn gone(c: &mut Collector<'_>, was: &Version<'_>, stage: Stage) -> Map<String, Value> {
    c.find(
        "version-removed",
        Contract,
        "operators and stored objects may still use this version; it is kept until a release contracts",
    );
    let mut whole = was.whole.clone();
    retire(&mut whole, stage);
    whole
}

/// The last stages of a version's life.
fn retire(whole: &mut Map<String, Value>, stage: Stage) {
    if stage >= Stage::Deprecate {
        whole.insert("deprecated".into(), true.into());
    }
    if stage >= Stage::Unserve {
        whole.insert("served".into(), false.into());
    }
}

/// A version that comes: what is stored now must be readable through it, so it starts from the storage version's schema.
fn added(c: &mut Collector<'_>, stored: Option<&Version<'_>>, is: &Version<'_>) -> Map<String, Value> {
    c.find(
        "version-added",
        Ok,
        "a new version; every version carries the fields of all, and objects are stored as before",
    );
    let mut whole = is.whole.clone();
    if let Some(stored) = stored {
        let merged = walk(c, schema(stored.schema), schema(is.schema), Place::ROOT);
        put_schema(&mut whole, merged.into());
    }
    whole
}

/// A version that stays.
fn kept(c: &mut Collector<'_>, was: &Version<'_>, is: &Version<'_>, stage: Stage) -> Map<String, Value> {
    let mut out = Map::new();
    for key in was.whole.keys().chain(is.whole.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (was.whole.get(key), is.whole.get(key));
        match key.as_str() {
            "schema" | "storage" | "name" => put(&mut out, key, before.cloned()),
            "subresources" => put(&mut out, key, subresources(c, before, after)),
            "selectableFields" => put(&mut out, key, selectable(c, before, after)),
            "served" => put(&mut out, key, Some(served(c, was, is).into())),
            _ if before == after => put(&mut out, key, before.cloned()),
            "additionalPrinterColumns" => {
                c.find("columns-changed", Ok, "what a person sees in a table");
                put(&mut out, key, after.cloned());
            }
            "deprecated" | "deprecationWarning" => {
                c.find("deprecation-changed", Ok, "clients are warned of this version, or no longer");
                put(&mut out, key, after.cloned());
            }
            _ => {
                keywords::unknown(c, key);
                put(&mut out, key, before.cloned());
            }
        }
    }
    let merged = walk(c, schema(was.schema), schema(is.schema), Place::ROOT);
    put_schema(&mut out, merged.into());
    if !is.served {
        retire(&mut out, stage);
    }
    out
}

fn served(c: &mut Collector<'_>, was: &Version<'_>, is: &Version<'_>) -> bool {
    match (was.served, is.served) {
        (true, false) => {
            c.find(
                "version-unserved",
                Contract,
                "operators may still use this version; it is served until a release contracts",
            );
        }
        (false, true) => {
            c.find("version-served", Ok, "a version is served again");
        }
        _ => {}
    }
    was.served || is.served
}

/// Fields by which clients may select: a set.
fn selectable(c: &mut Collector<'_>, old: Option<&Value>, new: Option<&Value>) -> Option<Value> {
    let (was, is) = (keywords::set(old), keywords::set(new));
    if was == is {
        return new.cloned();
    }
    let mut out: Vec<_> = new.and_then(Value::as_array).into_iter().flatten().cloned().collect();
    if !is.is_subset(&was) {
        c.find("selectable-field-added", Ok, "a new field to select by");
    }
    let gone = |field: &&Value| !is.contains(&field.to_string());
    let gone: Vec<_> = old.and_then(Value::as_array).into_iter().flatten().filter(gone).cloned().collect();
    if !gone.is_empty()
        && !c.find(
            "selectable-field-removed",
            Contract,
            "operators that select by this field would fail; kept until a release contracts",
        )
    {
        out.extend(gone);
    }
    Some(out.into())
}

/// `status` and `scale`, each by itself.
fn subresources(c: &mut Collector<'_>, old: Option<&Value>, new: Option<&Value>) -> Option<Value> {
    let (nothing, mut out) = (Map::new(), Map::new());
    let fields = |value: Option<&Value>| value.and_then(Value::as_object).unwrap_or(&nothing).clone();
    let (was, is) = (fields(old), fields(new));
    for key in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (was.get(key), is.get(key));
        let take = before == after || subresource(c, key, before, after);
        put(&mut out, key, either(take, before, after));
    }
    (!out.is_empty()).then(|| out.into())
}

fn subresource(c: &mut Collector<'_>, key: &str, old: Option<&Value>, new: Option<&Value>) -> bool {
    let (rule, verdict, why): (_, Verdict, _) = match (key, old.is_some(), new.is_some()) {
        ("status", true, false) => (
            "status-removed",
            Contract,
            "operators that write the status would fail, and any write could change it; kept until a release contracts",
        ),
        ("status", false, _) => (
            "status-added",
            Gate,
            "what an old operator writes to the status with the rest of the object would be dropped without a word",
        ),
        ("scale", true, false) => {
            ("scale-removed", Contract, "autoscalers that use it would fail; kept until a release contracts")
        }
        ("scale", false, _) => ("scale-added", Ok, "a new way to scale"),
        ("scale", ..) => ("scale-changed", Gate, "autoscalers read and write other fields from now on"),
        _ => return keywords::unknown(c, key),
    };
    c.find(rule, verdict, why)
}
