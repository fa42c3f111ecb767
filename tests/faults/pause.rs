//! K15: the leader stands still (SIGSTOP) in the middle of a wave until its standby has taken over, then goes on. What the
//! two wrote, by the proxies' logs, never contradicts the order of their terms.

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::PostParams;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::oracle::{
    claims_come_first, deletes_carry_the_uid, epochs_only_grow, no_write_of_the_older_after_the_newer, tally,
};
use crate::runner::{ELECTED, Runner};
use crate::scene::{SOON, Scene, names};
use crate::support::eventually;
use crate::support::proxy::{Fault, Match, Request};

pub const LEASE: &str = "leasehold.leasehold.dev";

/// Stops the process as a request of it passes by.
pub fn stop(runner: &Runner) -> Fault {
    let pid = i32::try_from(runner.process.pid()).ok().and_then(Pid::from_raw).unwrap();
    Fault::hook(move |_| kill_process(pid, Signal::STOP).unwrap())
}

/// Waits until the process behind this proxy holds the Lease.
pub async fn until_leading(runner: &Runner<'_>) {
    let took = |request: &Request| request.resource == "leases" && request.is_write() && request.succeeded();
    eventually("it leads", SOON, async || runner.proxy.log().iter().any(took)).await;
}

/// Waits until the process wrote anything but its Lease.
pub async fn until_working(runner: &Runner<'_>) {
    let works = |request: &Request| request.is_work() && request.succeeded();
    eventually("it does the work", SOON, async || runner.proxy.log().iter().any(works)).await;
}

pub async fn namespace(scene: &Scene, name: &str) {
    let object = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(scene.client());
    let _ = api.create(&PostParams::default(), &object).await;
    let lease: Api<Lease> = Api::namespaced(scene.client(), name);
    let _ = lease.delete(LEASE, &kube::api::DeleteParams::default()).await;
}

#[tokio::test]
async fn a_leader_stopped_in_a_wave_writes_nothing_once_its_successor_did() {
    let scene = Scene::begin().await;
    namespace(&scene, "leasehold-system").await;
    scene.operator("pause", &["1.0.0".to_owned(), "1.0.1".to_owned()]).await;
    let first = Runner::start(&scene, "first", ELECTED);
    until_leading(&first).await;
    let second = Runner::start(&scene, "second", ELECTED);
    second.until_warm().await;
    let tenants = names("paused", 3);
    for name in &tenants {
        scene.tenant(name, "pause", "1.0.0").await;
    }
    scene.until_run(&tenants, "1.0.0").await;
    assert!(second.proxy.writes().iter().all(|request| !request.is_work()), "a standby writes nothing");

    // On its way to the API server: this one still arrives.
    let rule = first.proxy.add(Match::verb("apply").resource("deployments").nth(1).before(stop(&first)));
    scene.bump(&tenants, "1.0.1").await;
    eventually("the leader is in the wave", SOON, async || first.proxy.matched(rule) > 0).await;
    until_working(&second).await;
    first.process.cont();
    assert!(!first.process.wait(SOON).await.success(), "a leader that lost its Lease ends with an error");
    scene.until_run(&tenants, "1.0.1").await;
    eventually("the run is over", SOON, async || scene.succeeded("pause", "1.0.1").await.is_some()).await;
    second.until_at_rest().await;

    let (older, newer) = (first.proxy.log(), second.proxy.log());
    no_write_of_the_older_after_the_newer(&older, &newer);
    let epochs = epochs_only_grow(&[&older, &newer], LEASE);
    assert_eq!(epochs.first().copied().zip(epochs.last().copied()), Some((0, 1)), "one term after the other");
    let all: Vec<Request> = older.into_iter().chain(newer).collect();
    deletes_carry_the_uid(&all);
    claims_come_first(&all);
    let tally = tally(&all);
    assert_eq!(tally[&("create", "rollouts".to_owned())], 1, "one run, not one of each leader");
    assert_eq!(tally[&("create", "deployments".to_owned())], tenants.len());

    // I8: what is settled stays settled: over the next renewals nothing else is written.
    let settled = second.proxy.requests();
    let renewed = |log: &[Request]| log.iter().filter(|r| r.resource == "leases" && r.is_write()).count();
    eventually("renewals", SOON, async || renewed(&second.proxy.log_from(settled)) >= 6).await;
    let after = second.proxy.log_from(settled);
    let work: Vec<String> = after.iter().filter(|request| request.is_work()).map(ToString::to_string).collect();
    assert!(work.is_empty(), "written at rest: {work:#?}");
}
