//! What a string of a template means once it is checked: a small tree in which every path is declared, every helper
//! known, and nothing raw, partial or decorated is left, so that rendering it has little left to go wrong.
use serde_json::Value;

use super::helpers::Helper;

/// A string that is rendered.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    /// One expression and nothing else: it keeps its value's type. `optional`: without a value, its key is left out.
    Whole { value: Expr, optional: bool },
    /// Text with expressions in it.
    Mixed(Vec<Part>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Print { value: Expr, offset: usize },
    If { condition: Expr, then: Vec<Part>, otherwise: Vec<Part>, offset: usize },
    Each { over: Expr, turn: Vec<Part>, none: Vec<Part>, offset: usize },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Literal(Value),
    Path(Path),
    Call(Helper, Vec<Expr>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    /// How many `each` to leave first (`../`).
    pub up: usize,
    pub start: Start,
    pub segments: Vec<String>,
    /// As it was written, for messages.
    pub raw: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    This,
    Index,
    Key,
    First,
    Last,
}

/// A mistake, and where in the string it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub offset: Option<usize>,
    pub message: String,
}

impl From<String> for Mistake {
    fn from(message: String) -> Self {
        Self { offset: None, message }
    }
}
