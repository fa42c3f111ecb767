//! F4: the API server itself denies what a leader of the past writes. Two real Leaseholds under the chart's own
//! `ServiceAccount`, rights and admission policies.

use std::path::Path;
use std::sync::{Arc, Weak};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;

use crate::oracle::{epochs_only_grow, no_write_of_the_older_after_the_newer};
use crate::pause::{LEASE, namespace, stop, until_leading, until_working};
use crate::runner::{ELECTED, Runner};
use crate::scene::{SOON, Scene, names};
use crate::support::eventually;
use crate::support::proxy::{Fault, Link, Match, Proxy, Request};

pub const NAMESPACE: &str = "leasehold-fenced";

/// The chart's account, rights and policies, and no Lease yet. Returns a token of the account.
pub async fn install(scene: &Scene) -> String {
    namespace(scene, NAMESPACE).await;
    scene.cluster.install_chart(NAMESPACE, &[], &[]).await;
    scene.cluster.kubectl(&["-n", NAMESPACE, "create", "token", "leasehold"]).trim().to_owned()
}

/// A Leasehold as the chart's account.
pub fn start<'a>(scene: &'a Scene, name: &str, token: &str) -> Runner<'a> {
    let proxy = Arc::new(scene.cluster.proxy(name));
    let kubeconfig = proxy.kubeconfig_with_token(token);
    Runner::behind(scene, proxy, NAMESPACE, kubeconfig, ELECTED)
}

/// As that `ServiceAccount`, through the proxy.
pub async fn client(kubeconfig: &Path) -> Client {
    let parsed = Kubeconfig::read_from(kubeconfig).unwrap();
    let mut config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// A write into a tenant's stack, in this epoch.
pub async fn write(client: &Client, tenant: &str, epoch: &str) -> Result<ConfigMap, kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), &format!("tenant-{tenant}"));
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "by-hand", "labels": {"leasehold.dev/tenant": tenant},
        "annotations": {"leasehold.dev/epoch": epoch}}});
    api.patch("by-hand", &PatchParams::apply("by-hand"), &Patch::Apply(&object)).await
}

pub fn is_stale(result: &Result<ConfigMap, kube::Error>) -> bool {
    matches!(result, Err(kube::Error::Api(status)) if status.code == 422 && status.message.contains("stale epoch"))
}

/// UID and transitions of Leasehold's Lease.
pub async fn term(scene: &Scene) -> (String, i32) {
    let lease = Api::<Lease>::namespaced(scene.client(), NAMESPACE).get(LEASE).await.unwrap();
    (lease.metadata.uid.unwrap(), lease.spec.and_then(|spec| spec.lease_transitions).unwrap_or_default())
}

/// As it is stamped.
pub async fn epoch(scene: &Scene) -> String {
    let (lease, transitions) = term(scene).await;
    format!("{lease}/{transitions}")
}

/// From now on nothing that the process sends arrives, until the link is opened.
fn hold(proxy: &Arc<Proxy>) -> Fault {
    let proxy: Weak<Proxy> = Arc::downgrade(proxy);
    Fault::hook(move |_| proxy.upgrade().into_iter().for_each(|proxy| proxy.link(Link::RequestsHeld)))
}

#[tokio::test]
async fn stale_leader_is_denied() {
    let scene = Scene::begin().await;
    let token = install(&scene).await;
    scene.operator("fenced", &["1.0.0".to_owned(), "1.0.1".to_owned()]).await;
    let first = start(&scene, "old", &token);
    until_leading(&first).await;
    let second = start(&scene, "new", &token);
    second.until_warm().await;
    let tenants = names("fenced", 3);
    for name in &tenants {
        scene.tenant(name, "fenced", "1.0.0").await;
    }
    scene.until_run(&tenants, "1.0.0").await;

    let other = scene.cluster.proxy("by-hand");
    let by_hand = client(&other.kubeconfig_with_token(&token)).await;
    let (lease, transitions) = term(&scene).await;
    let old = format!("{lease}/{transitions}");
    // A policy is in force a moment after it was written.
    let never = format!("{lease}/{}", transitions + 7);
    let denied = async || is_stale(&write(&by_hand, &tenants[0], &never).await);
    eventually("an epoch that never was is denied", SOON, denied).await;
    let elsewhere = format!("00000000-0000-0000-0000-000000000000/{transitions}");
    assert!(is_stale(&write(&by_hand, &tenants[0], &elsewhere).await), "that of another Lease is denied");
    write(&by_hand, &tenants[0], &old).await.expect("the epoch in force may write");

    // The leader stops, and what it sent last is held up on its way: an upgrade's first change of a Deployment.
    let deployments = || Match::verb("apply").resource("deployments").nth(1);
    first.proxy.add(deployments().before(hold(&first.proxy)));
    let held = first.proxy.add(deployments().before(stop(&first)));
    let before = first.proxy.requests();
    scene.bump(&tenants, "1.0.1").await;
    eventually("the leader is in the wave", SOON, async || first.proxy.matched(held) > 0).await;
    until_working(&second).await;
    scene.until_run(&tenants, "1.0.1").await;
    let late = |request: &Request| request.verb == "apply" && request.resource == "deployments";
    let held = async || first.proxy.log_from(before).into_iter().find(late);
    assert_eq!(held().await.unwrap().code, None, "it has not arrived yet");
    first.proxy.link(Link::Open);
    let code = eventually("what was held up arrives", SOON, async || held().await?.code).await;
    assert_eq!(code, 422, "the API server denies it");
    first.process.cont();
    assert!(!first.process.wait(SOON).await.success());

    second.until_at_rest().await;
    let (older, newer) = (first.proxy.log(), second.proxy.log());
    no_write_of_the_older_after_the_newer(&older, &newer);
    epochs_only_grow(&[&older, &newer], LEASE);
    assert!(term(&scene).await > (lease, transitions), "the same Lease, a later term");
    assert!(is_stale(&write(&by_hand, &tenants[0], &old).await), "the old epoch is denied");
    write(&by_hand, &tenants[0], &epoch(&scene).await).await.expect("the new one passes");
    let refused = newer.iter().filter(|request| request.code == Some(403)).map(ToString::to_string);
    assert_eq!(refused.collect::<Vec<_>>(), [] as [String; 0], "the chart's rights suffice");
}
