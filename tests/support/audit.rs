//! In: the API server's audit log (Metadata level, JSON lines). Out: who asked what and with which answer.
//! Never: trims or rewrites the log.

use serde::Deserialize;
use serde_json::Value;

use super::Cluster;

/// One request as the API server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// The same as in the answer's header `Audit-Id`, and so in a proxy's log.
    pub id: String,
    /// `admin`, `system:serviceaccount:<namespace>:<name>`; of the impersonated user when there is one.
    pub user: String,
    pub user_agent: String,
    /// get, list, watch, create, update, patch, delete, deletecollection
    pub verb: String,
    pub group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    /// 0 while a watch has not been answered.
    pub code: u16,
    /// RFC 3339, six digits: sorts as text.
    pub received: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "auditID")]
    audit_id: String,
    verb: String,
    #[serde(default)]
    user_agent: String,
    user: Value,
    #[serde(default)]
    impersonated_user: Value,
    #[serde(default)]
    object_ref: Value,
    #[serde(default)]
    response_status: Value,
    #[serde(default)]
    request_received_timestamp: String,
}

impl From<Event> for Audited {
    fn from(event: Event) -> Self {
        let text = |of: &Value, key: &str| of[key].as_str().unwrap_or_default().to_owned();
        let user = if event.impersonated_user.is_object() { &event.impersonated_user } else { &event.user };
        Self {
            id: event.audit_id,
            user: text(user, "username"),
            user_agent: event.user_agent,
            verb: event.verb,
            group: text(&event.object_ref, "apiGroup"),
            resource: text(&event.object_ref, "resource"),
            subresource: text(&event.object_ref, "subresource"),
            namespace: text(&event.object_ref, "namespace"),
            name: text(&event.object_ref, "name"),
            code: event.response_status["code"].as_u64().and_then(|code| code.try_into().ok()).unwrap_or(0),
            received: event.request_received_timestamp,
        }
    }
}

impl Cluster {
    /// Whether [`Cluster::requests`] has something to read: not on a cluster that was brought along.
    pub fn has_audit_log(&self) -> bool {
        self.audit_log().is_some_and(|path| path.exists())
    }

    /// The requests that `filter` accepts, in the order in which they ended, one line for each (a watch's second stage
    /// replaces its first). The server writes a line just after it has answered: wait with
    /// [`eventually`](super::eventually) for a request that was only just answered.
    ///
    /// # Panics
    /// Without an audit log: a test that needs one says so through [`Cluster::has_audit_log`].
    pub fn requests(&self, filter: impl Fn(&Audited) -> bool) -> Vec<Audited> {
        let path = self.audit_log().expect("a cluster that was brought along has no audit log here");
        let log = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut seen: Vec<(String, Audited)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        // The last line may still be half written.
        for event in log.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok()) {
            let id = event.audit_id.clone();
            let place = *places.entry(id.clone()).or_insert(seen.len());
            match seen.get_mut(place) {
                Some(slot) => slot.1 = event.into(),
                None => seen.push((id, event.into())),
            }
        }
        seen.into_iter().map(|(_, request)| request).filter(|request| filter(request)).collect()
    }
}
