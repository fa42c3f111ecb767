//! Where a template is wrong, and why, in words that a person can act on.
use std::{fmt, sync::Arc};

use serde::Serialize;

/// One mistake in a template, or one value that a template could not take.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TemplateError {
    /// File of the template; for a field of a release, its path, such as `spec.args[1]`.
    pub file: Arc<str>,
    /// Line of the string in its file, from 1; 0 for a field of a release, which has no lines.
    pub line: u32,
    /// Column of the string in its line, in characters, from 1; 0 where `line` is 0.
    pub column: u32,
    /// Where inside that string, in characters from its start, when the mistake has a place there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for TemplateError {
    /// `file:line:column: message`, as editors and compilers write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        match self.offset.filter(|offset| *offset > 0) {
            Some(offset) => write!(f, " (at character {offset} of the string)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TemplateError {}

/// The place of one string in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
}

impl Place {
    pub fn error(&self, message: impl Into<String>) -> TemplateError {
        self.error_at(None, message)
    }

    pub fn error_at(&self, offset: Option<usize>, message: impl Into<String>) -> TemplateError {
        TemplateError { file: self.file.clone(), line: self.line, column: self.column, offset, message: message.into() }
    }

    /// The place of a field below this one, for values that have a path instead of lines.
    pub fn below(&self, step: &str) -> Self {
        Self { file: format!("{}{step}", self.file).into(), line: self.line, column: self.column }
    }
}
