//! What a user of one tenant asks of the API server. In: a change, the version to send it through. Out: what came of it.
//! Never: tries again.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::{Value, json};

use crate::kept::{Field, Kept};

/// What the kind was served as first, and what it comes to.
pub const OLD: &str = "v1alpha1";
pub const NEW: &str = "v1";

pub const OBJECTS: usize = 3;

/// How a change is sent.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Merge,
    /// Read, changed, and sent back as a whole: what the version does not have is lost here.
    Replace,
    /// Server-side apply, by a field manager of its own.
    Apply,
}

/// What is done to each object, over and over.
const ACTS: [(Way, Field); 7] = [
    (Way::Merge, ("labels", "merged")),
    (Way::Merge, ("spec", "size")),
    (Way::Merge, ("spec", "maxItemSize")),
    (Way::Replace, ("labels", "replaced")),
    (Way::Merge, ("spec", "threads")),
    (Way::Apply, ("labels", "applied")),
    (Way::Replace, ("spec", "maxItemSize")),
];

/// What is done in one turn.
#[derive(Debug)]
pub struct Change {
    pub object: String,
    way: Way,
    pub field: Field,
    turn: usize,
}

/// What came of one request.
pub enum Outcome {
    Taken(Box<DynamicObject>),
    /// The kind has no such version, now.
    NotServed,
    /// Nothing was changed, and nobody promised anything.
    NotNow,
    Wrong(String),
}

/// Whose requests these are.
pub struct User {
    pub client: Client,
    pub namespace: String,
}

impl Change {
    pub fn of(turn: usize) -> Self {
        let (way, field) = ACTS[turn / OBJECTS % ACTS.len()];
        Self { object: format!("cache-{}", turn % OBJECTS), way, field, turn }
    }

    /// The version to try first, and the other: each change of each object goes through both in turn.
    pub fn versions(&self) -> [&'static str; 2] {
        let round = self.turn / (OBJECTS * ACTS.len());
        if (round + self.turn).is_multiple_of(2) { [OLD, NEW] } else { [NEW, OLD] }
    }

    /// Another one each turn, and one that the version could allow.
    pub fn value(&self, version: &str) -> Value {
        match self.field {
            ("labels", _) => json!(format!("turn-{}", self.turn)),
            (_, "size") if version == NEW => json!(1 + self.turn % 9),
            (_, "size") => json!(1 + self.turn % 5),
            (_, "threads") => json!(1 + self.turn % 64),
            _ => json!(1 + self.turn),
        }
    }

    fn patch(&self, value: &Value) -> Value {
        let (under, key) = self.field;
        if under == "labels" { json!({"metadata": {"labels": {key: value}}}) } else { json!({under: {key: value}}) }
    }

    fn make(&self, object: &mut DynamicObject, value: Value) {
        let (under, key) = self.field;
        if under == "labels" {
            let text = value.as_str().unwrap_or_default().to_owned();
            object.metadata.labels.get_or_insert_default().insert(key.to_owned(), text);
        } else {
            object.data[under][key] = value;
        }
    }
}

impl User {
    pub fn objects(&self, version: &str) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk("cache.example.com", version, "Memcached");
        let resource = ApiResource::from_gvk_with_plural(&gvk, "memcacheds");
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// What the operator made of an object.
    pub async fn map(&self, object: &str) -> kube::Result<Option<ConfigMap>> {
        Api::namespaced(self.client.clone(), &self.namespace).get_opt(&format!("{object}-memcached")).await
    }

    pub async fn create(&self, version: &str, name: &str) -> Outcome {
        let object = json!({
            "apiVersion": format!("cache.example.com/{version}"), "kind": "Memcached",
            "metadata": {"name": name}, "spec": {"size": 1},
        });
        let object = serde_json::from_value(object).expect("an object");
        outcome(name, self.objects(version).create(&PostParams::default(), &object).await)
    }

    /// Where the object is read first, that is held against what is known of it, too.
    pub async fn send(&self, change: &Change, version: &str, kept: &mut Kept) -> Outcome {
        let (api, name, value) = (self.objects(version), &*change.object, change.value(version));
        let answer = match change.way {
            Way::Merge => api.patch(name, &PatchParams::default(), &Patch::Merge(change.patch(&value))).await,
            Way::Apply => {
                let mut object = change.patch(&value);
                object["apiVersion"] = json!(format!("cache.example.com/{version}"));
                object["kind"] = json!("Memcached");
                api.patch(name, &PatchParams::apply("gitops").force(), &Patch::Apply(object)).await
            }
            Way::Replace => {
                let mut object = match outcome(name, api.get(name).await) {
                    Outcome::Taken(object) => *object,
                    other => return other,
                };
                if let Err(why) = kept.answered(&object, None) {
                    return Outcome::Wrong(format!("as read: {why}"));
                }
                change.make(&mut object, value);
                api.replace(name, &PostParams::default(), &object).await
            }
        };
        outcome(name, answer)
    }
}

/// How often the operator changed what it made.
pub fn writes(map: &ConfigMap) -> i64 {
    map.data.as_ref().and_then(|data| data.get("writes")?.parse().ok()).unwrap_or_default()
}

/// An object that is not there is wrong: it was created. A version that is not served has another answer.
fn outcome(name: &str, answer: kube::Result<DynamicObject>) -> Outcome {
    match answer {
        Ok(object) => Outcome::Taken(Box::new(object)),
        Err(Error::Api(status)) if status.code == 404 && !status.message.contains(name) => Outcome::NotServed,
        // Somebody else wrote in between, or the API server takes a new definition in.
        Err(Error::Api(status)) if [409, 429, 503].contains(&status.code) => Outcome::NotNow,
        Err(error) => Outcome::Wrong(error.to_string()),
    }
}
