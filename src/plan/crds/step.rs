//! The writes that a shared CRD's way from one release to the next is made of, as data.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::Stage;
use crate::{
    api::{CrdUpgrade, CrdUpgradeStatus, Sweep},
    domain::crd::Definition,
};

/// One step. Each can be done again: a crash in the middle costs time and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub enum CrdStep {
    /// Create a definition that does not exist, from the release's object as a whole, with these annotations beside its own.
    Create { crd: String, definition: Arc<Value>, annotations: BTreeMap<String, String> },
    /// Write the spec of one that does: nothing happens if it has changed since `resource_version`.
    Write(CrdWrite),
    /// Read or rewrite one page of its stored objects. `sweep`: the pass that it is the next page of.
    /// `record`: the name of the CrdUpgrade that it is a pass of.
    Page { crd: String, record: String, sweep: Sweep, work: PageWork },
    /// Say which versions are stored, once that is proven.
    Trim { crd: String, uid: String, resource_version: String, stored: Vec<String> },
    /// Begin the record of a change: it comes before the change.
    Begin(Box<CrdUpgrade>),
    /// Bring the record up to date.
    Tell { name: String, status: Box<CrdUpgradeStatus> },
}

impl CrdStep {
    /// What it is, in a word, as it is logged and counted.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "crd-create",
            Self::Write(write) => write.stage.name(),
            Self::Page { .. } => "crd-page",
            Self::Trim { .. } => "crd-trim",
            Self::Begin(_) => "crd-begin",
            Self::Tell { .. } => "crd-status",
        }
    }

    /// Name of the CRD, or of the record, that it is about.
    #[must_use]
    pub fn about(&self) -> &str {
        match self {
            Self::Create { crd, .. } | Self::Page { crd, .. } | Self::Trim { crd, .. } => crd,
            Self::Write(write) => &write.crd,
            Self::Begin(upgrade) => upgrade.metadata.name.as_deref().unwrap_or_default(),
            Self::Tell { name, .. } => name,
        }
    }
}

/// One write to a CRD's spec. Each closes all watches on its objects, so there is one a phase.
#[derive(Clone, Debug, PartialEq)]
pub struct CrdWrite {
    pub crd: String,
    pub uid: String,
    /// Of the object that `spec` was made from.
    pub resource_version: String,
    /// Its spec is written as a whole.
    pub definition: Arc<Definition>,
    /// Set in the same write, beside those that are there.
    pub annotations: BTreeMap<String, String>,
    /// How far that goes. Only [`Stage::Expand`] takes nothing away and lets nothing new in: every operator goes on as before.
    pub stage: Stage,
    /// What the definition is to become in the end, where that is more: tried first, and not kept, so that what the API server refuses
    /// of it is known before anybody moves.
    pub trial: Option<Arc<Definition>>,
}

/// Where a page begins and what is done with it.
#[derive(Clone, Debug, PartialEq)]
pub struct PageWork {
    pub group: String,
    /// The version that is asked for, in lists and in writes.
    pub version: String,
    pub plural: String,
    /// From the page before; none for the first.
    pub continue_: Option<String>,
    /// Objects a page at most: from 1 to 500, so that it ends well within the time that a list's snapshot lives. A page of large
    /// objects holds fewer.
    pub limit: u32,
    pub what: What,
}

/// What is done with each object of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Hold it against a schema. `dry_run`: let the API server judge it as well, by a write that it does not keep, since its rules
    /// are CEL. It judges by the definition that is served now.
    Validate { schema: Arc<Value>, dry_run: bool },
    /// Write it as it is, and have the API server not keep that: what would refuse it refuses it now.
    Rehearse,
    /// Write it as it is, so that it is stored at the storage version.
    Rewrite,
    /// Let no field manager own it at one of these versions any more: server-side apply fails on a version that is gone
    /// (kubernetes/kubernetes#111937). Those who own it go on owning it at the page's own version.
    Disown { versions: BTreeSet<String> },
}

impl What {
    /// In one word, as it is logged and measured.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Validate { .. } => "validate",
            Self::Rehearse => "rehearse",
            Self::Rewrite => "rewrite",
            Self::Disown { .. } => "disown",
        }
    }
}
