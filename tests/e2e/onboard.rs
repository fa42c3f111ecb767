//! A Tenant is applied: its stack stands, its operator runs and leads, and its status never said so too early.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, WatchEvent, WatchParams};
use kube::{Client, ResourceExt};
use leasehold::api::Tenant;
use serde_json::json;

use crate::fleet::Fleet;
use crate::looks::{KStatus, Looks, kstatus};

/// The built-in stack of operator `onboard`: kind and name.
const STACK: [(&str, &str, &str); 10] = [
    ("v1", "Namespace", "tenant-onboard-acme"),
    ("v1", "ResourceQuota", "onboard-operator"),
    ("v1", "LimitRange", "onboard-operator"),
    ("networking.k8s.io/v1", "NetworkPolicy", "onboard-operator"),
    ("v1", "ServiceAccount", "onboard-operator"),
    ("rbac.authorization.k8s.io/v1", "Role", "onboard-operator"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "onboard-operator"),
    ("apps/v1", "Deployment", "onboard-operator"),
    ("policy/v1", "PodDisruptionBudget", "onboard-operator"),
    ("v1", "Service", "onboard-metrics"),
];

/// Every state of the Tenant from now until it is Ready.
async fn states(client: Client, name: &str, since: &str) -> Vec<Tenant> {
    let api: Api<Tenant> = Api::all(client);
    let only = WatchParams::default().fields(&format!("metadata.name={name}")).timeout(290);
    let mut events = api.watch(&only, since).await.expect("a watch").boxed();
    let mut states = Vec::new();
    while let Some(event) = events.try_next().await.expect("the watch goes on") {
        let (WatchEvent::Added(tenant) | WatchEvent::Modified(tenant)) = event else { continue };
        let ready = tenant.settled();
        states.push(tenant);
        if ready {
            return states;
        }
    }
    panic!("{name} was not Ready in 290 s; last {:#?}", states.last().and_then(|tenant| tenant.status.clone()));
}

#[tokio::test]
async fn onboard() {
    let fleet = Fleet::shared("onboard").await;
    fleet.release("1.0.0").await;
    let applied = fleet.tenant("onboard-acme", "1.0.0", json!({})).await;
    let created = applied.resource_version().expect("it is stored");
    let states = states(fleet.client.clone(), "onboard-acme", &created).await;
    let (last, before) = states.split_last().expect("it changed");
    assert_eq!(kstatus(&applied), KStatus::InProgress, "a new object is not finished");
    for state in before {
        assert_eq!(kstatus(state), KStatus::InProgress, "{:#?}", state.status);
    }
    assert_eq!(kstatus(last), KStatus::Current);
    for condition in states.iter().flat_map(|state| state.status.iter().flat_map(|status| &status.conditions)) {
        assert_eq!(Some(condition.observed_generation), last.metadata.generation, "{condition:?}");
    }

    stands(&fleet, last).await;
    leads(&fleet, last).await;
    assert!(last.condition("Stalled").is_none(), "kstatus: it must not be there when it does not hold");
    let seen = fleet.cluster.kubectl(&["get", "lht", "onboard-acme", "--no-headers"]);
    let seen: Vec<&str> = seen.split_whitespace().collect();
    assert_eq!(seen[..6], ["onboard-acme", "onboard", "1.0.0", "1.0.0", "True", "Running"], "{seen:?}");
    fleet.told("onboard-acme", &["TenantOnboarded", "1.0.0"]).await;
    fleet.end().await;
}

/// Ten objects, each marked as ours, and all of them in the inventory.
async fn stands(fleet: &Fleet, tenant: &Tenant) {
    let status = tenant.status.as_ref().unwrap();
    let mut expected = BTreeSet::new();
    for (api_version, kind, name) in STACK {
        let object = fleet.objects("onboard-acme", api_version, kind).get(name).await;
        let object = object.unwrap_or_else(|error| panic!("{kind}/{name}: {error}"));
        assert_eq!(object.labels()["leasehold.dev/tenant"], "onboard-acme", "{kind}");
        assert_eq!(Some(&object.annotations()["leasehold.dev/tenant-uid"]), tenant.uid().as_ref(), "{kind}");
        let manager =
            object.managed_fields().iter().any(|m| m.manager.as_deref() == Some("leasehold/tenant-onboard-acme"));
        assert!(manager, "a field manager per tenant: {:?}", object.managed_fields());
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        expected.insert(format!("{}_{name}_{group}_{kind}", object.namespace().unwrap_or_default()));
        if kind == "Namespace" {
            let namespace = status.namespace.as_ref().expect("the namespace is in the status");
            assert_eq!((Some(&namespace.uid), namespace.name.as_str()), (object.uid().as_ref(), name));
            assert!(object.owner_references().is_empty(), "deleting a CRD must not take a tenant's data");
        }
    }
    let inventory = status.inventory.as_ref().expect("an inventory");
    assert_eq!(inventory.entries.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(tenant.finalizers().iter().any(|finalizer| finalizer == "leasehold.dev/offboard"));
}

/// The leader in the status is the holder of the Lease, and one of the pods.
async fn leads(fleet: &Fleet, tenant: &Tenant) {
    assert!(tenant.holds("LeaderElected"));
    let leader = tenant.status.as_ref().unwrap().leader.clone().expect("a leader in the status");
    let leases: Api<Lease> = Api::namespaced(fleet.client.clone(), "tenant-onboard-acme");
    let lease = leases.get("onboard-acme.onboard.cache.example.com").await.expect("the Lease has the election's ID");
    assert_eq!(lease.spec.unwrap().holder_identity.as_ref(), Some(&leader.identity));
    let pod = leader.identity.split('_').next().unwrap();
    let images = fleet.images("onboard-acme").await;
    assert!(images.contains_key(pod) && images.len() == 2, "{pod} of {images:?}");
}
