//! Sampling of tenants' Leases: one watch per tenant, only while its plan asks for it. Leases change all the time, so they
//! are never watched into the loop at rest.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::pool::{Pool, Seat};
use crate::domain::object::LeaseSeen;

/// What a sampled Lease says now.
#[derive(Debug)]
pub struct Sample {
    pub tenant: String,
    pub lease: LeaseSeen,
}

/// The samplers that run.
pub struct Sampler {
    connections: Pool,
    samples: mpsc::Sender<Sample>,
    running: BTreeMap<String, ((String, String), JoinHandle<()>)>,
}

impl Sampler {
    #[must_use]
    pub const fn new(connections: Pool, samples: mpsc::Sender<Sample>) -> Self {
        Self { connections, samples, running: BTreeMap::new() }
    }

    /// Whether that tenant's Lease is sampled now.
    #[must_use]
    pub fn samples(&self, tenant: &str) -> bool {
        self.running.contains_key(tenant)
    }

    /// Starts and stops samplers until they are the wanted ones. Returns the tenants that are not sampled any more.
    pub fn set(&mut self, wanted: &BTreeMap<String, (String, String)>) -> Vec<String> {
        let over = |(tenant, (lease, _)): (&String, &(_, JoinHandle<()>))| {
            (wanted.get(tenant) != Some(lease)).then(|| tenant.clone())
        };
        let ended: Vec<String> = self.running.iter().filter_map(over).collect();
        for tenant in &ended {
            if let Some((_, task)) = self.running.remove(tenant) {
                task.abort();
            }
        }
        for (tenant, lease) in wanted {
            if !self.running.contains_key(tenant) {
                let task = sample(self.connections.seat(), tenant.clone(), lease.clone(), self.samples.clone());
                self.running.insert(tenant.clone(), (lease.clone(), task));
            }
        }
        ended.into_iter().filter(|tenant| !wanted.contains_key(tenant)).collect()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.running.values().for_each(|(_, task)| task.abort());
    }
}

fn sample(
    (client, seat): (Client, Seat),
    tenant: String,
    (namespace, name): (String, String),
    out: mpsc::Sender<Sample>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        // Held for as long as this runs: a place on the connection.
        let _ = &seat;
        let api: Api<Lease> = Api::namespaced(client, &namespace);
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        // The first look and the watch after it in one request, where the API server can.
        let mut stream = watcher(api.clone(), config.clone().streaming_lists()).default_backoff().boxed();
        let mut record = Record::default();
        while let Some(event) = stream.next().await {
            match event {
                Ok(watcher::Event::InitApply(lease) | watcher::Event::Apply(lease)) => {
                    record.follow(lease.spec.as_ref(), Instant::now());
                }
                Ok(watcher::Event::Delete(_)) => record.follow(None, Instant::now()),
                Ok(watcher::Event::InitDone) => record.seen.known = true,
                Ok(watcher::Event::Init) => continue,
                Err(error) if cannot_stream(&error) => {
                    stream = watcher(api.clone(), config.clone()).default_backoff().boxed();
                    continue;
                }
                Err(error) => {
                    tracing::debug!(tenant, %error, "sampling the Lease failed; trying again");
                    continue;
                }
            }
            let lease = record.seen.clone();
            if lease.known && out.send(Sample { tenant: tenant.clone(), lease }).await.is_err() {
                return;
            }
        }
    })
}

/// Whether the API server refuses to begin a watch with what there is (KEP-3157, not before Kubernetes 1.32, and behind a
/// feature gate): it calls the option invalid.
fn cannot_stream(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == 422)
}

/// A Lease as it is followed: every change of it, at the moment at which it was seen on our own monotonic clock.
#[derive(Default)]
struct Record {
    seen: LeaseSeen,
    /// Who held it last, whether or not somebody holds it now.
    last: String,
    /// Since when nobody leads: the release; while it is held, the last renewal, for a holder that never released it did
    /// not lead after that, as far as anybody can tell.
    since: Option<Instant>,
    leaderless: Duration,
}

impl Record {
    /// Takes a new state of the Lease in; `None` when it is gone.
    fn follow(&mut self, spec: Option<&LeaseSpec>, now: Instant) {
        let seen = &mut self.seen;
        let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
        if holder.is_empty() {
            if !seen.holder.is_empty() || self.since.is_none() {
                self.since = Some(now);
            }
        } else {
            if holder != seen.holder
                && let Some(since) = self.since
            {
                self.leaderless += now.duration_since(since);
                seen.leaderless_milliseconds = i64::try_from(self.leaderless.as_millis()).unwrap_or(i64::MAX);
            }
            if holder != self.last {
                seen.handovers += i32::from(!self.last.is_empty());
                holder.clone_into(&mut self.last);
            }
            self.since = Some(now);
        }
        holder.clone_into(&mut seen.holder);
        let Some(spec) = spec else { return };
        seen.transitions = spec.lease_transitions.unwrap_or_default();
        seen.acquired = spec.acquire_time.as_ref().map(|t| t.0);
        seen.renewed = spec.renew_time.as_ref().map(|t| t.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a record when its Lease was seen with these holders at these milliseconds; `-`: it was gone.
    fn followed(changes: &[(&str, u64)]) -> LeaseSeen {
        let (mut record, begin) = (Record::default(), Instant::now());
        for (holder, at) in changes {
            let spec = LeaseSpec { holder_identity: Some((*holder).into()), ..LeaseSpec::default() };
            record.follow(Some(&spec).filter(|_| *holder != "-"), begin + Duration::from_millis(*at));
        }
        record.seen
    }

    fn measured(changes: &[(&str, u64)]) -> (i64, i32) {
        let seen = followed(changes);
        (seen.leaderless_milliseconds, seen.handovers)
    }

    #[test]
    fn the_time_without_a_holder_is_added_up() {
        let seen = followed(&[("a_1", 0), ("", 1000), ("b_2", 1400), ("-", 2000), ("c_3", 2100)]);
        assert_eq!((seen.leaderless_milliseconds, seen.handovers, seen.holder_pod()), (500, 2, Some("c")));
    }

    #[test]
    fn what_was_before_the_first_look_is_not_counted() {
        assert_eq!(measured(&[("", 0), ("a_1", 300), ("a_1", 900)]), (300, 0));
        assert_eq!(measured(&[("-", 0), ("a_1", 300)]), (300, 0));
    }

    #[test]
    fn a_holder_that_comes_back_changes_no_hands() {
        assert_eq!(measured(&[("a_1", 0), ("", 100), ("", 150), ("a_1", 200)]), (100, 0));
    }

    #[test]
    fn who_let_it_run_out_did_not_lead_after_its_last_renewal() {
        assert_eq!(measured(&[("a_1", 0), ("a_1", 2000), ("b_2", 17_000)]), (15_000, 1));
    }

    #[test]
    fn a_lease_that_is_free_now_has_not_cost_anything_yet() {
        assert_eq!(measured(&[("a_1", 0), ("", 100)]), (0, 0));
    }
}
