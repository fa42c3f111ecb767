//! An Event on the Lease at each change of hands, as `kubectl describe lease` shows it.
//!
//! Flows in: "became leader", "stopped leading". Flows out: one POST, on a task of its own. It must never delay the
//! election or fail it: what cannot be written in a few seconds is dropped.
use std::time::Duration;

use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tokio::task::JoinSet;

use super::{clock, record::Lease};

const PATIENCE: Duration = Duration::from_secs(2);
/// What a process that is about to exit waits for its last Event.
const LAST_PATIENCE: Duration = Duration::from_millis(500);
/// The API's own bound on `reportingInstance`.
const MOST_INSTANCE: usize = 128;
const REASON: &str = "LeaderElection";
const CONTROLLER: &str = "leasehold.dev/election";

pub(super) struct Events {
    client: Option<Client>,
    namespace: String,
    identity: String,
    pending: JoinSet<()>,
}

impl Events {
    /// Without a client nothing is written.
    pub(super) fn new(client: Option<Client>, namespace: &str, identity: &str) -> Self {
        Self { client, namespace: namespace.into(), identity: identity.into(), pending: JoinSet::new() }
    }

    /// `what` is client-go's wording, which dashboards and people search for.
    pub(super) fn announce(&mut self, lease: Option<&Lease>, what: &str) {
        let (Some(client), Some(lease)) = (self.client.clone(), lease) else { return };
        let event = self.event(lease, what);
        let api = Api::<Event>::namespaced(client, &self.namespace);
        self.pending.spawn(async move {
            let params = PostParams::default();
            match tokio::time::timeout(PATIENCE, api.create(&params, &event)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::debug!(%error, "no event on the Lease"),
                Err(_) => tracing::debug!("no event on the Lease: timed out"),
            }
        });
    }

    /// Lets the last Event out; bounded.
    pub(super) async fn flush(mut self) {
        let all = async { while self.pending.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_PATIENCE, all).await;
    }

    fn event(&self, lease: &Lease, what: &str) -> Event {
        let name = lease.raw().pointer("/metadata/name").and_then(|n| n.as_str()).unwrap_or_default();
        let now = clock::wall();
        Event {
            // Nanoseconds in hex, as every recorder names its Events.
            metadata: ObjectMeta {
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            reporting_controller: Some(CONTROLLER.into()),
            reporting_instance: Some(self.identity.chars().take(MOST_INSTANCE).collect()),
            action: Some(REASON.into()),
            reason: Some(REASON.into()),
            type_: Some("Normal".into()),
            note: Some(format!("{} {what}", self.identity)),
            regarding: Some(ObjectReference {
                api_version: Some("coordination.k8s.io/v1".into()),
                kind: Some("Lease".into()),
                name: Some(name.into()),
                namespace: Some(self.namespace.clone()),
                uid: Some(lease.uid().into()),
                resource_version: Some(lease.resource_version().into()),
                ..ObjectReference::default()
            }),
            ..Event::default()
        }
    }
}
