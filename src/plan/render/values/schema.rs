//! The schema, read: which keywords there are and what they mean.
use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::{Findings, MAX_DEPTH};
use crate::plan::render::shape::Shape;

/// Keywords that [`kind`] and [`Rule::keyword`] read.
const READ_ELSEWHERE: [&str; 3] = ["type", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"];
/// Words for people, and hints to the API server that change no value. `format` is a hint too: it is not checked.
const CHANGES_NOTHING: [&str; 8] = [
    "description",
    "title",
    "example",
    "externalDocs",
    "format",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
];

/// What a value must be.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub kind: Kind,
    pub nullable: bool,
    pub properties: BTreeMap<String, Rule>,
    pub required: Vec<String>,
    pub others: Others,
    pub items: Option<Box<Rule>>,
    pub allowed: Option<Vec<Value>>,
    pub default: Option<Value>,
    pub minimum: Option<(f64, bool)>,
    pub maximum: Option<(f64, bool)>,
    pub multiple_of: Option<f64>,
    /// Least and most characters of a string, elements of a list, or keys of a map.
    pub size: (usize, Option<usize>),
    pub unique: bool,
    pub pattern: Option<Regex>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

/// What becomes of properties that are not named.
#[derive(Debug, Default)]
pub(super) enum Others {
    #[default]
    Refuse,
    Keep,
    Each(Box<Rule>),
}

impl Rule {
    pub fn empty_object() -> Self {
        Self { kind: Kind::Object, ..Self::default() }
    }

    pub fn is_object(&self) -> bool {
        self.kind == Kind::Object
    }

    pub fn compile(schema: &Value, path: &str, depth: usize, findings: &mut Findings) -> Self {
        let mut rule = Self::default();
        let Value::Object(keywords) = schema else {
            findings.add(path, "a schema must be a map");
            return rule;
        };
        if depth > MAX_DEPTH {
            findings.add(path, format!("deeper than {MAX_DEPTH} levels"));
            return rule;
        }
        rule.kind = kind(keywords, path, findings);
        for (keyword, value) in keywords {
            let at = format!("{path}.{keyword}");
            if let Err(message) = rule.keyword(keyword, value, &at, depth, findings) {
                findings.add(&at, message);
            }
        }
        // Bools beside the bounds, as in OpenAPI v3.0.
        let is_set = |keyword: &str| keywords.get(keyword) == Some(&Value::Bool(true));
        rule.minimum = rule.minimum.map(|(n, _)| (n, is_set("exclusiveMinimum")));
        rule.maximum = rule.maximum.map(|(n, _)| (n, is_set("exclusiveMaximum")));
        rule.check_default(path, findings);
        rule
    }

    /// A default that its own schema refuses would stall every tenant that relies on it.
    fn check_default(&mut self, path: &str, findings: &mut Findings) {
        if let Some(mut default) = self.default.take() {
            self.apply(&mut default, &format!("{path}.default"), 0, findings);
            self.default = Some(default);
        }
    }

    fn keyword(
        &mut self,
        keyword: &str,
        value: &Value,
        at: &str,
        depth: usize,
        findings: &mut Findings,
    ) -> Result<(), String> {
        let mut inner = |value: &Value, at: &str| Self::compile(value, at, depth + 1, findings);
        match keyword {
            "properties" => {
                let fields = value.as_object().ok_or("must be a map of schemas")?;
                self.properties = fields.iter().map(|(n, s)| (n.clone(), inner(s, &format!("{at}.{n}")))).collect();
            }
            "items" => self.items = Some(Box::new(inner(value, at))),
            "additionalProperties" => match value {
                Value::Bool(false) => {}
                Value::Bool(true) => self.others = Others::Keep,
                schema => self.others = Others::Each(Box::new(inner(schema, at))),
            },
            "x-kubernetes-preserve-unknown-fields" if flag(value)? => self.others = Others::Keep,
            _ => return self.plain_keyword(keyword, value),
        }
        Ok(())
    }

    fn plain_keyword(&mut self, keyword: &str, value: &Value) -> Result<(), String> {
        match keyword {
            "required" => self.required = strings(value)?,
            "enum" => self.allowed = Some(value.as_array().ok_or("must be a list")?.clone()),
            "default" => self.default = Some(value.clone()),
            "nullable" => self.nullable = flag(value)?,
            "uniqueItems" => self.unique = flag(value)?,
            "minimum" => self.minimum = Some((number(value)?, false)),
            "maximum" => self.maximum = Some((number(value)?, false)),
            "exclusiveMinimum" | "exclusiveMaximum" => drop(flag(value)?),
            "multipleOf" => {
                let step = number(value)?;
                self.multiple_of = Some(step).filter(|step| *step > 0.0);
                self.multiple_of.ok_or("must be above 0")?;
            }
            "minLength" | "minItems" | "minProperties" => self.size.0 = count(value)?,
            "maxLength" | "maxItems" | "maxProperties" => self.size.1 = Some(count(value)?),
            "pattern" => self.pattern = Some(pattern(value)?),
            _ if READ_ELSEWHERE.contains(&keyword) || CHANGES_NOTHING.contains(&keyword) => {}
            _ => return Err("this keyword is not supported in a valuesSchema".to_owned()),
        }
        Ok(())
    }

    /// What templates may name of a value that this rule describes.
    pub fn shape(&self) -> Shape {
        match (self.kind, &self.others) {
            (Kind::Any, _) | (Kind::Object, Others::Keep) => Shape::Any,
            (Kind::Object, Others::Each(_)) if !self.properties.is_empty() => Shape::Any,
            (Kind::Object, Others::Each(rule)) => Shape::Map(Box::new(rule.shape())),
            (Kind::Object, Others::Refuse) => {
                Shape::Object(self.properties.iter().map(|(name, rule)| (name.clone(), rule.shape())).collect())
            }
            (Kind::Array, _) => Shape::list(self.items.as_ref().map_or(Shape::Any, |items| items.shape())),
            _ => Shape::Leaf,
        }
    }
}

fn kind(keywords: &Map<String, Value>, path: &str, findings: &mut Findings) -> Kind {
    if keywords.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return Kind::IntOrString;
    }
    match keywords.get("type").map(|t| t.as_str().unwrap_or_default()) {
        None if keywords.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)) => Kind::Any,
        None => {
            findings.add(path, "needs a `type`: a structural schema says the type of every value");
            Kind::Any
        }
        Some("object") => Kind::Object,
        Some("array") => Kind::Array,
        Some("string") => Kind::String,
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Boolean,
        Some(other) => {
            findings
                .add(path, format!("`{other}` is no type: there are object, array, string, integer, number, boolean"));
            Kind::Any
        }
    }
}

fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| "must be a number".to_owned())
}

fn count(value: &Value) -> Result<usize, String> {
    let count = value.as_u64().and_then(|n| usize::try_from(n).ok());
    count.ok_or_else(|| "must be a whole number, 0 or more".to_owned())
}

fn strings(value: &Value) -> Result<Vec<String>, String> {
    let strings: Option<Vec<_>> =
        value.as_array().and_then(|items| items.iter().map(|s| s.as_str().map(str::to_owned)).collect());
    strings.ok_or_else(|| "must be a list of strings".to_owned())
}

fn pattern(value: &Value) -> Result<Regex, String> {
    let text = value.as_str().ok_or("must be a string")?;
    // Linear in its input, like the API server's; the bound is on what it compiles to.
    RegexBuilder::new(text)
        .size_limit(1 << 20)
        .build()
        .map_err(|e| format!("is no regular expression that is taken: {e}"))
}
