//! What becomes of a version in a tenant: how its operator's pods fare once they are made.
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use crate::api::Span;

/// How long an operator takes to come up where nothing else is said: an image that is there, and an election.
const USUAL: Span = Span::secs(20);

/// How the pods of some tenants fare with a version. The last one that speaks of a tenant and version counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fate {
    /// Tenants of which operator; absent: of any.
    #[serde(default)]
    pub operator: Option<String>,
    /// Which version; absent: any.
    #[serde(default)]
    pub version: Option<String>,
    /// Which tenants; absent: all.
    #[serde(default)]
    pub tenants: Option<BTreeSet<String>>,
    /// What becomes of the pods first.
    #[serde(default)]
    pub is: Becomes,
    /// How long that takes from when they are made.
    #[serde(default = "usual")]
    pub after: Span,
    /// What becomes of them then.
    #[serde(default)]
    pub then: Vec<Turn>,
}

/// A further turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Turn {
    pub is: Becomes,
    /// How long after the turn before.
    pub after: Span,
}

/// How an operator's pods are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Becomes {
    /// Ready, and one of them leads.
    #[default]
    Ready,
    /// Not ready; nothing says why.
    NotReady,
    /// It crashes, again and again.
    CrashLoop,
    /// Its image cannot be pulled.
    ImagePull,
}

const fn usual() -> Span {
    USUAL
}

impl Fate {
    /// What becomes of every version that nothing is said of.
    #[must_use]
    pub fn good() -> Self {
        Self { operator: None, version: None, tenants: None, is: Becomes::Ready, after: USUAL, then: Vec::new() }
    }

    /// Whether it speaks of that tenant with that version.
    #[must_use]
    pub fn speaks_of(&self, tenant: &str, operator: &str, version: &str) -> bool {
        self.operator.as_deref().is_none_or(|of| of == operator)
            && self.version.as_deref().is_none_or(|of| of == version)
            && self.tenants.as_ref().is_none_or(|of| of.contains(tenant))
    }

    /// What happens when, to pods that are made at `from`.
    #[must_use]
    pub fn turns(&self, from: Timestamp) -> BTreeMap<Timestamp, Becomes> {
        let first = Turn { is: self.is, after: self.after };
        let mut at = from;
        let mut due = |turn: &Turn| {
            at = at.checked_add(turn.after.signed()).unwrap_or(Timestamp::MAX);
            (at, turn.is)
        };
        std::iter::once(&first).chain(&self.then).map(&mut due).collect()
    }
}
