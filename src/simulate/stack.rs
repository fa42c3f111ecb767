//! A tenant's step → what the cluster holds afterwards.
use serde_json::Value;

use super::{
    cluster::Cluster,
    operator::{Operator, complete},
};
use crate::{
    api::{Tenant, TenantStatus},
    domain::{
        marks,
        object::{ObjectKey, Seen},
        world::{Customs, Lookup},
    },
    plan::tenant::{Apply, Step, Target},
};

impl Cluster {
    /// Stores what one step writes.
    pub(super) fn take(&mut self, name: &str, step: &Step) {
        match step {
            Step::AddFinalizer => self.edit_tenant(name, |tenant| {
                tenant.metadata.finalizers.get_or_insert_default().push(marks::FINALIZER.into());
            }),
            Step::RemoveFinalizer => self.gone(name),
            Step::Status(status) => self.status(name, status),
            Step::Apply(stages) => {
                stages.iter().flatten().for_each(|apply| self.applied(name, apply));
                self.show(name);
            }
            Step::Scale(targets) => {
                self.scale(name, targets);
                self.show(name);
            }
            Step::Delete(targets) | Step::Unmark(targets) => self.delete(name, targets),
            Step::Finalize(_) => self.customs(name),
            Step::Recall(keys) => self.looked_up(name, keys),
            // One pod stands for all: there is nobody to go first or last, and nobody to wake.
            Step::Mark { .. } | Step::Evict { .. } => {}
        }
    }

    fn status(&mut self, name: &str, status: &TenantStatus) {
        let status = status.clone();
        self.edit_tenant(name, |tenant: &mut Tenant| tenant.status = Some(status));
    }

    fn applied(&mut self, name: &str, apply: &Apply) {
        let version = self.next_version();
        let epoch = self.epoch.clone();
        let now = self.now;
        let Some(seen) = self.world.tenants.get_mut(name) else { return };
        let tenant = seen.tenant.clone();
        let object = &apply.object;
        let workload = object.pod_revision.as_ref().map(|_| manifest(&object.manifest));
        let wanted = workload.as_ref().and_then(|m| m.pointer("/spec/replicas").and_then(Value::as_i64)).unwrap_or(1);
        let grant = |m: &Value| m["metadata"]["annotations"][marks::GRANT].as_str().map(str::to_owned);
        let reduced = Seen {
            uid: apply.uid.clone().unwrap_or_else(|| format!("uid-{version}")),
            resource_version: version.to_string(),
            tenant: name.to_owned(),
            tenant_uid: tenant.as_ref().and_then(|tenant| tenant.metadata.uid.clone()),
            digest: Some(object.digest.clone()),
            epoch: Some(epoch),
            deleting: false,
            finalizers: Vec::new(),
            remaining: None,
            grant: workload.as_ref().and_then(grant),
            content: Box::default(),
            as_applied: true,
            workload: object.pod_revision.as_ref().map(|_| Box::new(complete(wanted))),
        };
        seen.objects.insert(object.key.clone(), reduced);
        let (Some(tenant), Some(pod_revision)) = (tenant, &object.pod_revision) else { return };
        let granted = tenant.status.as_ref().and_then(|s| s.granted.as_ref()).map(|g| g.version.clone());
        let granted = granted.unwrap_or_else(|| tenant.spec.version.clone());
        let operator = self.operators.entry(name.to_owned()).or_default();
        if operator.pod_revision.as_ref() != Some(pod_revision) {
            let due = super::cluster::fate(&self.fates, name, &tenant.spec.operator, &granted).turns(now);
            operator.replace(pod_revision, &granted, due);
        }
    }

    fn scale(&mut self, name: &str, targets: &[Target]) {
        let Some(seen) = self.world.tenants.get_mut(name) else { return };
        for target in targets {
            if let Some(workload) = seen.objects.get_mut(&target.key).and_then(|object| object.workload.as_mut()) {
                **workload = complete(0);
            }
        }
        self.operators.insert(name.to_owned(), Operator::default());
    }

    /// A namespace takes along what is in it.
    fn delete(&mut self, name: &str, targets: &[Target]) {
        let Some(seen) = self.world.tenants.get_mut(name) else { return };
        let with = |key: &ObjectKey| targets.iter().any(|t| t.key.kind == "Namespace" && t.key.name == key.namespace);
        seen.objects.retain(|key, _| !targets.iter().any(|target| target.key == *key) && !with(key));
        if !seen.objects.values().any(|object| object.workload.is_some()) {
            seen.pods.clear();
            self.operators.remove(name);
        }
    }

    fn customs(&mut self, name: &str) {
        let at = self.now;
        let Some(seen) = self.world.tenants.get_mut(name) else { return };
        seen.customs = Some(Customs { left: Vec::new(), at });
    }

    fn looked_up(&mut self, name: &str, keys: &[ObjectKey]) {
        let Some(seen) = self.world.tenants.get_mut(name) else { return };
        seen.lookups.extend(keys.iter().map(|key| (key.clone(), Lookup::Settled)));
    }

    fn gone(&mut self, name: &str) {
        self.world.tenants.remove(name);
        self.operators.remove(name);
    }
}

fn manifest(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
