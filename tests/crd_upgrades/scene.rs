//! In: a version of the sample operator, how many tenants. Out: a cluster of one's own where Leasehold runs behind a proxy,
//! the releases as the examples have them, and what became of the definition that they share.
//! Never: writes that definition itself, while Leasehold runs.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps,
};
use kube::api::{Api, DynamicObject};
use leasehold::api::{CrdPhase, CrdUpgrade, CrdUpgradeStatus, OperatorRelease};
use serde_json::{Value, json};

use crate::fleet::{Fleet, PATIENCE};
use crate::log::Log;
use crate::runs::{all_of, ask, names};
use crate::support::proxy::Proxy;
use crate::support::{Leasehold, watch_until};
use crate::writer::Writer;

pub const CRD: &str = "memcacheds.cache.example.com";
pub const OPERATOR: &str = "memcached";

/// A migration of a few objects, after two soaks of 2 s and waves of real pods.
const LONG: Duration = Duration::from_mins(4);

/// What a process of these stories is started with: alone, and with soaks that one can wait for.
const ALONE: [&str; 2] = ["--leader-elect=false", "--crd-soak=2s"];

/// The processes end before the cluster.
pub struct Scene {
    pub leasehold: Leasehold,
    pub proxy: Proxy,
    pub fleet: Fleet,
    pub tenants: Vec<String>,
}

impl Scene {
    /// Tenants that run that version, the first of them the canary.
    pub async fn begin(version: &str, count: u8) -> Self {
        let fleet = Fleet::alone(OPERATOR).await;
        let proxy = fleet.cluster.proxy("leasehold");
        let leasehold = fleet.run(proxy.kubeconfig(), "leasehold-0", &ALONE);
        let scene = Self { leasehold, proxy, fleet, tenants: names(OPERATOR, count) };
        scene.fleet.policy(two_waves()).await;
        scene.release(version).await;
        scene.ask(version).await;
        scene.all_run(version).await;
        scene
    }

    /// Another process in the place of the first.
    pub async fn restart(&mut self) {
        self.leasehold.stop();
        self.leasehold.wait(PATIENCE).await;
        self.leasehold = self.fleet.run(self.proxy.kubeconfig(), "leasehold-1", &ALONE);
    }

    /// A release as the example has it.
    pub async fn release(&self, version: &str) {
        self.release_like(version, version, |_| ()).await;
    }

    /// One that has the definition of `like` with a change of the user's.
    pub async fn release_like(&self, version: &str, like: &str, edit: impl FnOnce(&mut Value)) {
        let mut release = example(like);
        release["metadata"]["name"] = json!(format!("{OPERATOR}-{version}"));
        release["spec"]["version"] = json!(version);
        edit(&mut release["spec"]);
        self.fleet.cluster.apply_yaml(&release.to_string()).await;
    }

    /// All tenants at that version, in one go.
    pub async fn ask(&self, version: &str) {
        ask(&self.fleet, &self.tenants, version, json!({})).await;
    }

    pub async fn all_run(&self, version: &str) {
        all_of(&self.fleet, &self.tenants, version).await;
    }

    /// A user of each tenant starts to work.
    pub fn writers(&self) -> Vec<Writer> {
        self.tenants.iter().map(|tenant| Writer::start(&self.fleet.client, tenant)).collect()
    }

    /// The users stop, and look whether all that they did is there, through each of these versions.
    pub async fn all_holds(&self, writers: Vec<Writer>, versions: &[&'static str]) {
        for writer in writers {
            let written = writer.stop().await;
            println!("acknowledged: {:?}", written.counts);
            written.holds(versions, self.fleet.cluster.runs_local_programs()).await;
        }
    }

    pub async fn definition(&self) -> CustomResourceDefinition {
        let all: Api<CustomResourceDefinition> = Api::all(self.fleet.client.clone());
        all.get(CRD).await.expect("the definition")
    }

    /// Waits until a release's change of the definition is in that phase.
    pub async fn until(&self, version: &str, phase: CrdPhase) -> CrdUpgradeStatus {
        let all: Api<CrdUpgrade> = Api::all(self.fleet.client.clone());
        let is = |upgrade: Option<&CrdUpgrade>| {
            upgrade.and_then(|upgrade| upgrade.status.as_ref()).is_some_and(|status| status.phase == phase)
        };
        let found = watch_until(&all, &upgrade(version), &format!("it is in {phase:?}"), LONG, is).await;
        found.and_then(|upgrade| upgrade.status).expect("it was looked at")
    }

    /// Waits until it waits for just these tenants.
    pub async fn until_blocked_by(&self, version: &str, tenants: &[&str]) -> CrdUpgradeStatus {
        let all: Api<CrdUpgrade> = Api::all(self.fleet.client.clone());
        let is = |upgrade: Option<&CrdUpgrade>| {
            let Some(status) = upgrade.and_then(|upgrade| upgrade.status.as_ref()) else { return false };
            let named: Vec<&str> = status.blockers.iter().map(|blocker| &*blocker.tenant).collect();
            status.phase == CrdPhase::Barrier && named == tenants
        };
        let what = format!("{tenants:?} are in the way");
        let found = watch_until(&all, &upgrade(version), &what, LONG, is).await;
        found.and_then(|upgrade| upgrade.status).expect("it was looked at")
    }

    /// Waits until the release says that it is not ready, in words that hold all of these.
    pub async fn not_ready(&self, version: &str, words: &[&str]) -> String {
        let all: Api<OperatorRelease> = Api::all(self.fleet.client.clone());
        let said = |release: Option<&OperatorRelease>| {
            let conditions = release.and_then(|release| release.status.as_ref()).map(|status| &status.conditions);
            let not = conditions.into_iter().flatten().find(|c| c.type_ == "Ready" && c.status != "True");
            not.map(|condition| condition.message.clone()).filter(|said| words.iter().all(|word| said.contains(word)))
        };
        let what = format!("it says that it is not ready, with {words:?}");
        let name = format!("{OPERATOR}-{version}");
        let found = watch_until(&all, &name, &what, PATIENCE, |release| said(release).is_some()).await;
        said(found.as_ref()).expect("it said so")
    }

    pub fn log(&self) -> Log {
        Log::of(self.proxy.writes())
    }

    /// All objects of the kind, of all tenants, through that version.
    pub async fn objects(&self, version: &str) -> Vec<DynamicObject> {
        let api_version = format!("cache.example.com/{version}");
        let mut all = Vec::new();
        for tenant in &self.tenants {
            let api = self.fleet.objects(tenant, &api_version, "Memcached");
            all.extend(api.list(&kube::api::ListParams::default()).await.expect("they can be listed").items);
        }
        all
    }
}

pub fn upgrade(version: &str) -> String {
    format!("{CRD}-{OPERATOR}-{version}")
}

pub fn example(version: &str) -> Value {
    let text = match version {
        "1.0.0" => include_str!("../../examples/memcached/release-1.0.0.yaml"),
        "1.1.0" => include_str!("../../examples/memcached/release-1.1.0.yaml"),
        "2.0.0" => include_str!("../../examples/memcached/release-2.0.0.yaml"),
        "3.0.0" => include_str!("../../examples/memcached/release-3.0.0.yaml"),
        other => panic!("there is no example of {other}"),
    };
    serde_saphyr::from_str(text).expect("the example is YAML")
}

/// The canary, and then the others, two at a time.
fn two_waves() -> Value {
    json!([
        {"name": "canary", "selector": {"matchLabels": {"ring": "canary"}}, "take": 1, "maxConcurrency": 1, "maxFailures": 0,
         "progressDeadline": "5m", "soak": {"duration": "1s"}},
        {"name": "everyone", "maxConcurrency": 2, "progressDeadline": "5m", "soak": {"duration": "0s"}},
    ])
}

/// What a definition serves, which of it is the storage version, and what objects may be stored as.
pub fn shape(definition: &CustomResourceDefinition) -> (Vec<&str>, &str, Vec<&str>) {
    let versions = &definition.spec.versions;
    let mut served: Vec<&str> =
        versions.iter().filter(|version| version.served).map(|version| &*version.name).collect();
    served.sort_unstable();
    let storage = versions.iter().find(|version| version.storage).map_or("", |version| &version.name);
    let stored = definition.status.as_ref().and_then(|status| status.stored_versions.as_ref());
    (served, storage, stored.into_iter().flatten().map(String::as_str).collect())
}

/// A field of the spec, in that version.
pub fn field<'a>(definition: &'a CustomResourceDefinition, version: &str, field: &str) -> Option<&'a JSONSchemaProps> {
    let named = |found: &&CustomResourceDefinitionVersion| found.name == version;
    let schema = definition.spec.versions.iter().find(named)?.schema.as_ref()?.open_api_v3_schema.as_ref()?;
    schema.properties.as_ref()?.get("spec")?.properties.as_ref()?.get(field)
}
