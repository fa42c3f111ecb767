//! What a comparison of two definitions says: findings, each with a verdict, bounded in number and stable in order.
use std::fmt;

use serde::{Deserialize, Serialize};

/// Findings that are told at most; how many more there are is counted.
pub const MOST_FINDINGS: usize = 200;
/// Characters of a reason at most.
pub const MOST_WHY: usize = 300;

/// What a change means for a fleet in which old and new operators run against one definition. Ordered: the later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// Safe at once.
    Ok,
    /// Safe once no tenant runs a release older than the one that needs it.
    Gate,
    /// Takes something away: kept until a later release contracts, and then taken only after a clean scan.
    Contract,
    /// Safe only if every stored object passes; the release must waive it by name, and the scan must be clean.
    Scan,
    /// Needs a conversion between versions, which is not there.
    Convert,
    /// Never safe, or not known to be.
    No,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One difference, or one fault of the new definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where in the object: `spec.size`, `spec.ports[*].name`, `spec.labels.*`; empty for the definition, or version, itself.
    pub path: String,
    /// The version it is in; empty for the definition itself.
    pub version: String,
    /// Name by which it can be waived.
    pub rule: &'static str,
    pub verdict: Verdict,
    /// What it does and what would avoid it, in at most [`MOST_WHY`] characters.
    pub why: String,
    /// Whether the release waived it. Only of a Scan.
    pub waived: bool,
}

impl Finding {
    /// Whether the change cannot be taken.
    #[must_use]
    pub fn refuses(&self) -> bool {
        match self.verdict {
            Verdict::No | Verdict::Convert => true,
            Verdict::Scan => !self.waived,
            Verdict::Ok | Verdict::Gate | Verdict::Contract => false,
        }
    }
}

/// All that a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// At most [`MOST_FINDINGS`]: those that refuse first, then worst first, then by version, path and rule.
    pub all: Vec<Finding>,
    /// How many more there are; none of them is worse than the last one told.
    pub omitted: usize,
    /// What is to be said of the waivers: those that matched nothing, or what cannot be waived.
    pub notes: Vec<String>,
}

impl Findings {
    /// Those for which the change cannot be taken. Empty only if there are none, omitted ones counted.
    pub fn refusing(&self) -> impl Iterator<Item = &Finding> {
        self.all.iter().filter(|finding| finding.refuses())
    }

    /// The worst verdict, waived ones counted; `Ok` where nothing was found.
    #[must_use]
    pub fn worst(&self) -> Verdict {
        self.all.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
    }

    /// Whether there is one of that verdict.
    #[must_use]
    pub fn any(&self, verdict: Verdict) -> bool {
        self.all.iter().any(|finding| finding.verdict == verdict)
    }

    /// Whether a waived change stands or falls with what is stored.
    #[must_use]
    pub fn needs_scan(&self) -> bool {
        self.all.iter().any(|finding| finding.verdict == Verdict::Scan && finding.waived)
    }

    /// The first of those that refuse, as people are told.
    #[must_use]
    pub fn spoken(&self) -> String {
        let first: Vec<String> = self.refusing().take(2).map(ToString::to_string).collect();
        let more = self.refusing().count().saturating_sub(first.len());
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        format!("{}{more}", first.join("; "))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, version, rule, verdict, why, .. } = self;
        let place = [version.as_str(), path.as_str()].into_iter().filter(|part| !part.is_empty());
        let place = place.collect::<Vec<_>>().join(" ");
        let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
        write!(f, "{place}{rule} ({verdict}): {why}")
    }
}
