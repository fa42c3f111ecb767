//! Events on their way out, beside the loop: nothing waits for them, and they hold up nothing.
//!
//! For the API server an event is a write like any other. When hundreds of tenants move at once their events would be a
//! quarter of all writes, so while steps wait for a place the events that warn of nothing trickle. Each says when it happened.
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use tokio::sync::{mpsc, watch};

use crate::{act::Notices, plan::notice::Notice};

/// Events that wait at most; beyond that they are lost, which changes nothing.
const WAITING: usize = 8192;
/// The pause after each event that warns of nothing, while steps of tenants wait for a place.
const PACE: Duration = Duration::from_millis(250);

/// How long the API server may take for one.
const LONGEST: Duration = Duration::from_secs(5);

/// Where events are handed in.
#[derive(Clone)]
pub struct Bulletin {
    warnings: mpsc::Sender<Told>,
    others: mpsc::Sender<Told>,
    crowded: watch::Sender<bool>,
}

/// An event about an object.
struct Told {
    about: ObjectReference,
    /// What was done.
    action: &'static str,
    notice: Notice,
    at: Timestamp,
}

impl Bulletin {
    /// Publishes what is handed in, one after the other, until the last handle is dropped.
    #[must_use]
    pub fn start(notices: Notices) -> Self {
        let (warnings, warned) = mpsc::channel(WAITING);
        let (others, told) = mpsc::channel(WAITING);
        let crowded = watch::Sender::new(false);
        tokio::spawn(publish(notices.clone(), warned, None));
        tokio::spawn(publish(notices, told, Some(crowded.subscribe())));
        Self { warnings, others, crowded }
    }

    /// Says whether steps of tenants wait for a place.
    pub fn crowded(&self, crowded: bool) {
        self.crowded.send_if_modified(|was| std::mem::replace(was, crowded) != crowded);
    }

    /// Hands events about one object in.
    pub fn tell(&self, about: &ObjectReference, action: &'static str, notices: Vec<Notice>) {
        let now = Timestamp::now();
        // No two at the same nanosecond: that is what tells the names of two events about one object apart.
        for (at, notice) in (0..).filter_map(|n| now.checked_add(Duration::from_nanos(n)).ok()).zip(notices) {
            let queue = if notice.warning { &self.warnings } else { &self.others };
            let reason = notice.reason.clone();
            if queue.try_send(Told { about: about.clone(), action, notice, at }).is_err() {
                tracing::debug!(reason, "too many events wait: this one is lost");
            }
        }
    }
}

async fn publish(notices: Notices, mut queue: mpsc::Receiver<Told>, mut crowded: Option<watch::Receiver<bool>>) {
    while let Some(Told { about, action, notice, at }) = queue.recv().await {
        // One that hangs (a webhook) must not silence all others.
        if tokio::time::timeout(LONGEST, notices.publish(about, action, &notice, at)).await.is_err() {
            tracing::debug!(reason = notice.reason, "event not published in time");
        }
        if let Some(crowded) = crowded.as_mut().filter(|crowded| *crowded.borrow()) {
            // Over as soon as there are places again.
            let _ = tokio::time::timeout(PACE, crowded.wait_for(|crowded| !crowded)).await;
        }
    }
}
