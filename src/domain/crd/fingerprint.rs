//! What a definition, or a part of its schema, means, in 32 bytes: the order of sets means nothing. Each node is hashed once, of
//! the fingerprints of its children, so that the cost is linear in the size.
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::domain::digest;

pub type Fingerprint = [u8; 32];

/// Lists in a schema whose order means nothing.
const SETS: [&str; 4] = ["enum", "required", "x-kubernetes-list-map-keys", "x-kubernetes-validations"];
/// Lists outside a schema whose order means nothing.
const SPEC_SETS: [&str; 3] = ["shortNames", "categories", "selectableFields"];

/// What a schema means.
#[must_use]
pub fn of_schema(schema: &Value) -> Fingerprint {
    let Value::Object(keywords) = schema else { return of_literal(schema) };
    of_fields(keywords, |keyword, value| match (keyword, value) {
        ("properties", Value::Object(properties)) => of_fields(properties, |_, schema| of_schema(schema)),
        ("oneOf" | "anyOf" | "allOf", Value::Array(branches)) => of_set(branches, of_schema),
        ("items" | "additionalProperties" | "not", schema) => of_schema(schema),
        (keyword, Value::Array(values)) if SETS.contains(&keyword) => of_set(values, of_literal),
        (_, literal) => of_literal(literal),
    })
}

/// What a spec means.
pub(super) fn of_spec(spec: &Map<String, Value>) -> Fingerprint {
    of_fields(spec, |key, value| match (key, value) {
        ("versions", Value::Array(versions)) => of_set(versions, of_part),
        ("names", names) => of_part(names),
        (_, literal) => of_literal(literal),
    })
}

/// What a version means, or the names.
fn of_part(part: &Value) -> Fingerprint {
    let Value::Object(fields) = part else { return of_literal(part) };
    of_fields(fields, |key, value| match (key, value) {
        ("schema", Value::Object(schema)) => of_fields(schema, |_, schema| of_schema(schema)),
        (key, Value::Array(values)) if SPEC_SETS.contains(&key) => of_set(values, of_literal),
        (_, literal) => of_literal(literal),
    })
}

/// A value to the letter; `serde_json` keeps its maps sorted.
#[must_use]
pub fn of_literal(value: &Value) -> Fingerprint {
    Sha256::digest(serde_json::to_vec(value).unwrap_or_default()).into()
}

fn of_fields(fields: &Map<String, Value>, of: impl Fn(&str, &Value) -> Fingerprint) -> Fingerprint {
    let mut hash = Sha256::new();
    for (key, value) in fields {
        hash.update(key.len().to_be_bytes());
        hash.update(key);
        hash.update(of(key, value));
    }
    hash.finalize().into()
}

fn of_set(values: &[Value], of: impl Fn(&Value) -> Fingerprint) -> Fingerprint {
    let mut all: Vec<_> = values.iter().map(of).collect();
    all.sort_unstable();
    let mut hash = Sha256::new();
    for one in all {
        hash.update(one);
    }
    hash.finalize().into()
}

/// The first 64 bits as 16 hex digits, like every digest of this program.
pub(super) fn short(fingerprint: &Fingerprint) -> String {
    digest::hex(&fingerprint[..8])
}
