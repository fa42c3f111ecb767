//! A checked expression and a context → a value or text.
//!
//! In: [`Body`] (already checked) and one tenant's context. Out: what it stands for there. Never: more text than the
//! bounds allow, nor text for something that has no value.
use std::borrow::Cow;

use serde_json::Value;

use super::{
    bounds::MAX_SCALAR_BYTES,
    expression::{Body, Expr, Mistake, Part, Path, Start},
    helpers::{Argument, is_true, text},
};

/// One turn of an `each`, or the whole context.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    this: &'a Value,
    outer: Option<&'a Frame<'a>>,
    index: usize,
    count: usize,
    key: Option<&'a str>,
}

impl<'a> Frame<'a> {
    pub fn root(context: &'a Value) -> Self {
        Self { this: context, outer: None, index: 0, count: 1, key: None }
    }
}

impl Body {
    /// The typed value of the string; `None`: an optional value that is not there.
    pub fn value<'a>(&'a self, frame: &'a Frame<'a>) -> Result<Option<Cow<'a, Value>>, Mistake> {
        match self {
            Self::Mixed(_) => self.text(frame).map(|text| Some(Cow::Owned(Value::String(text)))),
            Self::Whole { value, optional } => {
                let found = value.evaluate(frame)?.filter(|v| !v.is_null());
                match (found, optional) {
                    (Some(found), true) => Ok(Some(found).filter(|v| !is_empty(v))),
                    (Some(found), false) => Ok(Some(found)),
                    (None, true) => Ok(None),
                    (None, false) => Err(value.missing(0)),
                }
            }
        }
    }

    /// The string as text.
    pub fn text(&self, frame: &Frame<'_>) -> Result<String, Mistake> {
        let mut out = String::new();
        match self {
            Self::Mixed(parts) => write_parts(parts, frame, &mut out)?,
            Self::Whole { value, .. } => print(value, 0, frame, &mut out)?,
        }
        Ok(out)
    }
}

/// What the API server drops when it stores an object: an empty list or map.
fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn write_parts<'a>(parts: &'a [Part], frame: &'a Frame<'a>, out: &mut String) -> Result<(), Mistake> {
    for part in parts {
        match part {
            Part::Text(text) => append(text, 0, out)?,
            Part::Print { value, offset } => print(value, *offset, frame, out)?,
            Part::If { condition, then, otherwise, offset } => {
                let condition = condition.evaluate(frame).map_err(|m| m.or_at(*offset))?;
                let branch = if is_true(condition.as_deref()) { then } else { otherwise };
                write_parts(branch, frame, out)?;
            }
            Part::Each { over, turn, none, offset } => {
                let over = over.evaluate(frame).map_err(|m| m.or_at(*offset))?;
                write_each(over.as_deref(), turn, none, *offset, frame, out)?;
            }
        }
    }
    Ok(())
}

fn write_each(
    over: Option<&Value>,
    turn: &[Part],
    none: &[Part],
    offset: usize,
    frame: &Frame<'_>,
    out: &mut String,
) -> Result<(), Mistake> {
    let at = |this, index, count, key| Frame { this, outer: Some(frame), index, count, key };
    match over {
        Some(Value::Array(items)) if !items.is_empty() => {
            items.iter().enumerate().try_for_each(|(i, item)| write_parts(turn, &at(item, i, items.len(), None), out))
        }
        Some(Value::Object(fields)) if !fields.is_empty() => fields
            .iter()
            .enumerate()
            .try_for_each(|(i, (key, item))| write_parts(turn, &at(item, i, fields.len(), Some(key.as_str())), out)),
        None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => write_parts(none, frame, out),
        Some(_) => Err(Mistake {
            offset: Some(offset),
            message: "`each` goes through a list or a map, this is neither".to_owned(),
        }),
    }
}

fn print(value: &Expr, offset: usize, frame: &Frame<'_>, out: &mut String) -> Result<(), Mistake> {
    let found = value.evaluate(frame).map_err(|m| m.or_at(offset))?;
    let Some(found) = found else { return Err(value.missing(offset)) };
    let printed = text(&found)
        .map_err(|message| Mistake { offset: Some(offset), message: format!("{} {message}", value.name()) })?;
    append(&printed, offset, out)
}

fn append(text: &str, offset: usize, out: &mut String) -> Result<(), Mistake> {
    if out.len() + text.len() > MAX_SCALAR_BYTES {
        let message = format!("renders to more than {MAX_SCALAR_BYTES} bytes");
        return Err(Mistake { offset: Some(offset), message });
    }
    out.push_str(text);
    Ok(())
}

impl Mistake {
    fn or_at(mut self, offset: usize) -> Self {
        self.offset.get_or_insert(offset);
        self
    }
}

impl Expr {
    fn evaluate<'a>(&'a self, frame: &'a Frame<'a>) -> Result<Argument<'a>, Mistake> {
        match self {
            Self::Literal(value) => Ok(Some(Cow::Borrowed(value))),
            Self::Path(path) => Ok(path.evaluate(frame)),
            Self::Call(helper, arguments) => {
                let arguments = arguments.iter().map(|a| a.evaluate(frame)).collect::<Result<Vec<_>, _>>()?;
                helper.call(arguments).map_err(|message| format!("{} {message}", self.name()).into())
            }
        }
    }

    fn missing(&self, offset: usize) -> Mistake {
        let message = format!("{} has no value here; give it one with `default`, or use `optional`", self.name());
        Mistake { offset: Some(offset), message }
    }

    fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Path(path) => format!("`{}`", path.raw).into(),
            Self::Literal(_) => "the literal".into(),
            Self::Call(_, arguments) => arguments.first().map_or("the expression".into(), Self::name),
        }
    }
}

impl Path {
    /// What the path leads to, if there is anything.
    pub(super) fn evaluate<'a>(&'a self, frame: &'a Frame<'a>) -> Argument<'a> {
        let frame = (0..self.up).try_fold(frame, |frame, _| frame.outer)?;
        let local = match self.start {
            Start::This => return walk(frame.this, &self.segments).map(Cow::Borrowed),
            Start::Index => Value::from(frame.index),
            Start::First => Value::Bool(frame.index == 0),
            Start::Last => Value::Bool(frame.index + 1 == frame.count),
            Start::Key => Value::from(frame.key?),
        };
        Some(Cow::Owned(local))
    }
}

fn walk<'a>(from: &'a Value, segments: &[String]) -> Option<&'a Value> {
    segments.iter().try_fold(from, |value, segment| match value {
        Value::Object(fields) => fields.get(segment),
        Value::Array(items) => segment.parse::<usize>().ok().and_then(|i| items.get(i)),
        _ => None,
    })
}
