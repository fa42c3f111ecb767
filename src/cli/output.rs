//! Standard output, and the forms in which programs read it.
use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

/// How a verb prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For people with room: namespace, leader, transitions, and why.
    Wide,
    /// One JSON document; with --watch one line a change.
    Json,
    /// One YAML document; with --watch one a change.
    Yaml,
    /// Names only, as `kubectl -o name` prints them.
    Name,
}

/// Writes text to standard output. A reader that went away, as `head` does, ends the program quietly.
///
/// # Errors
/// Standard output cannot be written.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result,
    }
}

/// A value as one YAML document without its `---`.
///
/// # Errors
/// A value that YAML cannot hold.
pub fn yaml<T: Serialize>(value: &T) -> Result<String, serde_saphyr::SerializeError> {
    // Folded text is legal and hard to read in a diff; strings stay on the line where they begin.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(value, options)
}

/// A value as JSON: indented, or on one line.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn json<T: Serialize>(value: &T, one_line: bool) -> serde_json::Result<String> {
    let text = if one_line { serde_json::to_string(value) } else { serde_json::to_string_pretty(value) };
    text.map(|text| text + "\n")
}
