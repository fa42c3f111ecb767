//! The watch on the one Lease: what makes a handover take milliseconds.
//!
//! Flows in: the API server's stream. Flows out: [`Sighting`]s. It must never be trusted to be alive (the core polls)
//! nor to be new (the core compares versions), and never reconnect in a hurry.
use std::{future::Future, pin::Pin, time::Duration};

use futures::{StreamExt, stream::BoxStream};
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::time::Instant;

use super::{core::Sighting, lease_api::LeaseApi, record::Lease};

type Stream = BoxStream<'static, kube::Result<WatchEvent<Value>>>;
type Opening = Pin<Box<dyn Future<Output = kube::Result<Stream>> + Send>>;

/// However long the API server is away, somebody with a dead watch comes back within this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(super) struct LeaseWatch {
    api: LeaseApi,
    phase: Phase,
    shortest_pause: Duration,
    pause: Duration,
    connect_timeout: Duration,
}

enum Phase {
    Pausing(Instant),
    Opening(Opening),
    Open(Stream),
}

impl LeaseWatch {
    pub(super) fn new(api: LeaseApi) -> Self {
        let timings = api.timings();
        Self {
            api,
            phase: Phase::Pausing(Instant::now()),
            shortest_pause: timings.retry_period() / 2,
            pause: timings.retry_period() / 2,
            connect_timeout: timings.attempt_timeout(),
        }
    }

    /// The next thing the watch says. Safe to drop and call again.
    pub(super) async fn next(&mut self) -> Sighting {
        loop {
            match &mut self.phase {
                Phase::Pausing(until) => {
                    tokio::time::sleep_until(*until).await;
                    self.phase = Phase::Opening(open(self.api.clone(), self.connect_timeout));
                }
                Phase::Opening(opening) => match opening.await {
                    Ok(stream) => self.phase = Phase::Open(stream),
                    Err(error) => self.back_off(&error.to_string()),
                },
                Phase::Open(stream) => match stream.next().await {
                    Some(Ok(event)) => {
                        if let Some(sighting) = self.read(event) {
                            return sighting;
                        }
                    }
                    Some(Err(error)) => self.back_off(&error.to_string()),
                    None => self.back_off("ended"),
                },
            }
        }
    }

    /// The poll sees what the watch does not: start over.
    pub(super) fn distrust(&mut self) {
        if matches!(self.phase, Phase::Open(_)) {
            self.back_off("silent while the Lease changed");
        }
    }

    fn read(&mut self, event: WatchEvent<Value>) -> Option<Sighting> {
        let (object, sighting): (_, fn(Lease) -> Sighting) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, Sighting::Present),
            WatchEvent::Deleted(object) => (object, Sighting::Deleted),
            WatchEvent::Bookmark(_) => return None,
            WatchEvent::Error(status) => {
                self.back_off(&status.message);
                return None;
            }
        };
        self.pause = self.shortest_pause;
        Lease::parse(object).inspect_err(|error| tracing::warn!(%error, "watch")).ok().map(sighting)
    }

    /// Twice as long each time, and never in step with the others: a thousand standbys lose their watch together.
    fn back_off(&mut self, why: &str) {
        let pause = self.pause + self.pause.mul_f64(rand::random::<f64>());
        tracing::debug!(why, ?pause, "watch of the Lease");
        self.phase = Phase::Pausing(Instant::now() + pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

fn open(api: LeaseApi, limit: Duration) -> Opening {
    Box::pin(async move {
        match tokio::time::timeout(limit, api.watch()).await {
            Ok(stream) => stream,
            Err(_) => Err(kube::Error::Service("no answer to the watch".into())),
        }
    })
}
