//! What a template may name: the declared variables, as a tree, so that a typo is found before any tenant renders.
//!
//! In: the fields of [`super::Context`], and a release's schema for `values`. Out: for a path, what it leads to, or the
//! names that were possible instead.
use std::collections::BTreeMap;

/// What is declared at one point of the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A string, a number or a bool.
    Leaf,
    /// Anything: values without a schema. What is named below it must be there when it is rendered.
    Any,
    /// Keys that vary, values of one shape. A key that is absent has no value.
    Map(Box<Shape>),
    /// A list with elements of one shape.
    List(Box<Shape>),
    /// These fields and no others; one of them may have no value.
    Object(BTreeMap<String, Shape>),
}

/// Where a path leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'s> {
    pub shape: &'s Shape,
    /// It leads through undeclared ground: it must exist in every context that is rendered, also under `if`.
    pub must_exist: bool,
}

impl Shape {
    pub(super) fn object<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Object(fields.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect())
    }

    pub(super) fn leaves<const N: usize>(names: [&str; N]) -> Self {
        Self::object(names.map(|name| (name, Self::Leaf)))
    }

    pub(super) fn map() -> Self {
        Self::Map(Box::new(Self::Leaf))
    }

    pub(super) fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    /// Where the path `segments` leads from here.
    pub(super) fn find<'s>(&'s self, segments: &[String]) -> Result<Found<'s>, String> {
        let mut found = Found { shape: self, must_exist: false };
        let mut walked = String::new();
        for segment in segments {
            found = found.shape.step(segment, &walked, found.must_exist)?;
            if !walked.is_empty() {
                walked.push('.');
            }
            walked.push_str(segment);
        }
        Ok(found)
    }

    fn step<'s>(&'s self, segment: &str, walked: &str, must_exist: bool) -> Result<Found<'s>, String> {
        let of = if walked.is_empty() { "here".to_owned() } else { format!("in `{walked}`") };
        match self {
            Self::Any => Ok(Found { shape: self, must_exist: true }),
            Self::Map(value) => Ok(Found { shape: value, must_exist }),
            Self::List(element) if segment.parse::<usize>().is_ok() => Ok(Found { shape: element, must_exist }),
            Self::List(_) => Err(format!("`{walked}` is a list: `{segment}` is not a position in it")),
            Self::Leaf => Err(format!("`{walked}` is a plain value, it has no `{segment}`")),
            Self::Object(fields) => match fields.get(segment) {
                Some(shape) => Ok(Found { shape, must_exist }),
                None if fields.is_empty() => Err(format!("unknown variable `{segment}`: nothing is declared {of}")),
                None => Err(unknown(segment, &of, fields)),
            },
        }
    }

    /// What one turn of `each` sees; `None` when there is nothing to go through.
    pub(super) fn element(&self) -> Option<&Self> {
        match self {
            Self::Any => Some(self),
            Self::Map(inner) | Self::List(inner) => Some(inner),
            Self::Leaf | Self::Object(_) => None,
        }
    }
}

fn unknown(written: &str, of: &str, fields: &BTreeMap<String, Shape>) -> String {
    if let Some(near) = fields.keys().find(|name| is_typo(written, name)) {
        return format!("unknown variable `{written}` {of}: did you mean `{near}`?");
    }
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    format!("unknown variable `{written}`: declared {of} are {}", names.join(", "))
}

/// Whether one becomes the other by adding, dropping or changing at most two characters, and keeps most of them.
fn is_typo(written: &str, name: &str) -> bool {
    let (written, name): (Vec<char>, Vec<char>) = (written.chars().take(64).collect(), name.chars().collect());
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, a) in written.iter().enumerate() {
        let mut next = vec![i + 1];
        for (b, pair) in name.iter().zip(row.windows(2)) {
            let [diagonal, above] = *pair else { continue };
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(!a.eq_ignore_ascii_case(b))).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().is_some_and(|distance| *distance <= 2 && *distance * 2 < name.len())
}
