//! Events on our objects. Best effort: an event that is lost changes nothing.
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use crate::plan::notice::Notice;

/// Publishes events.
#[derive(Clone)]
pub struct Notices {
    recorder: Recorder,
}

impl Notices {
    /// `instance`: the pod that reports.
    #[must_use]
    pub fn new(client: Client, instance: String) -> Self {
        let reporter = Reporter { controller: "leasehold.dev/leasehold".into(), instance: Some(instance) };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// Publishes an event about an object. `action` is what was done.
    pub async fn publish<K: Resource<DynamicType = ()>>(&self, about: &K, action: &str, notice: &Notice) {
        let event = Event {
            type_: if notice.warning { EventType::Warning } else { EventType::Normal },
            reason: notice.reason.clone(),
            note: Some(notice.note.clone()),
            action: action.into(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &about.object_ref(&())).await {
            tracing::debug!(%error, reason = notice.reason, "event not published");
        }
    }
}
