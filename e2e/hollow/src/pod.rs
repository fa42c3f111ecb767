//! In: a pod bound to this node, and word of its deletion. Out: its reported status, its place in its operator's
//! election, its removal. Never: waits with a permit in hand.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::Hollow;
use crate::election::{Exit, Member};
use crate::fate::{Fate, candidate, container_fate, fate};
use crate::status;

/// What the watch says of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Up,
    /// Deleted, with this grace.
    Stopping(Duration),
    /// No longer in the cluster.
    Gone,
}

/// Between tries of a request that failed. The API server is on this machine: short, and long enough not to hammer it.
const AGAIN: Duration = Duration::from_millis(500);

/// Restarts of a crashing container: after 1 s, then twice as long each time, up to 10 s (a kubelet: 10 s to 5 min).
const FIRST_RESTART: Duration = Duration::from_secs(1);
const LAST_RESTART: Duration = Duration::from_secs(10);

/// From binding to removal.
pub async fn live(hollow: Arc<Hollow>, pod: Pod, mut told: watch::Receiver<Stage>) {
    let mut here =
        Here { api: Api::namespaced(hollow.client.clone(), &pod.namespace().unwrap_or_default()), hollow, pod };
    let mut end = told.clone();
    tokio::select! {
        biased;
        _ = end.wait_for(|stage| *stage != Stage::Up) => {}
        () = here.serve() => {}
    }
    let stage = *told.borrow();
    let grace = if let Stage::Stopping(grace) = stage { Some(grace) } else { None };
    let exit = if grace.is_some_and(|grace| !grace.is_zero()) { Exit::Orderly } else { Exit::Crash };
    if let Some(member) = here.member() {
        here.hollow.elections.leave(&member, exit).await;
    }
    let Some(grace) = grace else { return };
    sleep(grace.min(here.hollow.args.stop_after)).await;
    tokio::select! {
        _ = told.wait_for(|stage| *stage == Stage::Gone) => {}
        () = here.remove() => {}
    }
}

struct Here {
    hollow: Arc<Hollow>,
    api: Api<Pod>,
    pod: Pod,
}

impl Here {
    /// Never returns: the deletion ends it.
    async fn serve(&mut self) {
        let address = self.address();
        let fate = fate(&self.pod, &self.hollow.args);
        if !is_ready(&self.pod) {
            sleep(self.hollow.args.ready_after).await;
            self.report(address, 0).await;
        }
        if fate == Fate::Crashes {
            self.crash(address).await;
        }
        if let (Fate::Ready, Some(member)) = (fate, self.member()) {
            Arc::clone(&self.hollow).elections.join(&self.hollow, member);
        }
        std::future::pending::<()>().await;
    }

    async fn crash(&self, address: Ipv4Addr) {
        let (mut wait, mut restarts) = (FIRST_RESTART, 1);
        loop {
            sleep(wait).await;
            self.report(address, restarts).await;
            restarts += 1;
            wait = (wait * 2).min(LAST_RESTART);
        }
    }

    /// The address it has from before a restart of ours, or a new one.
    fn address(&self) -> Ipv4Addr {
        const FIRST: u32 = Ipv4Addr::new(10, 128, 0, 0).to_bits();
        let next = &self.hollow.next_address;
        let had = self.pod.status.as_ref().and_then(|status| status.pod_ip.as_ref()?.parse::<Ipv4Addr>().ok());
        if let Some(had) = had {
            next.fetch_max(had.to_bits().saturating_sub(FIRST) + 1, Ordering::Relaxed);
            return had;
        }
        Ipv4Addr::from_bits(FIRST + next.fetch_add(1, Ordering::Relaxed) % (1 << 23))
    }

    async fn report(&self, address: Ipv4Addr, restarts: u32) {
        let fate_of = |container: &Container| container_fate(container, &self.hollow.args);
        let patch = status::patch(&self.pod, fate_of, address, restarts, Timestamp::now());
        let (name, params) = (self.pod.name_any(), PatchParams::default());
        let patch = Patch::Strategic(&patch);
        self.insist("status", || self.api.patch_status(&name, &params, &patch)).await;
    }

    /// As a kubelet does when the containers have stopped. Finalizers may still hold the pod.
    async fn remove(&self) {
        let preconditions = Some(Preconditions { uid: self.pod.uid(), resource_version: None });
        let params = DeleteParams { grace_period_seconds: Some(0), preconditions, ..DeleteParams::default() };
        let name = self.pod.name_any();
        self.insist("delete", || self.api.delete(&name, &params)).await;
    }

    /// Until it is done, or the pod is another's or gone (404, 409).
    async fn insist<T, F: Future<Output = Result<T, kube::Error>>>(&self, what: &str, request: impl Fn() -> F) {
        loop {
            let permit = self.hollow.permit().await;
            let result = request().await;
            drop(permit);
            match result {
                Ok(_) => return,
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => return,
                Err(error) => tracing::warn!(pod = self.pod.name_any(), %error, what),
            }
            sleep(AGAIN).await;
        }
    }

    fn member(&self) -> Option<Member> {
        let candidate = candidate(&self.pod)?;
        let (name, uid) = (self.pod.name_any(), self.pod.uid().unwrap_or_default());
        Some(Member {
            namespace: self.pod.namespace().unwrap_or_default(),
            identity: format!("{name}_{uid}"),
            created: self.pod.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            candidate,
        })
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
