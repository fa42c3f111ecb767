//! Writes to Tenants: the finalizer and the status. Never the spec.
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{Answers, Failure, Writer, stack::Owner, writer::dynamic};
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
    /// Carries one step of a tenant out. What was written is answered even when it failed half-way.
    pub async fn step(&self, term: &Term, tenant: &Tenant, step: &Step) -> (Answers, Option<Failure>) {
        let namespace = tenant.target_namespace();
        let owner = Owner {
            uid: tenant.metadata.uid.as_deref().unwrap_or_default(),
            namespace: &namespace,
            adopt: &tenant.spec.adopt,
        };
        match step {
            Step::AddFinalizer => one(self.finalizers(term, tenant, true).await),
            Step::RemoveFinalizer => one(self.finalizers(term, tenant, false).await),
            Step::Status(status) => one(self.tenant_status(term, tenant, status).await),
            Step::Apply(stages) => self.apply(term, owner, stages).await,
            Step::Mark { pod, uid, cost } => one(self.mark(term, &namespace, pod, uid, *cost).await),
            Step::Evict { pod, uid } => one(self.evict(term, &namespace, pod, uid).await),
            Step::Finalize(kinds) => match self.finalize(term, &namespace, kinds).await {
                Ok(_) => (Answers::new(), None),
                Err(failure) => (Answers::new(), Some(failure)),
            },
            Step::Scale(targets) => self.scale_down(term, targets).await,
            Step::Delete(targets) => self.delete(term, targets).await,
            Step::Unmark(targets) => self.unmark(term, targets).await,
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

fn one(result: Result<Answers, Failure>) -> (Answers, Option<Failure>) {
    match result {
        Ok(answers) => (answers, None),
        Err(failure) => (Answers::new(), Some(failure)),
    }
}
