//! One rendered object: untyped, as it is applied, with a canonical form to hash and to compare.
use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{quantity, secret};

/// A rendered object. It has `apiVersion`, `kind` and `metadata.name`; quantities and Secrets stand as the API server stores
/// them.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    pub value: Value,
}

impl Manifest {
    /// Takes a rendered value for an object, and writes what the API server would rewrite as it does.
    ///
    /// # Errors
    /// Names the field without which it is no object.
    pub fn new(mut value: Value) -> Result<Self, String> {
        for pointer in ["/apiVersion", "/kind", "/metadata/name"] {
            if value.pointer(pointer).and_then(Value::as_str).is_none_or(str::is_empty) {
                let field = pointer.trim_start_matches('/').replace('/', ".");
                return Err(format!("an object needs `{field}`, a string that is not empty"));
            }
        }
        quantity::canonicalize(&mut value);
        secret::canonicalize(&mut value);
        Ok(Self { value })
    }

    fn text(&self, pointer: &str) -> &str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    #[must_use]
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion")
    }

    /// The API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `None` for an object without a namespace of its own, such as a Namespace.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.value.pointer("/metadata/namespace").and_then(Value::as_str)
    }

    /// The object as JSON with sorted keys and no spaces: equal objects have equal bytes.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        canonical_json(&self.value)
    }

    /// SHA-256 of the canonical JSON, as 64 hex digits.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.canonical_json()))
    }
}

impl fmt::Display for Manifest {
    /// `Kind/name`, as findings, events and `kubectl` name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind(), self.name())
    }
}

/// JSON with sorted keys and no spaces. Written by hand so that it stays sorted when another crate turns on
/// `serde_json/preserve_order`, which would change every digest.
pub(super) fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => write_map(fields, out),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn write_map(fields: &Map<String, Value>, out: &mut String) {
    let mut entries: Vec<_> = fields.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    for (i, (key, value)) in entries.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(out, "{}:", Value::from(key.as_str()));
        write(value, out);
    }
    out.push('}');
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
