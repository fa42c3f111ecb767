//! Whether the API server would take a stored object under another schema, and what it would lose.
//!
//! In: an `openAPIV3Schema` of a CRD, once; then any number of objects, as they are stored.
//! Out: what of an object breaks the schema ([`Validator::violations`]), what of it would be dropped
//! ([`Validator::pruned`]), and what the API server would read ([`Validator::read`]).
//! Never: evaluates `x-kubernetes-validations`: only the API server can, by a dry-run write; [`rules`] says which
//! there is anything to ask it.
//!
//! The steps are those of `apiextensions-apiserver` 0.36 in their order: unknown fields are pruned, nulls that a field
//! does not allow are dropped, defaults are filled in, then types and bounds are checked (`kube-openapi`
//! `pkg/validation/validate`), embedded resources, and the keys of lists of type `set` and `map`. Where that code
//! differs from JSON Schema, this differs with it: a bound of `2.5` is `2` for the integer `2`, a list is a `string`
//! if there is a `format`. Suite `verdicts_vs_apiserver` holds this against a real API server.
//!
//! No JSON Schema library is used: none speaks this dialect. The `jsonschema` crate has the drafts 4 to 2020-12, where
//! `exclusiveMaximum` is a number, `nullable` and `x-kubernetes-*` do not exist, formats are other ones, and neither
//! pruning nor defaulting is part of validation.
//!
//! # Caveats
//! - An update may be taken although this refuses it: the API server lets an unchanged invalid field pass (KEP-4008).
//!   A scan must not rely on that, since the next change of that field fails.
//! - The bounds of `int32`, `int64` and `float` are enforced since 1.36; an older API server lets larger numbers pass.
//! - `managedFields` and the addresses behind `email` are checked less deeply than by the API server.
//! - What the `scale` subresource asks of a replicas field is not part of a schema, and not looked at.

mod check;
mod compile;
mod embedded;
mod formats;
mod mail;
mod network;
mod number;
mod pattern;
mod read;
mod structure;
mod uri;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde::Deserialize;
use serde_json::Value;

use compile::Node;

/// How many violations and how many pruned paths are told of one object: more help nobody, and an object may have
/// a million.
pub const TOLD: usize = 16;

/// One way in which an object breaks a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field, as `spec.ports[0].name`; empty for the object itself.
    pub path: String,
    /// What is wrong with it, without the path.
    pub why: String,
}

/// A schema, ready to judge objects: made once for all of them, since its patterns are compiled.
#[derive(Debug)]
pub struct Validator {
    root: Node,
}

impl Validator {
    /// Compiles a version's `openAPIV3Schema`.
    ///
    /// # Errors
    /// On a schema that the API server refuses too: not a schema, a keyword that CRDs may not use, a pattern that is not
    /// one; and on one nested deeper than 64 levels, which public CRDs never are (20).
    pub fn new(schema: &Value) -> Result<Self, String> {
        let schema = JSONSchemaProps::deserialize(schema).map_err(|error| format!("not a schema: {error}"))?;
        Ok(Self { root: compile::compile(&schema)? })
    }

    /// What of the object breaks the schema once it is read: the first [`TOLD`] of it, nothing if it is valid.
    /// Takes time in proportion to the object, times the number of alternatives that the schema has for one field.
    #[must_use]
    pub fn violations(&self, object: &Value) -> Vec<Violation> {
        let object = self.read(object);
        let mut found = Found::new(TOLD);
        check::check(&self.root, &object, &mut found);
        structure::check(&self.root, &object, &mut found);
        found.all
    }

    /// The paths that the API server would drop when it reads the object, sorted, the first [`TOLD`]. A null that its
    /// field does not allow is dropped too, but is no loss and is not told.
    #[must_use]
    pub fn pruned(&self, object: &Value) -> Vec<String> {
        let mut object = object.clone();
        let mut dropped = read::Dropped::new(TOLD);
        read::prune(&self.root, &mut object, &mut dropped);
        dropped.sorted()
    }

    /// The object as the API server reads it: pruned, without nulls that are not allowed, with defaults.
    #[must_use]
    pub fn read(&self, object: &Value) -> Value {
        let mut object = object.clone();
        read::prune(&self.root, &mut object, &mut read::Dropped::new(0));
        read::drop_nulls(Some(&self.root), &mut object);
        read::fill_in(&self.root, &mut object);
        object
    }
}

/// The CEL rules that the schema has anywhere.
#[must_use]
pub fn rules(schema: &Value) -> BTreeSet<&str> {
    let own = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let named = schema["properties"].as_object().into_iter().flat_map(|all| all.values());
    let single = ["items", "additionalProperties", "not"].into_iter().filter_map(|key| schema.get(key));
    let lists = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
    let below = named.chain(single).chain(lists).flat_map(rules);
    own.filter_map(|rule| rule["rule"].as_str()).chain(below).collect()
}

/// What was found so far, up to a limit, and where the search is.
struct Found {
    path: String,
    all: Vec<Violation>,
    limit: usize,
}

impl Found {
    fn new(limit: usize) -> Self {
        Self { path: String::new(), all: Vec::new(), limit }
    }

    fn full(&self) -> bool {
        self.all.len() >= self.limit
    }

    fn add(&mut self, why: impl FnOnce() -> String) {
        if !self.full() {
            self.all.push(Violation { path: self.path.clone(), why: why() });
        }
    }

    /// Looks into a field.
    fn field(&mut self, name: &str, look: impl FnOnce(&mut Self)) {
        let here = self.path.len();
        join(&mut self.path, name);
        look(self);
        self.path.truncate(here);
    }

    /// Looks into an element of a list.
    fn item(&mut self, at: usize, look: impl FnOnce(&mut Self)) {
        let here = self.path.len();
        index(&mut self.path, at);
        look(self);
        self.path.truncate(here);
    }
}

/// Appends a field's name to a path.
fn join(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// Appends an index to a path.
fn index(path: &mut String, at: usize) {
    path.extend(["[", &at.to_string(), "]"]);
}
