//! The fleet under measurement: N tenants of one operator, all budgets at once.
use futures::{StreamExt, stream};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use leasehold::api::Tenant;
use serde_json::json;

use crate::{
    log,
    support::{Cluster, eventually},
};

/// Requests of the harness at once.
const PARALLEL: usize = 32;

pub const SHARED: &str = r"
apiVersion: leasehold.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: default}
spec:
  coalesce: {quietPeriod: 1s, maxWait: 10s}
  limits: {maxConcurrency: 10000, maxFailures: 0}
  waves: [{name: everyone, maxConcurrency: 10000, soak: {duration: 0s}}]
---
apiVersion: leasehold.dev/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {maxConcurrency: 10000}
";

pub fn release(version: &str) -> String {
    format!(
        r#"
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {{name: bench-{version}}}
spec:
  operator: bench
  version: {version}
  image: example.com/bench:{version}
  leaderElection: {{id: bench.example.com, standbys: Watch}}
  rules: [{{apiGroups: [""], resources: [configmaps], verbs: [get, list, watch]}}]
  args: ["--leader-election-id={{{{leaderElection.id}}}}"]
"#
    )
}

fn tenant(i: usize, version: &str) -> Tenant {
    let tenant = json!({
        "apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": format!("bench-{i}")},
        "spec": {"operator": "bench", "version": version},
    });
    serde_json::from_value(tenant).expect("a tenant")
}

pub struct Fleet<'a> {
    cluster: &'a Cluster,
    n: usize,
}

impl<'a> Fleet<'a> {
    /// CRDs, namespace, releases, policies.
    pub async fn prepare(cluster: &'a Cluster, n: usize) -> Fleet<'a> {
        for crd in leasehold::api::crds() {
            cluster.apply_yaml(&serde_json::to_string(&crd).expect("a CRD")).await;
        }
        cluster.apply_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: leasehold-system}}").await;
        eventually("the kinds are served", crate::LONG, async || cluster.try_apply_yaml(SHARED).await.is_ok()).await;
        for version in ["1.0.0", "1.1.0"] {
            cluster.apply_yaml(&release(version)).await;
        }
        let fleet = Fleet { cluster, n };
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        eventually("Tenants are taken", crate::LONG, async || {
            fleet.tenants().create(&dry, &tenant(0, "1.0.0")).await.is_ok()
        })
        .await;
        fleet
    }

    fn tenants(&self) -> Api<Tenant> {
        Api::all(self.cluster.client())
    }

    pub async fn led(&self) {
        self.led_by("leasehold-").await;
    }

    pub async fn led_by(&self, pod: &str) {
        let leases: Api<k8s_openapi::api::coordination::v1::Lease> =
            Api::namespaced(self.cluster.client(), "leasehold-system");
        eventually("a leader", crate::LONG, async || {
            let lease = leases.get_opt("leasehold.leasehold.dev").await.ok().flatten();
            lease.and_then(|l| l.spec?.holder_identity).is_some_and(|holder| holder.starts_with(pod))
        })
        .await;
    }

    pub async fn onboard(&self, version: &str) {
        let api = self.tenants();
        let create = |i: usize| {
            let (api, tenant) = (api.clone(), tenant(i, version));
            async move { api.create(&PostParams::default(), &tenant).await.expect("created") }
        };
        stream::iter(0..self.n).map(create).buffer_unordered(PARALLEL).for_each(async |_| {}).await;
    }

    pub async fn bump(&self, version: &str) {
        let api = self.tenants();
        let patch = Patch::Merge(json!({"spec": {"version": version}}));
        let change = |i: usize| {
            let (api, patch) = (api.clone(), patch.clone());
            async move { api.patch(&format!("bench-{i}"), &PatchParams::default(), &patch).await.expect("patched") }
        };
        stream::iter(0..self.n).map(change).buffer_unordered(PARALLEL).for_each(async |_| {}).await;
    }

    /// Until every tenant is proven to run that version. Looks every five seconds.
    pub async fn all_at(&self, version: &str, deadline: std::time::Duration) {
        let api = self.tenants();
        let began = std::time::Instant::now();
        loop {
            let list = api.list(&kube::api::ListParams::default()).await.expect("listed");
            let at =
                |t: &&Tenant| t.status.as_ref().and_then(|s| s.running.as_ref()).is_some_and(|r| r.version == version);
            let there = list.items.iter().filter(at).count();
            if there == self.n {
                return;
            }
            assert!(began.elapsed() < deadline, "{there} of {} tenants at {version}", self.n);
            // A list of all tenants costs what is measured here: the bare client does not look at all.
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        }
    }

    /// Takes a rule out of the tenant's Role; returns when that was sent.
    pub async fn edit_role(&self, tenant: usize) -> String {
        let api: Api<k8s_openapi::api::rbac::v1::Role> =
            Api::namespaced(self.cluster.client(), &format!("tenant-bench-{tenant}"));
        let role = api.list(&kube::api::ListParams::default()).await.expect("listed").items.remove(0);
        let from = log::now();
        let patch = Patch::Merge(json!({"rules": []}));
        api.patch(&role.name_any(), &PatchParams::default(), &patch).await.expect("patched");
        from
    }
}
