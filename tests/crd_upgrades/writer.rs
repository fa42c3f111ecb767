//! A user of one tenant who never rests: makes Memcached objects and edits them, through the old and the new version of
//! their kind in turn, in each way in which clients write. In: a client, the tenant's namespace. Out: what was acknowledged,
//! and what went wrong with it. Never: makes way for an upgrade, or touches what it did not make.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::kept::{Field, Kept};
use crate::support::eventually;

/// What the kind was served as first, and what it comes to.
pub const OLD: &str = "v1alpha1";
pub const NEW: &str = "v1";

/// A user's pace: four tenants together make the operators and the API server write about a hundred times a second.
const PACE: Duration = Duration::from_millis(100);
const OBJECTS: usize = 3;
/// More is not read by anybody.
const MOST_WRONG: usize = 5;
const SOON: Duration = Duration::from_mins(1);

/// How a change is sent.
#[derive(Clone, Copy, Debug)]
enum Way {
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

/// What came of one request.
enum Outcome {
    Taken(Box<DynamicObject>),
    /// The kind has no such version, now.
    NotServed,
    /// Nothing was changed, and nobody promised anything.
    NotNow,
    Wrong(String),
}

/// A writer at work.
pub struct Writer {
    stop: watch::Sender<bool>,
    progress: watch::Receiver<Counts>,
    failed: watch::Receiver<String>,
    task: JoinHandle<Written>,
}

/// How often a change of a field was acknowledged, by the version it was sent through.
pub type Counts = BTreeMap<(&'static str, &'static str), usize>;

/// What it wrote.
pub struct Written {
    client: Client,
    namespace: String,
    kept: BTreeMap<String, Kept>,
    pub counts: Counts,
    wrong: Vec<String>,
    /// Whether `v1` took more servers than the old version allows: from then on it must.
    unlocked: bool,
}

impl Writer {
    pub fn start(client: &Client, tenant: &str) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let (tell, progress) = watch::channel(Counts::new());
        let (fail, failed) = watch::channel(String::new());
        let mut written = Written {
            client: client.clone(),
            namespace: format!("tenant-{tenant}"),
            kept: BTreeMap::new(),
            counts: Counts::new(),
            wrong: Vec::new(),
            unlocked: false,
        };
        let task = tokio::spawn(async move {
            let mut pace = interval(PACE);
            for turn in 0.. {
                tokio::select! {
                    _ = stopped.changed() => break,
                    _ = pace.tick() => {}
                }
                written.turn(turn).await;
                tell.send_replace(written.counts.clone());
                fail.send_replace(written.wrong.join("\n"));
            }
            written
        });
        Self { stop, progress, failed, task }
    }

    /// Waits until a change of that field was acknowledged `times` more through that version.
    pub async fn acknowledged(&self, version: &'static str, field: &'static str, times: usize) {
        let mut progress = self.progress.clone();
        let count = |counts: &Counts| counts.get(&(version, field)).copied().unwrap_or_default();
        let before = count(&progress.borrow());
        let more = tokio::time::timeout(SOON, progress.wait_for(|counts| count(counts) >= before + times)).await;
        assert!(more.is_ok(), "{field} was not taken {times} times through {version}: {:?}", self.progress.borrow());
    }

    /// Waits until something went wrong, and hands back what.
    pub async fn wrong(mut self) -> String {
        let wrong = tokio::time::timeout(SOON, self.failed.wait_for(|wrong| !wrong.is_empty())).await;
        wrong.expect("nothing went wrong in a minute").expect("it still writes").clone()
    }

    pub async fn stop(self) -> Written {
        self.stop.send_replace(true);
        self.task.await.expect("the writer ends when it is told")
    }
}

impl Written {
    async fn turn(&mut self, turn: usize) {
        let name = format!("cache-{}", turn % OBJECTS);
        let (way, field) = ACTS[turn / OBJECTS % ACTS.len()];
        let all = OBJECTS * ACTS.len();
        let versions = if (turn / all + turn).is_multiple_of(2) { [OLD, NEW] } else { [NEW, OLD] };
        for version in versions {
            let outcome = if self.kept.contains_key(&name) {
                self.change(version, &name, way, field, turn).await
            } else {
                self.create(version, &name).await
            };
            match outcome {
                Outcome::NotServed => continue,
                Outcome::Wrong(why) => self.wrong(format!("{name}, {way:?} of {field:?} through {version}: {why}")),
                Outcome::Taken(_) | Outcome::NotNow => {}
            }
            return;
        }
        self.wrong(format!("{name}: no version is served"));
    }

    fn wrong(&mut self, what: String) {
        if self.wrong.len() < MOST_WRONG {
            self.wrong.push(format!("{}: {what}", self.namespace));
        }
    }

    async fn create(&mut self, version: &'static str, name: &str) -> Outcome {
        let object = json!({
            "apiVersion": format!("cache.example.com/{version}"), "kind": "Memcached",
            "metadata": {"name": name}, "spec": {"size": 1},
        });
        let object = serde_json::from_value(object).expect("an object");
        let outcome = outcome(name, self.api(version).create(&PostParams::default(), &object).await);
        if let Outcome::Taken(created) = &outcome {
            self.kept.insert(name.to_owned(), Kept::created(created));
        }
        outcome
    }

    async fn change(&mut self, version: &'static str, name: &str, way: Way, field: Field, turn: usize) -> Outcome {
        let value = value(version, field, turn);
        let outcome = match self.send(version, name, way, field, &value).await {
            Ok(answer) => outcome(name, answer),
            Err(early) => early,
        };
        let too_many = field.1 == "size" && value.as_u64() > Some(5);
        match outcome {
            Outcome::Taken(object) => {
                let kept = self.kept.get_mut(name).expect("it was created before");
                match kept.answered(&object, Some((field, &value))) {
                    Ok(true) => *self.counts.entry((version, field.1)).or_default() += 1,
                    Ok(false) => {}
                    Err(why) => return Outcome::Wrong(why),
                }
                self.unlocked |= too_many;
                self.count(name).await;
                Outcome::Taken(object)
            }
            Outcome::Wrong(why) if too_many && !self.unlocked && why.contains("less than or equal to 5") => {
                Outcome::NotNow
            }
            other => other,
        }
    }

    /// Or what came of the read before it.
    async fn send(
        &mut self,
        version: &str,
        name: &str,
        way: Way,
        (under, key): Field,
        value: &Value,
    ) -> Result<kube::Result<DynamicObject>, Outcome> {
        let api = self.api(version);
        let below = if under == "labels" {
            json!({"metadata": {"labels": {key: value}}})
        } else {
            json!({under: {key: value}})
        };
        match way {
            Way::Merge => Ok(api.patch(name, &PatchParams::default(), &Patch::Merge(below)).await),
            Way::Apply => {
                let mut object = below;
                object["apiVersion"] = json!(format!("cache.example.com/{version}"));
                object["kind"] = json!("Memcached");
                Ok(api.patch(name, &PatchParams::apply("gitops").force(), &Patch::Apply(object)).await)
            }
            Way::Replace => {
                let mut object = match outcome(name, api.get(name).await) {
                    Outcome::Taken(object) => *object,
                    other => return Err(other),
                };
                let kept = self.kept.get_mut(name).expect("it was created before");
                kept.answered(&object, None).map_err(|why| Outcome::Wrong(format!("as read: {why}")))?;
                match under {
                    "labels" => {
                        let labels = object.metadata.labels.get_or_insert_default();
                        labels.insert(key.to_owned(), value.as_str().unwrap_or_default().to_owned());
                    }
                    _ => object.data[under][key] = value.clone(),
                }
                Ok(api.replace(name, &PostParams::default(), &object).await)
            }
        }
    }

    /// The operator's own counter, where it keeps it. None yet is none.
    async fn count(&mut self, name: &str) {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let Ok(Some(map)) = maps.get_opt(&format!("{name}-memcached")).await else { return };
        let counted = self.kept.get_mut(name).expect("it was created before").counts("ConfigMap", writes(&map));
        if let Err(why) = counted {
            self.wrong(format!("{name}: {why}"));
        }
    }

    fn api(&self, version: &str) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk("cache.example.com", version, "Memcached");
        Api::namespaced_with(
            self.client.clone(),
            &self.namespace,
            &ApiResource::from_gvk_with_plural(&gvk, "memcacheds"),
        )
    }

    /// What the user finds at the end, through each version that is served: all of it. With real pods, also that each
    /// operator applied the last of it, and counted.
    pub async fn holds(mut self, versions: &[&'static str], reconciled: bool) {
        assert_eq!(self.wrong, [] as [&str; 0], "while it went on");
        assert_eq!(self.kept.len(), OBJECTS, "{}: it made its objects", self.namespace);
        let names: Vec<String> = self.kept.keys().cloned().collect();
        for name in &names {
            for version in versions {
                let object = self.api(version).get(name).await;
                let object =
                    object.unwrap_or_else(|error| panic!("{}/{name} through {version}: {error}", self.namespace));
                let stands = self.kept[name].stands(&object, None);
                assert_eq!(stands, Ok(()), "{}/{name} through {version}", self.namespace);
            }
            if reconciled {
                self.reconciled(versions[0], name).await;
            }
        }
        assert_eq!(self.wrong, [] as [&str; 0], "at the end");
    }

    async fn reconciled(&mut self, version: &str, name: &str) {
        let what = format!("{}/{name} is reconciled", self.namespace);
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let (object, map) = eventually(&what, SOON, async || {
            let object = self.api(version).get(name).await?;
            let map = maps.get(&format!("{name}-memcached")).await?;
            let status = &object.data["status"];
            let done = status["observedGeneration"].as_i64() == object.metadata.generation
                && status["writes"].as_i64() == Some(writes(&map));
            Ok::<_, Error>(done.then_some((object, map)))
        })
        .await;
        let data = map.data.clone().unwrap_or_default();
        let kept = self.kept.get_mut(name).expect("it was created before");
        for field in ["size", "maxItemSize", "threads"] {
            if let Some(value) = kept.spec(field) {
                assert_eq!(data.get(field), Some(&value.to_string()), "{what}: {field}");
            }
        }
        assert_eq!(kept.answered(&object, None), Ok(false));
        assert_eq!(kept.counts("ConfigMap", writes(&map)), Ok(()));
    }
}

/// Another one each turn.
fn value(version: &str, (under, key): Field, turn: usize) -> Value {
    match (under, key) {
        ("labels", _) => json!(format!("turn-{turn}")),
        (_, "size") if version == NEW => json!(1 + turn % 9),
        (_, "size") => json!(1 + turn % 5),
        (_, "threads") => json!(1 + turn % 64),
        _ => json!(1 + turn),
    }
}

fn writes(map: &ConfigMap) -> i64 {
    map.data.as_ref().and_then(|data| data.get("writes")?.parse().ok()).unwrap_or_default()
}

/// Of an object that is there for sure.
fn outcome(name: &str, answer: kube::Result<DynamicObject>) -> Outcome {
    match answer {
        Ok(object) => Outcome::Taken(Box::new(object)),
        Err(Error::Api(status)) if status.code == 404 && !status.message.contains(name) => Outcome::NotServed,
        // Somebody else wrote in between, or the API server takes a new definition in.
        Err(Error::Api(status)) if [409, 429, 503].contains(&status.code) => Outcome::NotNow,
        Err(error) => Outcome::Wrong(error.to_string()),
    }
}
