//! The text of a definition that a ConfigMap holds: what it says, and the digest by which a release names it.
use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::domain::digest;

/// The longest text that is read: what the API server takes as the data of a ConfigMap (1 MiB).
const LONGEST: usize = 1024 * 1024;

/// A ConfigMap of definitions, as far as releases care.
#[derive(Clone, Debug, PartialEq)]
pub struct CrdMap {
    pub immutable: bool,
    pub texts: BTreeMap<String, CrdText>,
    /// Keys of `binaryData`, which is not read.
    pub binary: Vec<String>,
}

/// One text of it. The text itself is not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct CrdText {
    /// `sha256:` and 64 hex digits, of the text as it is.
    pub digest: String,
    /// The one object that the text is, or why it is none. Shared by all that hold the same text.
    pub object: Result<Arc<Value>, String>,
}

impl CrdText {
    /// Reads a text whose [`digest`] is known.
    #[must_use]
    pub fn new(text: &str, digest: String) -> Self {
        Self { digest, object: parse(text).map(Arc::new) }
    }
}

/// The digest by which a release names a text: `sha256:` and the SHA-256 of its bytes.
#[must_use]
pub fn digest(text: &str) -> String {
    format!("sha256:{}", digest::hex(&Sha256::digest(text.as_bytes())))
}

/// The one object that a text is, YAML or JSON.
///
/// # Errors
/// Why it is none: too long, no YAML, no document, or more than one.
pub fn parse(text: &str) -> Result<Value, String> {
    if text.len() > LONGEST {
        return Err(format!("is {} bytes long, and {LONGEST} are read", text.len()));
    }
    // Much faster where it is the whole of a megabyte, and says better what is wrong with JSON.
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|why| format!("is neither YAML nor JSON: {}", first_line(&why)))?;
    let mut objects = documents.into_iter().filter(|document| !document.is_null());
    match (objects.next(), objects.next()) {
        (Some(object), None) => Ok(object),
        (None, _) => Err("is empty".to_owned()),
        _ => Err("holds more than one document: give each definition a key of its own".to_owned()),
    }
}

/// What follows draws the place in the text, which may be as long as a line of JSON is.
fn first_line(why: &impl ToString) -> String {
    why.to_string().lines().next().unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_say_the_same_and_have_digests_of_their_own() {
        let (yaml, json) = ("---\na: {b: 1}\n", "{\"a\": {\"b\": 1}}");
        assert_eq!(parse(yaml).unwrap(), parse(json).unwrap());
        assert_ne!(digest(yaml), digest(json));
        assert_eq!(digest("abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_no_single_object_is_said_in_words() {
        for (text, why) in [
            ("", "is empty"),
            ("# nothing\n---\n", "is empty"),
            ("a: 1\n---\nb: 2\n", "more than one document"),
            ("a: [1\nb: }", "is neither YAML nor JSON"),
            ("{\"a\": ", "is neither YAML nor JSON"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(why), "{text:?}: {said}");
        }
        let long = "#".repeat(LONGEST) + "\n";
        assert!(parse(&long).unwrap_err().contains("1048576 are read"));
        assert!(parse(&format!("a: 1\n{}", &long[..LONGEST - 6])).is_ok(), "a whole MiB is read");
    }
}
