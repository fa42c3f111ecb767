//! What a life of one tenant does not come to, done under the chart's rights all the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, ResourceExt};
use leasehold::act::{Pace, Writer};
use leasehold::api::{CrdUpgrade, CrdUpgradeSpec, CrdUpgradeStatus, RolloutSlice, RolloutSliceSpec};
use leasehold::election::Term;
use leasehold::plan::crds::step::{CrdWrite, PageWork, What};
use serde_json::{Value, json};

use crate::support::{Cluster, eventually};

const SOON: Duration = Duration::from_mins(1);

/// A part of a long plan comes, is there already, and goes: a run of so many tenants is more than this cluster bears. No Lease is
/// there yet, so that nobody is fenced.
pub async fn a_slice_comes_and_goes(client: Client) {
    let writer = Writer::new(client.clone(), Duration::from_secs(10));
    let spec = RolloutSliceSpec {
        rollout: "rights".into(),
        plan_hash: "0123456789abcdef".into(),
        wave: "all".into(),
        part: 0,
        members: ["rights-a".to_owned()].into_iter().collect(),
    };
    let slice = RolloutSlice::new("rights-0123456789abcdef-0-0", spec);
    let term = Term::unfenced();
    for _ in 0..2 {
        let answers = writer.create_slice(&term, &slice).await.unwrap();
        let seen: RolloutSlice = answers[0].1.clone().try_parse().unwrap();
        assert_eq!(seen.spec, slice.spec, "the answer says what is there");
        assert!(seen.metadata.uid.is_some());
    }
    let seen = Api::<RolloutSlice>::all(client).get("rights-0123456789abcdef-0-0").await.unwrap();
    writer.delete_slice(&term, &seen).await.unwrap();
    writer.delete_slice(&term, &seen).await.unwrap();
}

/// A shared definition moves, with its record, and what is stored of it: how and when is another test's.
pub async fn a_shared_definition_moves(cluster: &Cluster, client: Client, definition: &Value) {
    let writer = Writer::new(client, Duration::from_secs(10));
    let term = Term::unfenced();
    let spec =
        CrdUpgradeSpec { crd: "caches.rights.example.com".into(), operator: "rights".into(), version: "1.0.0".into() };
    let record = CrdUpgrade::new("caches.rights.example.com-rights-1.0.0", spec);
    let record: CrdUpgrade = writer.begin_crd_upgrade(&term, &record).await.unwrap()[0].1.clone().try_parse().unwrap();
    writer.crd_upgrade_status(&term, &record, &CrdUpgradeStatus::default()).await.unwrap();
    let created = writer.create_crd(&term, definition, &BTreeMap::new()).await.unwrap().remove(0).1;
    let write = crate::support::definition::write(&created, created.data["spec"].as_object().unwrap().clone());
    // Its names are accepted in between, which is a write as well.
    let at = async || Api::<CustomResourceDefinition>::all(cluster.client()).get(&write.crd).await.unwrap();
    eventually("the spec is written", SOON, async || {
        let resource_version = at().await.resource_version().unwrap();
        writer.write_crd(&term, &CrdWrite { resource_version, ..write.clone() }).await.is_ok()
    })
    .await;
    eventually("the stored versions are written", SOON, async || {
        let resource_version = at().await.resource_version().unwrap();
        writer.trim_crd(&term, (&write.crd, &write.uid, &resource_version), &["v1".to_owned()]).await.is_ok()
    })
    .await;
    cluster
        .apply_yaml("{apiVersion: rights.example.com/v1, kind: Cache, metadata: {name: b, namespace: default}}")
        .await;
    for what in [What::Rewrite, What::Validate { schema: Arc::new(json!({})), dry_run: true }] {
        let (group, version, plural) = ("rights.example.com".into(), "v1".into(), "caches".into());
        let work = PageWork { group, version, plural, continue_: None, limit: 500, what };
        let page = writer.page(&term, &work, Pace::default(), |_| Box::new(|_| Vec::new())).await.unwrap();
        assert_eq!((page.seen, page.done), (1, 1), "{page:?}");
    }
}
