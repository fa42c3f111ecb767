//! Digests of what is rendered, and the two-part revision made of them.
use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The first 64 bits of a SHA-256, as 16 hex digits: enough to tell the revisions of one tenant apart, short enough to read.
#[must_use]
pub fn short(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..8])
}

/// Two hex digits a byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        use fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Digest of a value's canonical JSON (`serde_json` keeps maps sorted).
#[must_use]
pub fn of<T: Serialize>(value: &T) -> String {
    short(&serde_json::to_vec(value).unwrap_or_default())
}

/// What a version and a tenant's parameters render to: `<release digest>-<parameter digest>`.
///
/// The halves answer different questions: when the first differs many tenants would change, so the change goes through
/// waves; when only the second differs the tenant itself was edited, and the change applies at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    pub release: String,
    pub parameters: String,
}

impl Revision {
    /// Reads `<release>-<parameters>`; anything else is no revision of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (release, parameters) = text.split_once('-')?;
        let hex = |s: &str| s.len() == 16 && s.bytes().all(|b| b.is_ascii_hexdigit());
        (hex(release) && hex(parameters)).then(|| Self { release: release.into(), parameters: parameters.into() })
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.release, self.parameters)
    }
}
