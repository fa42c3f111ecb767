//! A tenant's `values` against its release's `valuesSchema`.
//!
//! In: an OpenAPI v3 structural schema, as in a CustomResourceDefinition, and values. Out: the values with defaults filled
//! in, or every finding with its path. The subset is closed: a keyword that is not understood is refused, because a rule
//! that is silently not checked is worse than none.
mod check;
mod schema;

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::shape::Shape;
use schema::Rule;

/// Levels of a schema, and of values.
const MAX_DEPTH: usize = 32;
/// Findings reported at once.
const MAX_FINDINGS: usize = 32;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    root: Rule,
}

/// What is wrong with a value, or with the schema itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueError {
    /// Where: `values.tls.port`, or `valuesSchema.properties.tls`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for ValueError {}

impl Schema {
    /// Reads a release's `valuesSchema`.
    ///
    /// # Errors
    /// Every keyword that is not understood or does not make sense, with its path; at most 32.
    pub fn compile(schema: &Map<String, Value>) -> Result<Self, Vec<ValueError>> {
        let mut findings = Findings::default();
        let root = Rule::compile(&Value::Object(schema.clone()), "valuesSchema", 0, &mut findings);
        if !root.is_object() {
            findings.add("valuesSchema", "`type` must be `object`: values are a map");
        }
        findings.finish().map(|()| Self { root })
    }

    /// The schema of a release that has none: no values are taken.
    #[must_use]
    pub fn none() -> Self {
        Self { root: Rule::empty_object() }
    }

    /// Checks values, and fills in defaults.
    ///
    /// # Errors
    /// Everything that does not fit, with its path; at most 32.
    pub fn check(&self, values: &Map<String, Value>) -> Result<Map<String, Value>, Vec<ValueError>> {
        let mut findings = Findings::default();
        let mut value = Value::Object(values.clone());
        self.root.apply(&mut value, "values", 0, &mut findings);
        findings.finish()?;
        match value {
            Value::Object(values) => Ok(values),
            _ => Ok(Map::new()),
        }
    }

    /// What templates may name under `values`.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.root.shape()
    }
}

#[derive(Default)]
struct Findings(Vec<ValueError>);

impl Findings {
    fn add(&mut self, path: &str, message: impl Into<String>) {
        if self.0.len() < MAX_FINDINGS {
            self.0.push(ValueError { path: path.to_owned(), message: message.into() });
        }
    }

    fn finish(self) -> Result<(), Vec<ValueError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}
