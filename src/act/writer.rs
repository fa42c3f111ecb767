//! The writer itself: a client of its own, a bound on every request, and the term checked before each.
use std::time::Duration;

use kube::{Client, api::DynamicObject};

use super::Failure;
use crate::{
    domain::{epoch::Epoch, world::FaultKind},
    election::Term,
    observe::Source,
};

/// The objects that the API server answered with: the World knows our own writes before the watch shows them.
pub type Answers = Vec<(Source, DynamicObject)>;

/// Carries out what was planned.
#[derive(Clone)]
pub struct Writer {
    pub(super) client: Client,
    bound: Duration,
}

impl Writer {
    /// `bound`: how long one request may take. At most the Lease's duration less its renew deadline, so that a request
    /// sent in the last moment of a term cannot land in the next.
    #[must_use]
    pub const fn new(client: Client, bound: Duration) -> Self {
        Self { client, bound }
    }

    /// Sends one write within a term.
    pub(super) async fn send<T>(
        &self,
        term: &Term,
        object: &str,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<Result<T, kube::Error>, Failure> {
        let Some(_in_flight) = term.enter() else {
            return Err(Failure::new(object, FaultKind::Transient, "not sent: leadership ended"));
        };
        tokio::time::timeout(self.bound, request).await.map_err(|_| {
            Failure::new(object, FaultKind::Transient, format!("no answer from the API server within {:?}", self.bound))
        })
    }

    /// Sends one write whose every failure is one for the caller.
    pub(super) async fn write<T>(
        &self,
        term: &Term,
        object: &str,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Failure> {
        self.send(term, object, request).await?.map_err(|error| Failure::from_kube(object, &error))
    }
}

/// The term as it is stamped on objects.
#[must_use]
pub fn epoch(term: &Term) -> Epoch {
    term.epoch().map(|epoch| Epoch::new(&epoch.uid, epoch.transitions.into())).unwrap_or_default()
}

/// Any object as the World takes it in.
#[must_use]
pub fn dynamic<T: serde::Serialize>(object: &T) -> Option<DynamicObject> {
    serde_json::to_value(object).and_then(serde_json::from_value).ok()
}
