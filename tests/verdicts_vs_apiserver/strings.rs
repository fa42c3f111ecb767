//! Formats, patterns, and strings that are or nearly are of one of them: `strings.json`.

use std::sync::LazyLock;

use serde::Deserialize;

/// The file.
#[derive(Deserialize)]
pub struct Strings {
    pub formats: Vec<String>,
    pub patterns: Vec<String>,
    pub texts: Vec<String>,
}

pub static ALL: LazyLock<Strings> = LazyLock::new(|| {
    let mut all: Strings = serde_json::from_str(include_str!("strings.json")).expect("strings");
    all.texts.extend(["a".repeat(254), format!("{}a", "a.".repeat(126)), "ab.".repeat(85) + "com"]);
    all
});
