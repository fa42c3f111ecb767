//! A rollout's wall time against its critical path: the longest chain of tenants in which each was granted because the one
//! before was proven, and the soaks between. What is left are the pauses of the engine.
use std::{
    collections::BTreeMap,
    fmt::Debug,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream::BoxStream};
use kube::core::ClusterResourceScope;
use kube::{
    Api, Resource,
    runtime::{WatchStreamExt, watcher},
};
use leasehold::api::{Phase, Rollout, Tenant};
use serde::de::DeserializeOwned;

use crate::{fleet::Fleet, support::Cluster};

const TARGET: &str = "1.2.0";
const SOAK: Duration = Duration::from_secs(3);
const POLICY: &str = r"
apiVersion: leasehold.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: default}
spec:
  coalesce: {quietPeriod: 3s, maxWait: 1m}
  limits: {maxConcurrency: 10000, maxFailures: 0}
  waves:
  - {name: canary, take: 10, maxConcurrency: 5, soak: {duration: 3s}}
  - {name: everyone, maxConcurrency: 30, soak: {duration: 3s}}
";

/// When a tenant was seen granted, in which wave, and when it was seen proven.
struct Move {
    wave: String,
    granted: Instant,
    proven: Option<Instant>,
}

/// From the first grant to the end, and how much of that was the critical path.
pub async fn run(cluster: &Cluster, fleet: &Fleet<'_>) -> (Duration, Duration) {
    cluster.apply_yaml(POLICY).await;
    cluster.apply_yaml(&crate::fleet::release(TARGET)).await;
    let watching = tokio::spawn(watch(cluster.client()));
    fleet.bump(TARGET).await;
    let (moves, ended) = watching.await.expect("watched");
    let first = moves.values().map(|m| m.granted).min().expect("somebody was granted");
    (ended - first, critical(&moves))
}

async fn watch(client: kube::Client) -> (BTreeMap<String, Move>, Instant) {
    let mut tenants = objects::<Tenant>(client.clone());
    let mut rollouts = objects::<Rollout>(client);
    let mut moves = BTreeMap::new();
    loop {
        tokio::select! {
            Some(tenant) = tenants.next() => note(&mut moves, &tenant),
            Some(rollout) = rollouts.next() => {
                let ended = rollout.status.is_some_and(|status| status.phase == Phase::Succeeded);
                if ended && rollout.spec.target.version == TARGET {
                    return (moves, Instant::now());
                }
            }
        }
    }
}

fn objects<K>(client: kube::Client) -> BoxStream<'static, K>
where
    K: Resource<Scope = ClusterResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let events = watcher(Api::<K>::all(client), watcher::Config::default()).default_backoff();
    events.applied_objects().filter_map(async |object| object.ok()).boxed()
}

fn note(moves: &mut BTreeMap<String, Move>, tenant: &Tenant) {
    let (Some(name), Some(status)) = (&tenant.metadata.name, &tenant.status) else { return };
    let Some(grant) = status.granted.as_ref().filter(|grant| grant.version == TARGET) else { return };
    let wave = grant.wave.clone().unwrap_or_default();
    let now = Instant::now();
    let moved = moves.entry(name.clone()).or_insert(Move { wave, granted: now, proven: None });
    if status.running.as_ref().is_some_and(|running| running.version == TARGET) {
        moved.proven.get_or_insert(now);
    }
}

/// From the tenant that was proven last back to the first grant: each waited for the one of its wave that was proven last before
/// its own grant, the first of a wave for the soak of the wave before.
fn critical(moves: &BTreeMap<String, Move>) -> Duration {
    let last = |wanted: &dyn Fn(&Move) -> bool| {
        moves.values().filter(|m| wanted(m)).filter_map(|m| Some((m.proven?, m))).max_by_key(|(at, _)| *at)
    };
    let (mut path, mut at) = (Duration::ZERO, last(&|_| true));
    while let Some((proven, here)) = at {
        path += proven - here.granted;
        let before = last(&|m| m.wave == here.wave && m.proven.is_some_and(|at| at <= here.granted));
        if before.is_none() {
            path += SOAK;
        }
        at = before.or_else(|| last(&|m| m.wave != here.wave && m.proven.is_some_and(|at| at <= here.granted)));
    }
    path
}
