//! Events on our objects. Best effort: an event that is lost changes nothing.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{Event, EventSeries},
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::plan::notice::Notice;

const CONTROLLER: &str = "leasehold.dev/leasehold";
/// How long after the last one the same event is counted instead of told anew: as client-go does.
const SERIES: SignedDuration = SignedDuration::from_mins(6);

/// Publishes events. Only events that say the same are one series; kube's own recorder goes by the reason alone, and
/// loses what the second one says.
#[derive(Clone)]
pub struct Notices {
    client: Client,
    instance: String,
    recent: Arc<Mutex<HashMap<Key, Told>>>,
}

/// Whom an event is about, and what it says.
type Key = (String, Notice);

#[derive(Clone)]
struct Told {
    name: String,
    count: i32,
    at: Timestamp,
}

impl Notices {
    /// `instance`: the pod that reports.
    #[must_use]
    pub fn new(client: Client, instance: String) -> Self {
        Self { client, instance, recent: Arc::default() }
    }

    /// Publishes an event about an object. `action` is what was done, at `now`.
    pub async fn publish(&self, about: ObjectReference, action: &str, notice: &Notice, now: Timestamp) {
        let key = (about.uid.clone().unwrap_or_default(), notice.clone());
        // Events about what has no namespace are in this one.
        let namespace = about.namespace.clone().unwrap_or_else(|| "default".into());
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let (sent, count) = match self.told(&key, now) {
            Some(told) => {
                let series = EventSeries { count: told.count + 1, last_observed_time: MicroTime(now) };
                let patch = Patch::Merge(json!({"series": series}));
                (api.patch(&told.name, &PatchParams::default(), &patch).await, told.count + 1)
            }
            None => (api.create(&PostParams::default(), &self.event(about, action, notice, now)).await, 1),
        };
        let told = sent.map(|event| Told { name: event.name_any(), count, at: now });
        if let Err(error) = &told {
            tracing::debug!(%error, reason = notice.reason, "event not published");
        }
        self.remember(key, told.ok());
    }

    fn told(&self, key: &Key, now: Timestamp) -> Option<Told> {
        let mut recent = self.recent.lock().ok()?;
        recent.retain(|_, told| now.duration_since(told.at) < SERIES);
        recent.get(key).cloned()
    }

    fn remember(&self, key: Key, told: Option<Told>) {
        let Ok(mut recent) = self.recent.lock() else { return };
        match told {
            Some(told) => drop(recent.insert(key, told)),
            None => drop(recent.remove(&key)),
        }
    }

    fn event(&self, about: ObjectReference, action: &str, notice: &Notice, now: Timestamp) -> Event {
        let name = about.name.as_deref().unwrap_or("leasehold");
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                namespace: about.namespace.clone(),
                ..ObjectMeta::default()
            },
            action: Some(action.into()),
            event_time: Some(MicroTime(now)),
            note: Some(notice.note.clone()),
            reason: Some(notice.reason.clone()),
            regarding: Some(about),
            reporting_controller: Some(CONTROLLER.into()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(if notice.warning { "Warning" } else { "Normal" }.into()),
            ..Event::default()
        }
    }
}
