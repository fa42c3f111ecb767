//! What a tenant costs the API server, in requests: counted by a proxy in front of Leasehold.

use serde_json::json;

use crate::fleet::{Fleet, PATIENCE};
use crate::support::eventually;
use crate::support::proxy::{Proxy, Request};

/// Issue 3, "Figures": until Ready and events aside, at most 16, of which at most 14 write.
const REQUESTS: usize = 16;
const WRITES: usize = 14;
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
