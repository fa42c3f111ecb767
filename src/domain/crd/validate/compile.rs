//! In: a schema of the typed model. Out: a tree that a value is walked along, every pattern compiled once.
//! Never: lets a keyword pass that would be ignored silently: those that CRDs may not use are refused.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use regex::bytes::Regex;
use serde_json::Value;

use super::number::Num;
use super::{formats, pattern, read};

/// Levels of schema below each other: what a thread's stack surely bears. JSON itself ends at 128 levels, two for each.
const DEEPEST: usize = 64;

/// What a schema's `type` may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
    Boolean,
    Integer,
    Number,
}

impl Kind {
    fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "object" => Self::Object,
            "array" => Self::Array,
            "string" => Self::Text,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            other => return Err(format!("there is no type {other:?}")),
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::Text => "string",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
        }
    }
}

/// A format that is enforced; every other one means nothing.
#[derive(Debug, Clone)]
pub(super) enum Format {
    Text(String, fn(&str) -> bool),
    Int32,
    Int64,
    Float,
    Double,
}

/// A bound of a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) at: f64,
    pub(super) exclusive: bool,
}

/// What fields without a name of their own may be.
#[derive(Debug)]
pub(super) enum Additional {
    /// `additionalProperties: true`.
    Any,
    As(Box<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListType {
    Atomic,
    Set,
    Map,
}

/// Lower and upper bound of a length, a number of items or of properties.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) min: Option<i64>,
    pub(super) max: Option<i64>,
}

/// One schema.
#[derive(Debug)]
pub(super) struct Node {
    /// Empty: any; two for int-or-string.
    pub(super) types: Vec<Kind>,
    pub(super) nullable: bool,
    pub(super) format: Option<Format>,
    pub(super) choices: Vec<Value>,
    pub(super) default: Option<Value>,
    pub(super) minimum: Option<Bound>,
    pub(super) maximum: Option<Bound>,
    pub(super) multiple_of: Option<f64>,
    pub(super) length: Count,
    pub(super) pattern: Option<(String, Regex)>,
    pub(super) size: Count,
    pub(super) items: Option<Box<Node>>,
    pub(super) list_type: ListType,
    pub(super) map_keys: Vec<String>,
    pub(super) fields: Count,
    pub(super) required: Vec<String>,
    pub(super) properties: BTreeMap<String, Node>,
    pub(super) additional: Option<Additional>,
    pub(super) all_of: Vec<Node>,
    pub(super) any_of: Vec<Node>,
    pub(super) one_of: Vec<Node>,
    pub(super) not: Option<Box<Node>>,
    pub(super) embedded: bool,
    pub(super) open: bool,
}

impl Node {
    pub(super) fn is(&self, kind: Kind) -> bool {
        self.types.contains(&kind)
    }

    /// The schema of a field of that name, if it has one.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(match &self.additional {
            Some(Additional::As(node)) => Some(node),
            _ => None,
        })
    }
}

pub(super) fn compile(schema: &JSONSchemaProps) -> Result<Node, String> {
    Compiler { path: Vec::new(), patterns: HashMap::new() }.node(schema)
}

struct Compiler {
    path: Vec<String>,
    patterns: HashMap<String, Regex>,
}

impl Compiler {
    fn node(&mut self, schema: &JSONSchemaProps) -> Result<Node, String> {
        if self.path.len() > DEEPEST {
            return Err(format!("the schema is nested deeper than {DEEPEST} levels"));
        }
        let s = schema;
        self.allowed(s)?;
        let types = self.types(s)?;
        let bound =
            |at: Option<f64>, exclusive: Option<bool>| at.map(|at| Bound { at, exclusive: exclusive.unwrap_or(false) });
        let mut node = Node {
            format: format(&types, s.format.as_deref()),
            types,
            nullable: s.nullable.unwrap_or(false),
            choices: s.enum_.iter().flatten().map(|choice| stored(&choice.0)).collect(),
            default: s.default.as_ref().map(|default| stored(&default.0)).filter(|default| !default.is_null()),
            minimum: bound(s.minimum, s.exclusive_minimum),
            maximum: bound(s.maximum, s.exclusive_maximum),
            multiple_of: s.multiple_of,
            length: Count { min: s.min_length, max: s.max_length },
            pattern: self.pattern(s.pattern.as_deref().unwrap_or_default())?,
            size: Count { min: s.min_items, max: s.max_items },
            items: self.items(s.items.as_ref())?,
            list_type: self.list_type(s.x_kubernetes_list_type.as_deref())?,
            map_keys: s.x_kubernetes_list_map_keys.clone().unwrap_or_default(),
            fields: Count { min: s.min_properties, max: s.max_properties },
            required: s.required.clone().unwrap_or_default(),
            properties: self.properties(s)?,
            additional: self.additional(s.additional_properties.as_ref())?,
            all_of: self.alternatives("allOf", s.all_of.as_deref())?,
            any_of: self.alternatives("anyOf", s.any_of.as_deref())?,
            one_of: self.alternatives("oneOf", s.one_of.as_deref())?,
            not: s.not.as_deref().map(|not| self.below("not", not)).transpose()?.map(Box::new),
            embedded: s.x_kubernetes_embedded_resource.unwrap_or(false),
            open: s.x_kubernetes_preserve_unknown_fields.unwrap_or(false),
        };
        if let Some(mut default) = node.default.take() {
            read::prune_default(&node, &mut default);
            node.default = Some(default);
        }
        Ok(node)
    }

    /// # Errors
    /// On a keyword that no CRD may use, so that nobody believes it was checked.
    fn allowed(&self, s: &JSONSchemaProps) -> Result<(), String> {
        let used = [
            ("$ref", s.ref_path.is_some()),
            ("definitions", s.definitions.as_ref().is_some_and(|all| !all.is_empty())),
            ("dependencies", s.dependencies.as_ref().is_some_and(|all| !all.is_empty())),
            ("patternProperties", s.pattern_properties.as_ref().is_some_and(|all| !all.is_empty())),
            ("additionalItems", s.additional_items.is_some()),
            ("uniqueItems", s.unique_items.unwrap_or(false)),
        ];
        match used.iter().find(|(_, used)| *used) {
            Some((keyword, _)) => Err(self.wrong(&format!("{keyword} is not allowed in a CRD"))),
            None => Ok(()),
        }
    }

    fn types(&self, s: &JSONSchemaProps) -> Result<Vec<Kind>, String> {
        if s.x_kubernetes_int_or_string.unwrap_or(false) {
            return Ok(vec![Kind::Integer, Kind::Text]);
        }
        let named = s.type_.as_deref().filter(|name| !name.is_empty());
        named.map(|name| Kind::parse(name).map_err(|why| self.wrong(&why))).into_iter().collect()
    }

    fn pattern(&mut self, text: &str) -> Result<Option<(String, Regex)>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let compiled = match self.patterns.get(text) {
            Some(known) => known.clone(),
            None => pattern::compile(text).map_err(|why| self.wrong(&format!("pattern {text:?}: {why}")))?,
        };
        self.patterns.insert(text.to_owned(), compiled.clone());
        Ok(Some((text.to_owned(), compiled)))
    }

    fn items(&mut self, items: Option<&JSONSchemaPropsOrArray>) -> Result<Option<Box<Node>>, String> {
        match items {
            None => Ok(None),
            Some(JSONSchemaPropsOrArray::Schema(schema)) => Ok(Some(Box::new(self.below("items", schema)?))),
            Some(JSONSchemaPropsOrArray::Schemas(_)) => Err(self.wrong("items is not allowed to be a list in a CRD")),
        }
    }

    fn list_type(&self, name: Option<&str>) -> Result<ListType, String> {
        match name {
            None | Some("atomic") => Ok(ListType::Atomic),
            Some("set") => Ok(ListType::Set),
            Some("map") => Ok(ListType::Map),
            Some(other) => Err(self.wrong(&format!("there is no x-kubernetes-list-type {other:?}"))),
        }
    }

    fn properties(&mut self, s: &JSONSchemaProps) -> Result<BTreeMap<String, Node>, String> {
        let all = s.properties.iter().flatten();
        all.map(|(name, schema)| Ok((name.clone(), self.below(name, schema)?))).collect()
    }

    fn additional(&mut self, additional: Option<&JSONSchemaPropsOrBool>) -> Result<Option<Additional>, String> {
        match additional {
            None => Ok(None),
            Some(JSONSchemaPropsOrBool::Bool(true)) => Ok(Some(Additional::Any)),
            Some(JSONSchemaPropsOrBool::Bool(false)) => {
                Err(self.wrong("additionalProperties is not allowed to be false in a CRD"))
            }
            Some(JSONSchemaPropsOrBool::Schema(schema)) => {
                Ok(Some(Additional::As(Box::new(self.below("additionalProperties", schema)?))))
            }
        }
    }

    fn alternatives(&mut self, keyword: &str, all: Option<&[JSONSchemaProps]>) -> Result<Vec<Node>, String> {
        all.unwrap_or_default().iter().map(|schema| self.below(keyword, schema)).collect()
    }

    fn below(&mut self, step: &str, schema: &JSONSchemaProps) -> Result<Node, String> {
        self.path.push(step.to_owned());
        let node = self.node(schema);
        self.path.pop();
        node
    }

    fn wrong(&self, why: &str) -> String {
        if self.path.is_empty() { why.to_owned() } else { format!("{}: {why}", self.path.join(".")) }
    }
}

/// A value of a schema as it is once the definition was stored: `1.0` has become `1`.
fn stored(value: &Value) -> Value {
    match value {
        Value::Number(number) => Num::of(number).whole().map_or_else(|| value.clone(), Value::from),
        Value::Array(items) => items.iter().map(stored).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), stored(value))).collect(),
        other => other.clone(),
    }
}

/// The format, if it is one that the API server knows for that type; see `apiserver/validation/formats.go`.
fn format(types: &[Kind], name: Option<&str>) -> Option<Format> {
    match (types, name?) {
        ([Kind::Integer], "int32") => Some(Format::Int32),
        ([Kind::Integer], "int64") => Some(Format::Int64),
        ([Kind::Number], "float") => Some(Format::Float),
        ([Kind::Number], "double") => Some(Format::Double),
        ([] | [Kind::Text] | [_, _], name) => formats::named(name).map(|check| Format::Text(name.to_owned(), check)),
        _ => None,
    }
}
