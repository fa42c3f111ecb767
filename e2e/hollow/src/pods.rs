//! In: one watch of the pods bound to this node. Out: a task for each pod, told when its pod is to stop and when it is
//! gone. Never: lists again while the watch holds.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use tokio::sync::watch;

use crate::Hollow;
use crate::pod::{self, Stage};

type Uid = String;

/// The pods of this node by UID; a name may come again.
struct Pods<'a> {
    hollow: &'a Arc<Hollow>,
    tracked: HashMap<Uid, watch::Sender<Stage>>,
    listed: HashSet<Uid>,
}

/// Follows the watch for ever.
pub async fn follow(hollow: &Arc<Hollow>) {
    let api: Api<Pod> = Api::all(hollow.client.clone());
    let here = Config::default().fields(&format!("spec.nodeName={}", hollow.args.node));
    let mut events = pin!(watcher(api, here).default_backoff());
    let mut pods = Pods { hollow, tracked: HashMap::new(), listed: HashSet::new() };
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => pods.note(event),
            Err(error) => tracing::warn!(%error, "watch of pods"),
        }
    }
}

impl Pods<'_> {
    fn note(&mut self, event: Event<Pod>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(pod) => {
                self.listed.insert(uid(&pod));
                self.seen(pod);
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                for (_, stage) in self.tracked.extract_if(|uid, _| !listed.contains(uid)) {
                    stage.send_replace(Stage::Gone);
                }
            }
            Event::Apply(pod) => self.seen(pod),
            Event::Delete(pod) => {
                if let Some(stage) = self.tracked.remove(&uid(&pod)) {
                    stage.send_replace(Stage::Gone);
                }
            }
        }
    }

    fn seen(&mut self, mut pod: Pod) {
        // A pod is kept for as long as it lives: without what nobody here reads.
        pod.metadata.managed_fields = None;
        let deleted = pod.metadata.deletion_timestamp.is_some();
        let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
        let stage = self.tracked.entry(uid(&pod)).or_insert_with(|| {
            let (stage, told) = watch::channel(Stage::Up);
            tokio::spawn(pod::live(Arc::clone(self.hollow), pod, told));
            stage
        });
        if deleted {
            let grace = Duration::from_secs(grace.try_into().unwrap_or(0));
            stage.send_if_modified(|stage| {
                let first = *stage == Stage::Up;
                if first {
                    *stage = Stage::Stopping(grace);
                }
                first
            });
        }
    }
}

fn uid(pod: &Pod) -> Uid {
    pod.metadata.uid.clone().unwrap_or_default()
}
