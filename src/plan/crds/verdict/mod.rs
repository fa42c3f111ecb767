//! Two definitions in, what lies between them out: findings for a fleet in which old and new operators run against the same
//! definition, and what the cluster's definition becomes at each stage of the way. Pure and total: every pair has an answer,
//! and an unknown kind of change is refused.
mod bounds;
mod branches;
mod collect;
mod fields;
mod finding;
mod keywords;
mod structural;
mod union;
mod versions;
mod waivers;
mod walk;
mod whole;

use std::borrow::Cow;

use serde_json::Value;

use self::{
    collect::Collector,
    union::{Except, Take},
};
use crate::domain::crd::Definition;

pub use self::finding::{Finding, Findings, MOST_FINDINGS, MOST_WHY, Verdict};
pub use self::waivers::Waivers;

/// How far a change may go now. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// What is safe at once: new optional fields, new versions; every version carries the fields of all.
    Expand,
    /// And what waits for the last old operator, and what was waived and scanned.
    Unlock,
    /// And the storage version.
    Flip,
    /// And the versions that go are marked so.
    Deprecate,
    /// And are no longer served.
    Unserve,
    /// And what only the cluster has is gone.
    Drop,
}

impl Stage {
    /// In a word, as it is logged and counted.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Unlock => "unlock",
            Self::Flip => "flip",
            Self::Deprecate => "deprecate",
            Self::Unserve => "unserve",
            Self::Drop => "drop",
        }
    }
}

/// What a definition becomes.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The cluster's own, unchanged, where a finding refuses.
    pub definition: Definition,
    pub findings: Findings,
}

/// What lies between two definitions.
#[must_use]
pub fn compare(old: &Definition, new: &Definition, waivers: &Waivers) -> Findings {
    merge(old, new, Stage::Expand, waivers).findings
}

/// What the cluster's definition becomes at that stage on the way to the release's.
#[must_use]
pub fn merge(live: &Definition, target: &Definition, stage: Stage, waivers: &Waivers) -> Merged {
    let mut c = Collector::new(stage, waivers);
    let mut spec = whole::walk(&mut c, live, target);
    versions::faults(&mut c, target);
    let was = versions::closed(&mut c, live, Take { keeping: false, except: Except::Keeping });
    let is = versions::closed(&mut c, target, Take { keeping: true, except: Except::Keeping });
    let merged = versions::walk_all(&mut c, &was, &is, stage);
    let versions = if stage == Stage::Drop { is.versions.into_iter().map(Cow::into_owned).collect() } else { merged };
    spec.insert("versions".into(), versions.into_iter().map(Value::Object).collect::<Vec<_>>().into());
    let definition = if c.refused() { live.clone() } else { live.with_spec(spec) };
    Merged { definition, findings: c.findings() }
}
