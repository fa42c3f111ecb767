//! The functions a template may call: pure, total, and few.
//!
//! Not here, on purpose: anything that reads a clock, a file, the environment, the network or chance (rendering must be
//! hashable), and `lookup`, whose path is only known when it runs, so that a typo in it could not be found before.
use std::borrow::Cow;

use serde_json::Value;

use super::manifest::canonical_json;

/// What a helper is given: a value, or nothing for a declared variable without a value.
pub(super) type Argument<'a> = Option<Cow<'a, Value>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Helper {
    /// `default value fallback`: the value, or the fallback when there is none (absent or null).
    Default,
    /// `eq a b`, `ne a b`: whether two values are the same, type included.
    Eq,
    Ne,
    /// `not a`, `and a b …`, `or a b …`: bools, by Handlebars' truth: false, 0, "", null, [] and {} are not true.
    Not,
    And,
    Or,
    /// `json value`: the value as one line of JSON, keys sorted.
    Json,
    /// `join list separator`: the list's elements as text.
    Join,
    /// `len value`: elements of a list, keys of a map, characters of a string.
    Len,
}

impl Helper {
    pub const NAMES: &str = "default, eq, ne, not, and, or, json, join, len";

    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "default" => Self::Default,
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "not" => Self::Not,
            "and" => Self::And,
            "or" => Self::Or,
            "json" => Self::Json,
            "join" => Self::Join,
            "len" => Self::Len,
            _ => return None,
        })
    }

    /// The number of arguments it takes, as (least, most).
    pub fn arity(self) -> (usize, usize) {
        match self {
            Self::Not | Self::Json | Self::Len => (1, 1),
            Self::Default | Self::Eq | Self::Ne | Self::Join => (2, 2),
            Self::And | Self::Or => (2, 16),
        }
    }

    pub fn call(self, arguments: Vec<Argument<'_>>) -> Result<Argument<'_>, String> {
        let count = arguments.len();
        let mut arguments = arguments.into_iter();
        let (first, second) = (arguments.next().flatten(), arguments.next().flatten());
        let truths = || {
            let rest = arguments.clone().map(|a| is_true(a.as_deref()));
            [is_true(first.as_deref()), is_true(second.as_deref())].into_iter().take(count).chain(rest)
        };
        let answer = match self {
            Self::Default => return Ok(first.filter(|v| !v.is_null()).or(second)),
            Self::Eq => Value::Bool(first == second),
            Self::Ne => Value::Bool(first != second),
            Self::Not => Value::Bool(!is_true(first.as_deref())),
            Self::And => Value::Bool(truths().all(|t| t)),
            Self::Or => Value::Bool(truths().any(|t| t)),
            Self::Json => Value::String(canonical_json(given(&first)?)),
            Self::Join => Value::String(join(given(&first)?, given(&second)?)?),
            Self::Len => Value::from(length(given(&first)?)?),
        };
        Ok(Some(Cow::Owned(answer)))
    }
}

fn given<'a>(argument: &'a Argument<'_>) -> Result<&'a Value, String> {
    argument.as_deref().ok_or_else(|| "has no value here; give it one with `default`".to_owned())
}

/// Handlebars' truth.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(b)) => *b,
        Some(Value::Number(n)) => n.as_f64().is_some_and(|n| n != 0.0),
        Some(Value::String(s)) => !s.is_empty(),
        Some(Value::Array(a)) => !a.is_empty(),
        Some(Value::Object(o)) => !o.is_empty(),
    }
}

/// A plain value as text. Lists and maps have no text of their own.
pub(super) fn text(value: &Value) -> Result<Cow<'_, str>, String> {
    match value {
        Value::String(s) => Ok(Cow::Borrowed(s)),
        Value::Bool(b) => Ok(Cow::Borrowed(if *b { "true" } else { "false" })),
        Value::Number(n) => Ok(Cow::Owned(n.to_string())),
        Value::Null => Err("is null, which has no text; give it a value with `default`".to_owned()),
        Value::Array(_) => Err("is a list, which has no text; use `join` or `json`".to_owned()),
        Value::Object(_) => Err("is a map, which has no text; name one of its fields, or use `json`".to_owned()),
    }
}

fn join(list: &Value, separator: &Value) -> Result<String, String> {
    let Value::Array(items) = list else { return Err("is not a list, so `join` cannot join it".to_owned()) };
    let separator = text(separator)?;
    let parts = items.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    Ok(parts.join(&separator))
}

fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::Array(items) => Ok(items.len()),
        Value::Object(fields) => Ok(fields.len()),
        Value::String(s) => Ok(s.chars().count()),
        _ => Err("has no length: it is neither a list, nor a map, nor a string".to_owned()),
    }
}
