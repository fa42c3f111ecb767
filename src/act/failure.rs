//! What went wrong with a write, sorted by what it means for the next one.
use kube::core::Status;

use crate::domain::world::FaultKind;

/// A write that did not succeed.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{object}: {message}")]
pub struct Failure {
    /// Which object, as people name it.
    pub object: String,
    pub kind: FaultKind,
    pub message: String,
}

impl Failure {
    #[must_use]
    pub fn new(object: impl Into<String>, kind: FaultKind, message: impl Into<String>) -> Self {
        Self { object: object.into(), kind, message: message.into() }
    }

    /// From the API server's answer, or from the lack of one.
    #[must_use]
    pub fn from_kube(object: impl Into<String>, error: &kube::Error) -> Self {
        let (kind, message) = match error {
            kube::Error::Api(status) => (sort(status), status.message.clone()),
            other => (FaultKind::Transient, other.to_string()),
        };
        Self { object: object.into(), kind, message }
    }

    /// The object was not there.
    #[must_use]
    pub fn is_not_found(error: &kube::Error) -> bool {
        matches!(error, kube::Error::Api(status) if status.code == 404)
    }
}

/// A closed list of meanings for an open list of answers.
fn sort(status: &Status) -> FaultKind {
    let says = |text: &str| status.message.contains(text);
    match status.code {
        409 => FaultKind::Stale,
        // Our own fencing policy, whose view of our Lease may lag behind ours for a moment after we won.
        403 | 422 if says("leasehold.dev/epoch") || says("stale epoch") => FaultKind::Stale,
        // An object of the same namespace's end is not a refusal of ours.
        403 if says("because it is being terminated") => FaultKind::Transient,
        400 | 422 => FaultKind::Invalid,
        401 | 403 => FaultKind::Denied,
        _ => FaultKind::Transient,
    }
}
