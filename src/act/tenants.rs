//! Writes to Tenants: the finalizer and the status. Never the spec.
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{Answers, Failure, Found, Outcome, Writer, stack::Owner, writer::dynamic};
use crate::{
    api::{Tenant, TenantStatus, Time},
    domain::{
        marks,
        world::{FaultKind, Undecodable},
    },
    election::Term,
    observe::Source,
    plan::tenant::Step,
};

impl Writer {
    /// Carries one step of a tenant out.
    pub async fn step(&self, term: &Term, tenant: &Tenant, step: &Step) -> Outcome {
        let namespace = tenant.target_namespace();
        let owner = Owner {
            tenant: tenant.metadata.name.as_deref().unwrap_or_default(),
            uid: tenant.metadata.uid.as_deref().unwrap_or_default(),
            namespace: &namespace,
            adopt: &tenant.spec.adopt,
        };
        match step {
            Step::AddFinalizer => self.finalizers(term, tenant, true).await.into(),
            Step::RemoveFinalizer => self.finalizers(term, tenant, false).await.into(),
            Step::Status(status) => self.tenant_status(term, tenant, status).await.into(),
            Step::Apply(stages) => self.apply(term, owner, stages).await.into(),
            Step::Mark { pod, uid, cost, .. } => self.mark(term, &namespace, pod, uid, *cost).await.into(),
            Step::Evict { pod, uid } => self.evict(term, &namespace, pod, uid).await.into(),
            Step::Recall(keys) => {
                let found = self.recall(term, owner, keys).await;
                found.map(|(answers, lookups)| (answers, Some(Found::LookedUp(lookups)))).into()
            }
            Step::Finalize(kinds) => {
                let left = self.finalize(term, &namespace, kinds).await;
                left.map(|left| (Answers::new(), Some(Found::Customs(left)))).into()
            }
            Step::Scale(targets) => self.scale_down(term, targets).await.into(),
            Step::Delete(targets) => self.delete(term, targets).await.into(),
            Step::Unmark(targets) => self.unmark(term, targets).await.into(),
        }
    }

    /// Says on a Tenant that it cannot be decoded. A merge patch, because the object cannot be written as a whole.
    ///
    /// # Errors
    /// What the API server said. A Tenant that is gone is done.
    pub async fn undecodable(&self, term: &Term, name: &str, found: &Undecodable) -> Result<Answers, Failure> {
        let now = Time::seconds(jiff::Timestamp::now());
        let Undecodable { error, generation, .. } = found;
        let condition = |kind: &str, status: &str| {
            json!({
                "type": kind, "status": status, "reason": "Undecodable", "observedGeneration": generation, "lastTransitionTime": now,
                "message": format!("this Tenant cannot be read: {error}. Correct the field; its stack is left as it is meanwhile"),
            })
        };
        let patch = json!({"status": {
            "observedGeneration": generation,
            "summary": "Stalled: Undecodable",
            "conditions": [condition("Ready", "False"), condition("Stalled", "True")],
        }});
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &Source::Tenants.api_resource());
        let sent = self
            .send(term, &spoken(name), api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)))
            .await?;
        match sent {
            Ok(object) => Ok(vec![(Source::Tenants, object)]),
            Err(error) if Failure::is_not_found(&error) => Ok(Answers::new()),
            Err(error) => Err(Failure::from_kube(spoken(name), &error)),
        }
    }

    async fn finalizers(&self, term: &Term, tenant: &Tenant, present: bool) -> Result<Answers, Failure> {
        let (api, name) = self.tenants(tenant);
        let others = tenant.metadata.finalizers.iter().flatten().filter(|f| *f != marks::FINALIZER).cloned();
        let all: Vec<String> = others.chain(present.then(|| marks::FINALIZER.to_owned())).collect();
        // The resourceVersion guards the list: another controller's finalizer must not be lost.
        let patch = json!({"metadata": {
            "finalizers": all,
            "uid": tenant.metadata.uid,
            "resourceVersion": tenant.metadata.resource_version,
        }});
        let sent =
            self.send(term, &spoken(&name), api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch))).await?;
        match sent {
            Ok(tenant) => Ok(answer(&tenant)),
            Err(error) if Failure::is_not_found(&error) && !present => Ok(Answers::new()),
            Err(error) => Err(Failure::from_kube(spoken(&name), &error)),
        }
    }

    /// A PUT guarded by the resourceVersion that the decision was made on. When the answer is lost, a look tells.
    async fn tenant_status(&self, term: &Term, tenant: &Tenant, status: &TenantStatus) -> Result<Answers, Failure> {
        let (api, name) = self.tenants(tenant);
        let written = Tenant { status: Some(status.clone()), ..tenant.clone() };
        let sent = self.write(term, &spoken(&name), api.replace_status(&name, &PostParams::default(), &written)).await;
        match sent {
            Ok(tenant) => Ok(answer(&tenant)),
            Err(failure) if matches!(failure.kind, FaultKind::Transient | FaultKind::Stale) => {
                let found = self.write(term, &spoken(&name), api.get(&name)).await.map_err(|_| failure.clone())?;
                if found.status.as_ref() == Some(status) { Ok(answer(&found)) } else { Err(failure) }
            }
            Err(failure) => Err(failure),
        }
    }

    fn tenants(&self, tenant: &Tenant) -> (Api<Tenant>, String) {
        (Api::all(self.client.clone()), tenant.metadata.name.clone().unwrap_or_default())
    }
}

fn spoken(name: &str) -> String {
    format!("Tenant/{name}")
}

fn answer(tenant: &Tenant) -> Answers {
    let mut tenant = tenant.clone();
    tenant.metadata.managed_fields = None;
    dynamic(&tenant).map(|object: DynamicObject| (Source::Tenants, object)).into_iter().collect()
}
