//! Sampling of tenants' Leases: one watch per tenant, only while its plan asks for it. Leases change all the time, so they
//! are never watched into the loop at rest.
use std::collections::BTreeMap;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::domain::object::LeaseSeen;

/// What a sampled Lease says now.
#[derive(Debug)]
pub struct Sample {
    pub tenant: String,
    pub lease: LeaseSeen,
}

/// The samplers that run.
pub struct Sampler {
    client: Client,
    samples: mpsc::Sender<Sample>,
    running: BTreeMap<String, ((String, String), JoinHandle<()>)>,
}

impl Sampler {
    #[must_use]
    pub const fn new(client: Client, samples: mpsc::Sender<Sample>) -> Self {
        Self { client, samples, running: BTreeMap::new() }
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
                let task = sample(self.client.clone(), tenant.clone(), lease.clone(), self.samples.clone());
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
    client: Client,
    tenant: String,
    (namespace, name): (String, String),
    out: mpsc::Sender<Sample>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let api: Api<Lease> = Api::namespaced(client, &namespace);
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut stream = watcher(api, config).default_backoff().boxed();
        let mut seen = LeaseSeen::default();
        while let Some(event) = stream.next().await {
            match event {
                Ok(watcher::Event::InitApply(lease) | watcher::Event::Apply(lease)) => {
                    follow(&mut seen, &lease, Timestamp::now());
                }
                Ok(watcher::Event::Delete(_)) => free(&mut seen, Timestamp::now()),
                Ok(watcher::Event::InitDone) => seen.known = true,
                Ok(watcher::Event::Init) => continue,
                Err(error) => {
                    tracing::debug!(tenant, %error, "sampling the Lease failed; trying again");
                    continue;
                }
            }
            if seen.known && out.send(Sample { tenant: tenant.clone(), lease: seen.clone() }).await.is_err() {
                return;
            }
        }
    })
}

/// Takes a new state of the Lease in, and counts the time without a holder on our own clock.
fn follow(seen: &mut LeaseSeen, lease: &Lease, now: Timestamp) {
    let Some(spec) = &lease.spec else { return free(seen, now) };
    let holder = spec.holder_identity.clone().unwrap_or_default();
    if holder.is_empty() {
        free(seen, now);
    } else if let Some(since) = seen.free_since.take() {
        seen.leaderless_milliseconds += (now.as_millisecond() - since.as_millisecond()).max(0);
    }
    seen.holder = holder;
    seen.transitions = spec.lease_transitions.unwrap_or_default();
    seen.acquired = spec.acquire_time.as_ref().map(|t| t.0);
    seen.renewed = spec.renew_time.as_ref().map(|t| t.0);
}

fn free(seen: &mut LeaseSeen, now: Timestamp) {
    seen.holder = String::new();
    seen.free_since.get_or_insert(now);
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;

    use super::*;

    #[test]
    fn the_time_without_a_holder_is_added_up() {
        let lease = |holder: &str| Lease {
            spec: Some(LeaseSpec { holder_identity: Some(holder.into()), ..LeaseSpec::default() }),
            ..Lease::default()
        };
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let mut seen = LeaseSeen::default();
        follow(&mut seen, &lease("a_1"), at(0));
        follow(&mut seen, &lease(""), at(1000));
        follow(&mut seen, &lease("b_2"), at(1400));
        free(&mut seen, at(2000));
        follow(&mut seen, &lease("c_3"), at(2100));
        assert_eq!((seen.leaderless_milliseconds, seen.holder_pod()), (500, Some("c")));
    }
}
