//! Tenants' operators, upgraded back and forth one at a time: what Leasehold measured, from their status.
use std::{collections::BTreeMap, time::Duration};

use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use leasehold::api::{Tenant, Upgrade};
use serde_json::json;

use crate::{
    LONG, row,
    support::{Cluster, Leasehold, Node, beside_cluster_program, eventually, leasehold_binary},
};

/// Tenants of one operator. Each rests while the others are upgraded, so that its standbys sleep as they do at rest.
const TENANTS: usize = 4;

const POLICY: &str = r"
apiVersion: leasehold.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: default}
spec:
  coalesce: {quietPeriod: 0s, maxWait: 0s}
  waves: [{name: one-by-one, maxConcurrency: 1, maxFailures: 0, soak: {duration: 0s}}]
";

/// An operator: its images and releases.
struct Operator {
    name: &'static str,
    what: &'static str,
    releases: [&'static str; 2],
}

const OPERATORS: [Operator; 2] = [
    Operator {
        name: "memcached",
        what: "upgrade, standbys watch (sample operator)",
        releases: [
            include_str!("../../examples/memcached/release-1.0.0.yaml"),
            include_str!("../../examples/memcached/release-1.1.0.yaml"),
        ],
    },
    Operator {
        name: "clientgo",
        what: "upgrade, standbys poll (client-go)",
        releases: [
            include_str!("../../examples/memcached/clientgo-1.0.0.yaml"),
            include_str!("../../examples/memcached/clientgo-1.1.0.yaml"),
        ],
    },
];

pub async fn measure(upgrades: usize) {
    let cluster = Cluster::start(Node::Containers).await;
    if !cluster.runs_local_programs() {
        eprintln!("upgrades are not measured: they need real pods");
        return;
    }
    for crd in leasehold::api::crds() {
        cluster.apply_yaml(&serde_json::to_string(&crd).expect("a CRD")).await;
    }
    cluster.apply_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: leasehold-system}}").await;
    cluster.load_image("example.com/memcached-operator:dev", &leasehold_binary().with_file_name("memcached"));
    cluster.load_image("example.com/clientgo-operator:dev", &beside_cluster_program("clientgo"));
    eventually("the kinds are served", LONG, async || cluster.try_apply_yaml(POLICY).await.is_ok()).await;
    let _leasehold = Leasehold::start(&cluster, &["run", "--listen", "127.0.0.1:0"]);
    for operator in &OPERATORS {
        for release in operator.releases {
            cluster.apply_yaml(release).await;
        }
        let measured = operator.measure(&Api::all(cluster.client()), upgrades).await;
        let times = measured.iter().map(|up| up.leaderless_milliseconds.expect("it was watched throughout")).collect();
        row(operator.what, times, &handovers(&measured));
    }
}

/// `1 × 19, 2 × 1`
fn handovers(upgrades: &[Upgrade]) -> String {
    let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
    for upgrade in upgrades {
        *counts.entry(upgrade.handovers.unwrap_or(-1)).or_default() += 1;
    }
    counts.iter().map(|(handovers, times)| format!("{handovers} × {times}")).collect::<Vec<_>>().join(", ")
}

impl Operator {
    async fn measure(&self, tenants: &Api<Tenant>, upgrades: usize) -> Vec<Upgrade> {
        self.ask(tenants, "1.0.0").await;
        self.all_run(tenants, "1.0.0").await;
        let mut measured = Vec::new();
        for version in ["1.1.0", "1.0.0"].into_iter().cycle() {
            // From nothing to more than the longest sleep between two looks: no phase of the standbys is left out.
            tokio::time::sleep(Duration::from_secs_f64(24.0 * rand::random::<f64>())).await;
            self.ask(tenants, version).await;
            measured.extend(self.all_run(tenants, version).await);
            if measured.len() >= upgrades {
                break;
            }
        }
        measured
    }

    async fn ask(&self, tenants: &Api<Tenant>, version: &str) {
        for n in 0..TENANTS {
            let name = format!("{}-{n}", self.name);
            let tenant = json!({
                "apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name},
                "spec": {"operator": self.name, "version": version},
            });
            let params = PatchParams::apply("bench");
            tenants.patch(&name, &params, &Patch::Apply(&tenant)).await.expect("a Tenant is taken");
        }
    }

    /// Waits until all run that version; what their upgrades to it cost.
    async fn all_run(&self, tenants: &Api<Tenant>, version: &str) -> Vec<Upgrade> {
        eventually(version, LONG, async || {
            let all = tenants.list(&ListParams::default()).await.ok()?;
            let ours = all.items.into_iter().filter(|tenant| tenant.spec.operator == self.name);
            let statuses: Vec<_> = ours.filter_map(|tenant| tenant.status).collect();
            let there =
                statuses.iter().filter(|s| s.running.as_ref().is_some_and(|run| run.version == version)).count();
            (there == TENANTS).then(|| statuses.into_iter().filter_map(|status| status.last_upgrade).collect())
        })
        .await
    }
}
