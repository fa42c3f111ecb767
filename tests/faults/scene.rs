//! In: names of operators, versions and tenants. Out: those objects on the shared cluster, and whether they have settled.
//! Never: two tests at once, or objects left in the way of the next test.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use leasehold::api::{OperatorRelease, Phase, Rollout, RolloutApproval, RolloutPolicy, Tenant};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};

use crate::support::{Cluster, Node, eventually};

/// For what takes a few seconds, on a machine that is busy with something else.
pub const SOON: Duration = Duration::from_mins(2);
/// Marks the tests' own Tenants, on a cluster that may have others.
const OURS: &str = "test.leasehold.dev/faults=true";

static TURN: Mutex<()> = Mutex::const_new(());

/// One test's turn on the cluster.
pub struct Scene {
    pub cluster: Cluster,
    _turn: MutexGuard<'static, ()>,
}

impl Scene {
    /// Waits for its turn and removes what the test before left behind, failed or not.
    pub async fn begin() -> Self {
        let turn = TURN.lock().await;
        let cluster = Cluster::shared(Node::Hollow).await;
        for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).unwrap() {
            cluster.apply_yaml(&std::fs::read_to_string(file.unwrap().path()).unwrap()).await;
        }
        let scene = Self { cluster, _turn: turn };
        scene.clear().await;
        scene
    }

    pub fn client(&self) -> Client {
        self.cluster.client()
    }

    pub fn tenants(&self) -> Api<Tenant> {
        Api::all(self.client())
    }

    /// An error is tried again: kinds that were only just defined are not served at once.
    async fn clear(&self) {
        eventually("nothing is left of the test before", SOON, async || self.cleared().await).await;
    }

    async fn cleared(&self) -> Result<Option<()>, kube::Error> {
        let (ours, now) = (ListParams::default().labels(OURS), DeleteParams::default());
        let namespaces: Api<Namespace> = Api::all(self.client());
        let tenants = self.tenants().list(&ours).await?.items;
        for tenant in &tenants {
            let free = json!({"metadata": {"finalizers": null}});
            let name = tenant.name_any();
            let _ = self.tenants().patch(&name, &PatchParams::default(), &Patch::Merge(&free)).await;
            let _ = self.tenants().delete(&name, &now).await;
            let _ = namespaces.delete(&tenant.target_namespace(), &now).await;
        }
        let (releases, rollouts) = (Api::<OperatorRelease>::all(self.client()), Api::<Rollout>::all(self.client()));
        let operators: BTreeSet<String> =
            releases.list(&ours).await?.items.into_iter().map(|release| release.spec.operator).collect();
        for rollout in rollouts.list(&ListParams::default()).await? {
            if operators.contains(&rollout.spec.operator) {
                let _ = rollouts.delete(&rollout.name_any(), &now).await;
            }
        }
        releases.delete_collection(&now, &ours).await?;
        Api::<RolloutApproval>::all(self.client()).delete_collection(&now, &ours).await?;
        Api::<RolloutPolicy>::all(self.client()).delete_collection(&now, &ours).await?;
        Ok(tenants.is_empty().then_some(()))
    }

    /// A release for each version, and a policy of two waves named like the operator.
    pub async fn operator(&self, operator: &str, versions: &[String]) {
        self.policy(operator, 100, "").await;
        for version in versions {
            self.release(operator, version, "").await;
        }
    }

    /// That policy, with how many finished runs it keeps, and more of the first wave.
    pub async fn policy(&self, operator: &str, keeps: u32, more: &str) {
        let policy = format!(
            "apiVersion: leasehold.dev/v1alpha1
kind: RolloutPolicy
metadata: {{name: {operator}, labels: {{test.leasehold.dev/faults: 'true'}}}}
spec:
  coalesce: {{quietPeriod: 1s, maxWait: 10s}}
  order: Name
  revisionHistoryLimit: {keeps}
  limits: {{maxConcurrency: 10, maxFailures: 0}}
  waves:
  - {{name: canary, take: 1, soak: {{duration: 0s}}{more}}}
  - {{name: everyone, soak: {{duration: 0s}}}}
"
        );
        self.cluster.apply_yaml(&policy).await;
    }

    /// A release with more lines of its spec.
    pub async fn release(&self, operator: &str, version: &str, more: &str) {
        let release = format!(
            "apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {{name: {operator}-{version}, labels: {{test.leasehold.dev/faults: 'true'}}}}
spec:
  operator: {operator}
  version: {version}
  image: example.com/operator:{version}
  leaderElection: {{id: {operator}.example.com, standbys: Watch}}
  args: ['--leader-election-id={{{{leaderElection.id}}}}']
{more}"
        );
        self.cluster.apply_yaml(&release).await;
    }

    /// Applies a Tenant: onboards it, or asks for another version.
    pub async fn tenant(&self, name: &str, operator: &str, version: &str) {
        let tenant = format!(
            "apiVersion: leasehold.dev/v1alpha1
kind: Tenant
metadata: {{name: {name}, labels: {{test.leasehold.dev/faults: 'true'}}}}
spec: {{operator: {operator}, version: {version}, rolloutPolicy: {operator}, replicas: 2}}
"
        );
        self.cluster.apply_yaml(&tenant).await;
    }

    /// Asks for another version for all of them, well within the quiet period of the policy: one run takes them all.
    pub async fn bump(&self, names: &[String], version: &str) {
        let (tenants, wanted) = (self.tenants(), json!({"spec": {"version": version}}));
        let (params, patch) = (PatchParams::default(), Patch::Merge(&wanted));
        let asked = names.iter().map(|name| tenants.patch(name, &params, &patch));
        futures::future::try_join_all(asked).await.unwrap();
    }

    /// Whether all of them run that version, proven, with nothing left to say.
    pub async fn run(&self, names: &[String], version: &str) -> bool {
        let Ok(all) = self.tenants().list(&ListParams::default().labels(OURS)).await else { return false };
        let settled = |tenant: &Tenant| {
            let Some(status) = &tenant.status else { return false };
            let holds = |kind: &str| status.conditions.iter().any(|c| c.type_ == kind && c.status == "True");
            let runs = status.running.as_ref().is_some_and(|running| running.version == version);
            runs && holds("Ready") && holds("UpToDate") && !holds("Reconciling")
        };
        names.iter().all(|name| all.items.iter().any(|tenant| tenant.name_any() == *name && settled(tenant)))
    }

    /// Waits until all of them do.
    pub async fn until_run(&self, names: &[String], version: &str) {
        let what = format!("{names:?} run {version}");
        eventually(&what, SOON, async || self.run(names, version).await).await;
    }

    /// The run to that version, once it is over and every member is proven.
    pub async fn succeeded(&self, operator: &str, version: &str) -> Option<Rollout> {
        self.rollout(operator, version, |rollout| phase(rollout) == Some(Phase::Succeeded)).await
    }

    /// The run to that version, once it is as wanted.
    pub async fn rollout(&self, operator: &str, version: &str, wanted: impl Fn(&Rollout) -> bool) -> Option<Rollout> {
        let all = Api::<Rollout>::all(self.client()).list(&ListParams::default()).await.ok()?;
        let is = |rollout: &Rollout| {
            rollout.spec.operator == operator && rollout.spec.target.version == version && wanted(rollout)
        };
        all.items.into_iter().find(is)
    }

    /// A person's yes to a gate of that very plan, named after the run.
    pub async fn approve(&self, rollout: &Rollout, wave: &str, gate: &str) {
        let (name, hash) = (rollout.name_any(), &rollout.spec.plan_hash);
        let approval = format!(
            "apiVersion: leasehold.dev/v1alpha1
kind: RolloutApproval
metadata: {{name: {name}-{gate}, labels: {{test.leasehold.dev/faults: 'true'}}}}
spec: {{rollout: {name}, wave: {wave}, gate: {gate}, planHash: '{hash}', decision: Approve, approver: ann}}
"
        );
        self.cluster.apply_yaml(&approval).await;
    }

    /// Whether all that people said is answered for good: their runs have ended.
    pub async fn answered(&self) -> bool {
        let ours = ListParams::default().labels(OURS);
        let Ok(all) = Api::<RolloutApproval>::all(self.client()).list(&ours).await else { return false };
        let counted = |approval: &RolloutApproval| {
            approval.status.as_ref().is_some_and(|status| status.conditions.iter().any(|c| c.reason == "Counted"))
        };
        all.items.iter().all(counted)
    }

    /// Takes all of them away.
    pub async fn forget_approvals(&self) {
        let (ours, now) = (ListParams::default().labels(OURS), DeleteParams::default());
        Api::<RolloutApproval>::all(self.client()).delete_collection(&now, &ours).await.unwrap();
    }
}

pub fn phase(rollout: &Rollout) -> Option<Phase> {
    rollout.status.as_ref().map(|status| status.phase)
}

/// `a`, `b`, `c` with a prefix: as many names as wanted.
pub fn names(prefix: &str, count: u8) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{}", char::from(b'a' + n))).collect()
}
