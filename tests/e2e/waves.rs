//! A version moves through a fleet in waves: in order, halted by its canary, and through a crash of the one who leads it.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use leasehold::api::{Grant, Phase, Rollout, Tenant, Upgrade};
use serde_json::{Value, json};

use crate::fleet::{Fleet, PATIENCE};
use crate::looks::Looks;
use crate::support::proxy::{Fault, Match};
use crate::support::{eventually, watch_until};

/// One tenant that goes first, and then the others, two at a time.
pub fn two_waves(deadline: &str) -> Value {
    json!([
        {"name": "canary", "selector": {"matchLabels": {"ring": "canary"}}, "take": 1, "maxConcurrency": 1, "maxFailures": 0,
         "progressDeadline": deadline, "soak": {"duration": "1s"}},
        {"name": "everyone", "maxConcurrency": 2, "progressDeadline": deadline, "soak": {"duration": "0s"}},
    ])
}

/// Names of a fleet of four; the first is the canary.
pub fn four(operator: &str) -> [String; 4] {
    ["a", "b", "c", "d"].map(|letter| format!("{operator}-{letter}"))
}

/// Applies all four at this version, in one go.
pub async fn bump(fleet: &Fleet, version: &str) {
    for (n, name) in four(&fleet.operator).iter().enumerate() {
        let ring = if n == 0 { "canary" } else { "stable" };
        fleet.tenant(name, version, json!({"rolloutPolicy": fleet.operator, "labels": {"ring": ring}})).await;
    }
}

pub async fn all_run(fleet: &Fleet, version: &str) -> Vec<Tenant> {
    let mut tenants = Vec::new();
    for name in four(&fleet.operator) {
        tenants.push(fleet.runs(&name, version).await);
    }
    tenants
}

/// The rollouts of this operator, in the order in which they were made.
pub async fn rollouts(fleet: &Fleet) -> Vec<Rollout> {
    let all = fleet.rollouts().list(&ListParams::default()).await.expect("rollouts can be listed");
    let mut ours: Vec<Rollout> = all.items.into_iter().filter(|run| run.spec.operator == fleet.operator).collect();
    ours.sort_by_key(|run| run.spec.sequence);
    ours
}

/// Waits until the newest rollout to this version is in this phase.
pub async fn reached(fleet: &Fleet, version: &str, phase: Phase) -> Rollout {
    let what = format!("the rollout to {version} is {phase:?}");
    eventually(&what, PATIENCE, async || {
        let newest = rollouts(fleet).await.into_iter().rfind(|run| run.spec.target.version == version)?;
        (newest.status.as_ref()?.phase == phase).then_some(newest)
    })
    .await
}

fn grant(tenant: &Tenant) -> &Grant {
    tenant.status.as_ref().and_then(|status| status.granted.as_ref()).expect("a grant")
}

fn upgrade(tenant: &Tenant) -> &Upgrade {
    tenant.status.as_ref().and_then(|status| status.last_upgrade.as_ref()).expect("an upgrade")
}

/// How many pod templates a tenant's Deployment has had.
async fn revisions(client: &Client, tenant: &str) -> usize {
    let sets: Api<ReplicaSet> = Api::namespaced(client.clone(), &format!("tenant-{tenant}"));
    sets.list(&ListParams::default()).await.expect("ReplicaSets can be listed").items.len()
}

#[tokio::test]
async fn wave_happy() {
    let fleet = Fleet::shared("happy").await;
    fleet.release("1.0.0").await;
    fleet.release("1.1.0").await;
    fleet.policy(two_waves("5m")).await;
    bump(&fleet, "1.0.0").await;
    all_run(&fleet, "1.0.0").await;
    assert!(rollouts(&fleet).await.is_empty(), "a new tenant starts at its version");

    bump(&fleet, "1.1.0").await;
    let rollout = reached(&fleet, "1.1.0", Phase::Succeeded).await;
    let tenants = all_run(&fleet, "1.1.0").await;
    let waves: Vec<&str> = tenants.iter().map(|tenant| grant(tenant).wave.as_deref().unwrap()).collect();
    assert_eq!(waves, ["canary", "everyone", "everyone", "everyone"]);
    let proven = tenants[0].status.as_ref().unwrap().running.as_ref().unwrap().since;
    for tenant in &tenants {
        assert_eq!(grant(tenant).rollout, rollout.metadata.name);
        assert_eq!((upgrade(tenant).from.as_str(), upgrade(tenant).to.as_str()), ("1.0.0", "1.1.0"));
        assert_eq!(upgrade(tenant).handovers, Some(1), "leadership changes hands once: {:?}", upgrade(tenant));
        assert!(upgrade(tenant).leaderless_milliseconds.is_some(), "the time without a leader was measured");
        assert_eq!(revisions(&fleet.client, &tenant.name_any()).await, 2);
    }
    for later in &tenants[1..] {
        assert!(grant(later).at >= proven, "nobody goes before the canary is proven");
    }
    let status = rollout.status.unwrap();
    assert_eq!((status.members, status.proven, status.failed, status.in_flight), (4, 4, 0, 0));
    assert_eq!(rollouts(&fleet).await.len(), 1, "four tenants that changed together are one rollout");
    fleet.end().await;
}

#[tokio::test]
async fn wave_halts_at_canary() {
    let fleet = Fleet::shared("halts").await;
    fleet.release("1.0.0").await;
    fleet.release_with("1.2.0", Fleet::never_ready).await;
    fleet.policy(two_waves("5s")).await;
    bump(&fleet, "1.0.0").await;
    let before: Vec<Tenant> = all_run(&fleet, "1.0.0").await;
    let mut pods = BTreeMap::new();
    for tenant in &before {
        pods.insert(tenant.name_any(), fleet.images(&tenant.name_any()).await);
    }

    bump(&fleet, "1.2.0").await;
    let halted = reached(&fleet, "1.2.0", Phase::Halted).await.status.unwrap().halted.expect("it says why");
    let [canary, others @ ..] = four("halts");
    assert!(halted.reason.contains(&canary), "{}", halted.reason);
    let said = fleet.stalled(&canary, "DeadlineExceeded").await;
    assert!(said.contains("1.2.0") && said.contains("5s"), "{said}");
    for name in &others {
        let tenant = fleet.tenants().get(name).await.unwrap();
        assert_eq!((tenant.granted(), tenant.running()), ("1.0.0", "1.0.0"), "{name}");
        assert_eq!(fleet.images(name).await, pods[name], "{name} was not touched");
    }
    // The canary's old pods still lead: the new one never got that far.
    let leases: Api<Lease> = Api::namespaced(fleet.client.clone(), &format!("tenant-{canary}"));
    let lease = leases.get(&format!("{canary}.halts.cache.example.com")).await.unwrap();
    let holder = lease.spec.unwrap().holder_identity.unwrap();
    assert!(pods[&canary].contains_key(holder.split('_').next().unwrap()), "{holder} of {:?}", pods[&canary]);

    // Going back is a new run, in time that real pods have.
    fleet.policy(two_waves("5m")).await;
    bump(&fleet, "1.0.0").await;
    let back = all_run(&fleet, "1.0.0").await;
    assert!(!back[0].holds("Stalled"));
    for tenant in &back[1..] {
        assert_eq!(fleet.images(&tenant.name_any()).await, pods[&tenant.name_any()], "it never moved");
    }
    let run = rollouts(&fleet).await.into_iter().find(|run| run.spec.target.version == "1.2.0").unwrap();
    assert!(run.status.unwrap().phase.ended(), "nobody wants it any more");
    fleet.end().await;
}

#[tokio::test]
async fn wave_survives_leader_kill() {
    let fleet = Fleet::alone("killed").await;
    // Long enough that a busy machine changes no hands, short enough to wait for.
    let election = ["--lease-duration=9s", "--renew-deadline=7s", "--retry-period=1s"];
    let proxy = fleet.cluster.proxy("first");
    let first = fleet.run(proxy.kubeconfig(), "leasehold-0", &election);
    proxy.attach(&first);
    let own: Api<Lease> = Api::namespaced(fleet.client.clone(), "leasehold-system");
    let led_by = |pod: &'static str| {
        move |lease: Option<&Lease>| {
            let holder = lease.and_then(|lease| lease.spec.as_ref()?.holder_identity.clone());
            holder.is_some_and(|holder| holder.starts_with(pod))
        }
    };
    watch_until(&own, "leasehold.leasehold.dev", "the first leads", PATIENCE, led_by("leasehold-0_")).await;
    let second = fleet.run(fleet.cluster.kubeconfig(), "leasehold-1", &election);
    fleet.release("1.0.0").await;
    fleet.release("1.1.0").await;
    fleet.policy(two_waves("5m")).await;
    bump(&fleet, "1.0.0").await;
    all_run(&fleet, "1.0.0").await;

    // Granted, on record, and not yet acted on: the worst moment. The canary is proven; the claim of the next is the last
    // that the first leader writes.
    let statuses = Match::verb("update").resource("tenants").subresource("status");
    let canary = format!("{}-a", fleet.operator);
    bump(&fleet, "1.1.0").await;
    fleet.until(&canary, "the canary runs", |tenant| tenant.running() == "1.1.0").await;
    proxy.add(statuses.nth(1).after(Fault::Kill));
    let died = first.wait(PATIENCE).await;
    assert!(!died.success());

    let rollout = reached(&fleet, "1.1.0", Phase::Succeeded).await;
    let tenants = all_run(&fleet, "1.1.0").await;
    watch_until(&own, "leasehold.leasehold.dev", "the second leads", PATIENCE, led_by("leasehold-1_")).await;
    let epochs: Vec<i64> = tenants.iter().map(|tenant| grant(tenant).epoch).collect();
    assert!(epochs[0] == 0 && epochs.contains(&1), "one leader began, the other went on: {epochs:?}");
    for tenant in &tenants {
        assert_eq!(grant(tenant).rollout, rollout.metadata.name, "it is the same run");
        assert_eq!(revisions(&fleet.client, &tenant.name_any()).await, 2, "nobody moved twice");
    }
    assert_eq!(rollouts(&fleet).await.len(), 1);
    assert!(second.status().is_none());
}
