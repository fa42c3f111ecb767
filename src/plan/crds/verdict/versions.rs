//! The versions of a definition: which come, go, are served and are stored at; and what each becomes.
use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value};

use super::{
    Stage,
    collect::Collector,
    finding::Verdict::{self, Contract, Gate, No, Ok},
    keywords,
    union::{self, Except, Take},
    walk::{Place, Schema, either, put, schema, walk},
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

/// A definition's versions, each with the fields of all.
pub(super) struct Closed<'a> {
    /// Borrowed where a version has all of them already: a definition may be 1 MB.
    pub versions: Vec<Cow<'a, Map<String, Value>>>,
    /// The fields of all, where there is more than one version.
    all: Option<Schema>,
}

impl Closed<'_> {
    fn fields(&self) -> Option<&Schema> {
        let only = || self.versions.first().map(|whole| schema(Version::of(whole).schema));
        self.all.as_ref().or_else(only)
    }
}

/// Gives each version of a definition the fields of all: as the storage version has them first, then as the others do, by name.
pub(super) fn closed<'a>(c: &mut Collector<'_>, of: &'a Definition, take: Take<'_>) -> Closed<'a> {
    let mut order: Vec<_> = of.versions().map(|version| (!version.storage, version.name, version.schema)).collect();
    order.sort_by_key(|(later, name, _)| (*later, *name));
    let order: Vec<_> = order.into_iter().map(|(_, name, schema)| (name, schema)).collect();
    let all = union::of_all(c, &order);
    let mut versions: Vec<_> = of.versions().map(|version| Cow::Borrowed(version.whole)).collect();
    if all.is_some() {
        for whole in &mut versions {
            give(whole.to_mut(), all.as_ref(), take);
        }
    }
    Closed { versions, all }
}

fn give(whole: &mut Map<String, Value>, all: Option<&Schema>, take: Take<'_>) {
    if let (Some(schema), Some(all)) = (schema_of(whole), all) {
        union::fill(schema, all, take);
    }
}

fn schema_of(whole: &mut Map<String, Value>) -> Option<&mut Value> {
    whole.get_mut("schema")?.get_mut("openAPIV3Schema")
}

fn name(whole: &Map<String, Value>) -> &str {
    whole.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// Holds the versions against each other; what the old ones become.
pub(super) fn walk_all(
    c: &mut Collector<'_>,
    old: &Closed<'_>,
    new: &Closed<'_>,
    stage: Stage,
) -> Vec<Map<String, Value>> {
    let (old, all, others, new) = (read(old), new.fields(), new.all.as_ref(), read(new));
    let stored = old.iter().find(|version| version.storage).or(old.first());
    let before = stored.map_or("", |version| version.name);
    let mut out = Vec::new();
    for was in &old {
        c.of_version(was.name);
        out.push(match new.iter().find(|is| is.name == was.name) {
            Some(is) => carrying(kept(c, was, is, stage), others, Some(was)),
            None => gone(c, was, all, stage),
        });
    }
    for is in new.iter().filter(|is| old.iter().all(|was| was.name != is.name)) {
        c.of_version(is.name);
        out.push(carrying(added(c, stored, is, stage), others, stored));
    }
    let after = storage(c, before, &new);
    for whole in &mut out {
        let stores = name(whole) == if stage >= Stage::Flip { after } else { before };
        whole.insert("storage".into(), stores.into());
    }
    c.of_version("");
    out
}

/// A version that does not keep unknown fields yet, but will, still has to describe those of the others.
fn carrying(mut whole: Map<String, Value>, all: Option<&Schema>, was: Option<&Version<'_>>) -> Map<String, Value> {
    let before = schema(was.map_or(&Value::Null, |was| was.schema));
    give(&mut whole, all, Take { keeping: false, except: Except::KeepingBefore(before) });
    whole
}

fn read<'a>(closed: &'a Closed<'_>) -> Vec<Version<'a>> {
    closed.versions.iter().map(|whole| Version::of(whole)).collect()
}

/// Where objects are to be stored.
fn storage<'a>(c: &mut Collector<'_>, before: &str, new: &[Version<'a>]) -> &'a str {
    let after = new.iter().find(|version| version.storage).map_or("", |version| version.name);
    c.of_version(after);
    if after != before {
        let why = format!(
            "objects are to be stored at {after}, until now at {before}: written by itself, when no old operator is left"
        );
        c.find("storage-changed", Gate, why);
    }
    after
}

/// A version that goes.
fn gone(c: &mut Collector<'_>, was: &Version<'_>, all: Option<&Schema>, stage: Stage) -> Map<String, Value> {
    c.find(
        "version-removed",
        Contract,
        "operators and stored objects may still use this version; it is kept until a release contracts",
    );
    let mut whole = was.whole.clone();
    give(&mut whole, all, Take { keeping: stage >= Stage::Unlock, except: Except::Keeping });
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
fn added(c: &mut Collector<'_>, stored: Option<&Version<'_>>, is: &Version<'_>, stage: Stage) -> Map<String, Value> {
    c.find(
        "version-added",
        Ok,
        "a new version; every version carries the fields of all, and objects are stored as before",
    );
    let mut whole = is.whole.clone();
    if let (Some(stored), Some(place)) = (stored, schema_of(&mut whole)) {
        *place = walk(c, schema(stored.schema), schema(is.schema), Place::ROOT).into();
    }
    if !is.served {
        retire(&mut whole, stage);
    }
    whole
}

/// A version that stays.
fn kept(c: &mut Collector<'_>, was: &Version<'_>, is: &Version<'_>, stage: Stage) -> Map<String, Value> {
    let mut out = Map::new();
    for key in was.whole.keys().chain(is.whole.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (was.whole.get(key), is.whole.get(key));
        match key.as_str() {
            "schema" if was.schema == is.schema => put(&mut out, key, before.cloned()),
            "schema" => put(&mut out, key, Some(described(c, was, is, before))),
            "storage" | "name" => put(&mut out, key, before.cloned()),
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
    if !is.served {
        retire(&mut out, stage);
    }
    out
}

/// What a version says of its objects' fields.
fn described(c: &mut Collector<'_>, was: &Version<'_>, is: &Version<'_>, before: Option<&Value>) -> Value {
    const SCHEMA: &str = "openAPIV3Schema";
    let beside = schema(before.unwrap_or(&Value::Null)).iter().filter(|(key, _)| *key != SCHEMA);
    let mut out: Map<_, _> = beside.map(|(key, value)| (key.clone(), value.clone())).collect();
    out.insert(SCHEMA.into(), walk(c, schema(was.schema), schema(is.schema), Place::ROOT).into());
    out.into()
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
