//! What was worked out for one tenant, and from what: as long as that is the same nothing is worked out again.
use jiff::Timestamp;

use crate::{
    domain::{epoch::Epoch, report::Wait},
    plan::tenant::{Facts, Memo, Next},
};

/// What was worked out for one tenant, and from what.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) basis: Basis,
    pub(super) memo: Memo,
    pub(super) facts: Facts,
    pub(super) next: Next,
    /// The facts are new, and `next` was not worked out from them yet.
    pub(super) due: bool,
    /// The wave engine's wait that `next` speaks of.
    pub(super) waited: Option<(Wait, String)>,
    /// Since when it gives that reason.
    pub(super) waits_since: Option<Timestamp>,
    pub(super) spoken_to: bool,
}

/// What facts depend on beside the time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Basis {
    /// Versions of the tenant and of what all share, and which tenant of that name it is: each counts from nothing.
    pub(super) versions: (u64, u64),
    pub(super) uid: Option<String>,
    /// Our own.
    pub(super) epoch: Epoch,
    /// Who has its namespace, if somebody else; and whether it is one too many.
    pub(super) share: (Option<String>, bool),
}

impl Basis {
    pub(super) fn holds(
        &self,
        versions: (u64, u64),
        uid: Option<&String>,
        share: (Option<&str>, bool),
        epoch: &Epoch,
    ) -> bool {
        let same = self.versions == versions && self.uid.as_ref() == uid && self.epoch == *epoch;
        same && (self.share.0.as_deref(), self.share.1) == share
    }
}

impl Planned {
    pub(super) fn new(basis: Basis, memo: Memo, facts: Facts) -> Self {
        let next = Next::nothing();
        Self { basis, memo, facts, next, due: true, waited: None, waits_since: None, spoken_to: false }
    }

    /// Whether its time has come.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.next.wake.is_some_and(|at| at <= now)
    }
}
