//! What the core asks of the API server, and what an answer proves.
//!
//! Flows in: a decision. Flows out: the body to send. It must never hold a guard looser than the snapshot that the
//! decision was made on: uid and resourceVersion of every PUT are those of its `base`.
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::election::record::{Claimant, Lease};

/// Numbers requests, so that an answer finds its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// What to send. Every write but `Create` goes to one snapshot: it carries that snapshot's uid and resourceVersion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Request {
    /// GET, without a resourceVersion: the most recent state.
    Read,
    /// POST; fails when the Lease exists.
    Create { nonce: String },
    /// PUT: the holder becomes us, transitions grow by one.
    Acquire { base: Lease, nonce: String },
    /// PUT: a new `renewTime`.
    Renew { base: Lease },
    /// PUT: no holder.
    Release { base: Lease },
}

/// What came back, sorted by what it proves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The Lease as stored.
    Found(Lease),
    NotFound,
    /// 409, also `AlreadyExists`: this copy of the request did not commit; an earlier copy may have.
    Conflict,
    /// Did not commit, and something is wrong: 401, 403, 422, 429.
    Refused,
    /// May have committed, or may yet: timeout, reset, 5xx, an answer that cannot be read.
    Unknown,
}

/// Whose requests these are, and for which Lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    pub lease_name: String,
    pub namespace: String,
    pub identity: String,
    pub lease_duration: Duration,
}

impl Request {
    /// The body of the write; None for a read. The stamps are put on at the last moment: they are for people.
    #[must_use]
    pub fn body(&self, author: &Author, now: Timestamp) -> Option<Value> {
        let claimant = |nonce| Claimant { identity: &author.identity, nonce, lease_duration: author.lease_duration };
        match self {
            Self::Read => None,
            Self::Create { nonce } => Some(Lease::created(&author.lease_name, &author.namespace, claimant(nonce), now)),
            Self::Acquire { base, nonce } => Some(base.acquired(claimant(nonce), now)),
            Self::Renew { base } => Some(base.renewed(author.lease_duration, now)),
            Self::Release { base } => Some(base.released(now)),
        }
    }
}
