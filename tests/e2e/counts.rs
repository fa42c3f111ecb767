//! What a tenant costs the API server, in requests: counted by a proxy in front of Leasehold.

use serde_json::json;

use crate::fleet::{Fleet, PATIENCE};
use crate::support::eventually;
use crate::support::proxy::{Proxy, Request};

/// Issue 3, "Figures": until Ready and events aside, at most 16, of which at most 14 write.
const REQUESTS: usize = 16;
const WRITES: usize = 14;
/// For one upgrade, beside the claim and the proof: the template, a look at the Lease, and the mark on the new leader for the
/// next time. Where standbys poll there is an eviction besides.
const UPGRADE: [&str; 3] = ["apply deployments", "watch leases", "patch pods"];
/// The claim, the proof, and one in between that says what is still missing, if that takes a while.
const STATUSES: usize = 3;
/// Renewals of our own Lease that a rest is watched for.
const RENEWALS: usize = 4;

fn is_own_lease(request: &Request) -> bool {
    request.resource == "leases" && request.namespace == "leasehold-system"
}

/// Everything but watches, events and the election, from the `since`th request on.
fn counted(proxy: &Proxy, since: usize) -> Vec<Request> {
    let log = proxy.log().into_iter().skip(since);
    log.filter(|request| request.verb != "watch" && request.resource != "events" && !is_own_lease(request)).collect()
}

/// Waits until Leasehold has renewed its Lease so many times from now on.
async fn renewals(proxy: &Proxy, times: usize) {
    let since = proxy.log().len();
    let renewed = || {
        let log = proxy.log().into_iter().skip(since);
        log.filter(|request| is_own_lease(request) && request.verb == "update" && request.succeeded()).count()
    };
    eventually("the Lease is renewed", PATIENCE, async || renewed() >= times).await;
}

/// What was asked for this tenant once it was granted that version, but events.
fn upgraded(proxy: &Proxy, tenant: &str, version: &str) -> Vec<String> {
    let namespace = format!("tenant-{tenant}");
    let theirs = |r: &Request| r.namespace == namespace || (r.resource == "tenants" && r.name == tenant);
    let granted = |request: &Request| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        body["status"]["granted"]["version"] == version
    };
    let all = proxy.log().into_iter().filter(|request| theirs(request) && request.resource != "events");
    all.skip_while(|request| !granted(request)).map(|r| format!("{} {}", r.verb, r.resource)).collect()
}

#[tokio::test]
async fn an_upgrade_costs_at_most_five_writes() {
    let fleet = Fleet::alone("changes").await;
    let proxy = fleet.cluster.proxy("changes");
    let _leasehold = fleet.run(proxy.kubeconfig(), "leasehold-0", &[]);
    fleet.release("1.0.0").await;
    fleet.release("1.1.0").await;
    fleet.policy(json!([{"name": "all", "maxConcurrency": 100, "soak": {"duration": "0s"}}])).await;
    let names: Vec<String> = (0..3).map(|n| format!("changes-{n}")).collect();
    for version in ["1.0.0", "1.1.0"] {
        for name in &names {
            fleet.tenant(name, version, json!({"rolloutPolicy": "changes"})).await;
        }
        for name in &names {
            fleet.runs(name, version).await;
            // The last that is done for it: the leader's mark for the next upgrade.
            let prepared = || upgraded(&proxy, name, version).iter().any(|request| request == "patch pods");
            eventually("it is prepared for the next upgrade", PATIENCE, async || prepared()).await;
        }
    }
    for name in &names {
        let asked = upgraded(&proxy, name, "1.1.0");
        let (statuses, rest): (Vec<_>, Vec<_>) = asked.iter().partition(|request| *request == "update tenants");
        assert_eq!(rest, UPGRADE, "{name}: {asked:?}");
        assert!(statuses.len() <= STATUSES, "{name}: {asked:?}");
    }
}

#[tokio::test]
async fn a_tenant_costs_few_requests_and_at_rest_none() {
    let fleet = Fleet::alone("counts").await;
    let proxy = fleet.cluster.proxy("counts");
    let election = ["--lease-duration=6s", "--renew-deadline=4s", "--retry-period=1s"];
    let leasehold = fleet.run(proxy.kubeconfig(), "leasehold-0", &election);
    fleet.release("1.0.0").await;
    // The first pays for what all share: the CRD, the caches.
    fleet.onboarded("counts-first", "1.0.0").await;
    renewals(&proxy, 1).await;

    let before = proxy.log().len();
    let names: Vec<String> = (0..5).map(|n| format!("counts-{n}")).collect();
    for name in &names {
        fleet.tenant(name, "1.0.0", json!({})).await;
    }
    for name in &names {
        fleet.runs(name, "1.0.0").await;
    }
    let all = counted(&proxy, before);
    let lines = || all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(all.len() <= REQUESTS * names.len(), "{} requests for {}:\n{}", all.len(), names.len(), lines());
    let writes = all.iter().filter(|request| request.is_write()).count();
    assert!(writes <= WRITES * names.len(), "{writes} writes for {}:\n{}", names.len(), lines());

    // At rest: nothing but watches and the Lease. One renewal first, for what is still on its way.
    renewals(&proxy, 1).await;
    let settled = proxy.log().len();
    renewals(&proxy, RENEWALS).await;
    let rest: Vec<Request> = proxy.log().into_iter().skip(settled).collect();
    let rest: Vec<String> =
        rest.iter().filter(|r| r.verb != "watch" && !is_own_lease(r)).map(ToString::to_string).collect();
    assert_eq!(rest, [] as [&str; 0], "at rest");

    // A restart with nothing to do writes nothing.
    leasehold.stop();
    leasehold.wait(PATIENCE).await;
    let stopped = proxy.log().len();
    let _leasehold = fleet.run(proxy.kubeconfig(), "leasehold-1", &election);
    renewals(&proxy, RENEWALS).await;
    let written: Vec<Request> = proxy.writes();
    let last = proxy.log().get(stopped).map_or(u64::MAX, |request| request.seq);
    let written: Vec<String> = written
        .iter()
        .filter(|r| r.seq >= last && !is_own_lease(r) && r.resource != "events")
        .map(ToString::to_string)
        .collect();
    assert_eq!(written, [] as [&str; 0], "after a restart");
}
