//! The emergency brake: a Deny without a schedule, at the worst moment. How soon it holds is counted in the API server's own
//! time, from the request that makes it to the last grant.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use leasehold::api::{ChangeWindow, Phase, WindowSpec};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::fleet::{Fleet, PATIENCE};
use crate::looks::Looks;
use crate::runs::{all_of, ask, names, reached};
use crate::support::eventually;
use crate::support::proxy::{Fault, Match, Proxy, Request};

/// From the brake's creation to the last grant at most: what the brake is for.
const BOUND: SignedDuration = SignedDuration::from_secs(1);
/// How often it is pulled in one run, and how many go at once; with this many tenants there is always somebody left.
const TIMES: usize = 3;
const AT_ONCE: usize = 3;
const TENANTS: u8 = 12;

/// Whether that is the write of a grant of 1.1.0.
fn grants(request: &Request) -> bool {
    request.object()["status"]["granted"]["version"] == "1.1.0"
}

/// Waits until somebody is granted 1.1.0 who was not before: the write is on its way to the API server.
async fn next_grant(sent: &mut UnboundedReceiver<String>, known: &mut BTreeSet<String>) {
    let next = async { while !known.insert(sent.recv().await.expect("the proxy lives")) {} };
    timeout(PATIENCE, next).await.expect("somebody is granted");
}

/// Nobody is on the way, and everybody who has not gone says that it is the brake. Returns how many are left.
async fn at_rest(fleet: &Fleet) -> usize {
    eventually("those on their way arrive, the others wait for the brake", PATIENCE, async || {
        let all = fleet.tenants().list(&ListParams::default()).await.ok()?.items;
        let (gone, left): (Vec<_>, Vec<_>) = all.iter().partition(|tenant| tenant.granted() == "1.1.0");
        let arrived = gone.iter().all(|tenant| tenant.running() == "1.1.0" && tenant.holds("Ready"));
        let waits = left.iter().all(|tenant| {
            tenant.reason("Reconciling") == "Window" && tenant.message("Reconciling").contains("incident 4711")
        });
        (arrived && waits).then_some(left.len())
    })
    .await
}

/// When the API server received the first grant of each tenant, and what was done about each brake.
async fn times(fleet: &Fleet, proxy: &Proxy) -> (Vec<Timestamp>, BTreeMap<(String, String), Timestamp>) {
    let mut first = BTreeMap::new();
    for request in proxy.writes().into_iter().filter(|request| grants(request) && request.succeeded()) {
        first.entry(request.name.clone()).or_insert(request.audit_id.expect("the API server says its audit id"));
    }
    let ids: BTreeSet<String> = first.into_values().collect();
    let brakes = 2 * TIMES;
    eventually("the audit log tells of all of them", PATIENCE, async || {
        let about = |of: &str, id: &str| ids.contains(id) || of == "changewindows";
        let log = fleet.cluster.requests(|request| about(&request.resource, &request.id) && request.code / 100 == 2);
        let at = |text: &str| text.parse::<Timestamp>().expect("RFC 3339");
        let granted: Vec<Timestamp> =
            log.iter().filter(|r| ids.contains(&r.id)).map(|request| at(&request.received)).collect();
        let braked = log.iter().filter(|request| ["create", "delete"].contains(&request.verb.as_str()));
        let braked: BTreeMap<_, _> =
            braked.map(|request| ((request.name.clone(), request.verb.clone()), at(&request.received))).collect();
        (granted.len() == ids.len() && braked.len() == brakes).then_some((granted, braked))
    })
    .await
}

#[tokio::test]
async fn emergency_brake() {
    let fleet = Fleet::alone("brake").await;
    let proxy = fleet.cluster.proxy("leasehold");
    let _leasehold = fleet.run(proxy.kubeconfig(), "leasehold-0", &["--leader-elect=false"]);
    for version in ["1.0.0", "1.1.0"] {
        fleet.release(version).await;
    }
    fleet.policy(json!([{"name": "all", "maxConcurrency": AT_ONCE, "soak": {"duration": "0s"}}])).await;
    let tenants = names("brake", TENANTS);
    ask(&fleet, &tenants, "1.0.0", json!({"replicas": 1})).await;
    all_of(&fleet, &tenants, "1.0.0").await;

    let (tell, mut sent) = unbounded_channel();
    let told = Fault::hook(move |request: &Request| {
        // Nobody listens any more when the test is over.
        let _ = grants(request).then(|| tell.send(request.name.clone()));
    });
    proxy.add(Match::verb("update").resource("tenants").subresource("status").before(told));
    let windows: Api<ChangeWindow> = Api::all(fleet.client.clone());
    let mut known = BTreeSet::new();
    ask(&fleet, &tenants, "1.1.0", json!({"replicas": 1})).await;
    for n in 0..TIMES {
        next_grant(&mut sent, &mut known).await;
        let spec: WindowSpec = serde_json::from_value(json!({"action": "Deny", "reason": "incident 4711"})).unwrap();
        let brake = ChangeWindow::new(&format!("brake-{n}"), spec);
        windows.create(&PostParams::default(), &brake).await.expect("a brake can be pulled");
        let left = at_rest(&fleet).await;
        while let Ok(name) = sent.try_recv() {
            known.insert(name);
        }
        assert_eq!(left, usize::from(TENANTS) - known.len(), "nobody was granted whom we were not told of");
        assert!(left >= AT_ONCE, "somebody was there to be held back: {left}");
        windows.delete(&format!("brake-{n}"), &DeleteParams::default()).await.expect("a brake can be let go");
    }
    reached(&fleet, "1.1.0", Phase::Succeeded).await;
    all_of(&fleet, &tenants, "1.1.0").await;
    if !fleet.cluster.has_audit_log() {
        println!("this cluster's audit log is not at hand: nothing is measured");
        return;
    }
    let (granted, braked) = times(&fleet, &proxy).await;
    assert_eq!(granted.len(), tenants.len());
    for n in 0..TIMES {
        let when = |verb: &str| braked[&(format!("brake-{n}"), verb.to_owned())];
        let (pulled, let_go) = (when("create"), when("delete"));
        let last = granted.iter().filter(|at| **at < let_go).max().expect("it was pulled at a grant");
        let after = last.duration_since(pulled);
        let held = let_go.duration_since(pulled).as_millis();
        println!("brake {n}: on for {held} ms, the last grant came {} ms after it was made", after.as_millis());
        assert!(after <= BOUND, "brake {n}: a grant {after:#} after it was made");
    }
}
