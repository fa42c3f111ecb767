//! Writes to the objects of a stack: apply, delete, scale, mark. Deletes and changes carry the object's UID.
use futures::{FutureExt, StreamExt, stream};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions},
    core::Status,
};
use serde_json::{Value, json};

use super::{
    Answers, Failure, Writer,
    writer::{dynamic, epoch},
};
use crate::{
    domain::{marks, object::ObjectKey, world::FaultKind},
    election::Term,
    observe::Source,
    plan::tenant::{Apply, Target},
};

/// Objects of one stage that are written at once: of each of many tenants, on a connection each.
const PARALLEL: usize = 2;
/// A version that no object has: applying with it creates, and never changes what is there already.
const NEVER: &str = "1";

/// Whose objects are written.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    pub tenant: &'a str,
    pub uid: &'a str,
    pub namespace: &'a str,
    /// UIDs of existing objects that the user lets us take over.
    pub adopt: &'a [String],
}

impl Owner<'_> {
    /// Whether the object says that it is of this very Tenant.
    pub(super) fn owns(&self, object: &DynamicObject) -> bool {
        object.annotations().get(marks::TENANT_UID).is_some_and(|marked| marked == self.uid)
    }
}

impl Writer {
    pub(super) fn api(&self, key: &ObjectKey) -> Result<(Api<DynamicObject>, Source), Failure> {
        let Some(kind) = key.stack_kind() else {
            return Err(Failure::new(key.spoken(), FaultKind::Invalid, "is of no kind that stacks may hold"));
        };
        let source = Source::Stack(kind);
        let resource: ApiResource = source.api_resource();
        let api = match key.namespace.as_str() {
            "" => Api::all_with(self.client.clone(), &resource),
            namespace => Api::namespaced_with(self.client.clone(), namespace, &resource),
        };
        Ok((api, source))
    }

    /// Applies stage by stage; a stage that did not succeed as a whole ends it. What was written is answered in any case.
    pub async fn apply(&self, term: &Term, owner: Owner<'_>, stages: &[Vec<Apply>]) -> (Answers, Option<Failure>) {
        let mut answers = Answers::new();
        for stage in stages {
            // Boxed and collected first: the compiler cannot see through the borrow in a closure of a stream otherwise.
            let writes: Vec<_> = stage.iter().map(|apply| self.apply_one(term, owner, apply).boxed()).collect();
            let results: Vec<_> = stream::iter(writes).buffer_unordered(PARALLEL).collect().await;
            let mut failure = None;
            for result in results {
                match result {
                    Ok(answer) => answers.push(answer),
                    Err(error) => failure = Some(error),
                }
            }
            if failure.is_some() {
                return (answers, failure);
            }
        }
        (answers, None)
    }

    async fn apply_one(
        &self,
        term: &Term,
        owner: Owner<'_>,
        apply: &Apply,
    ) -> Result<(Source, DynamicObject), Failure> {
        let name = apply.object.key.spoken();
        let mut manifest: Value = serde_json::from_str(&apply.object.manifest)
            .map_err(|e| Failure::new(&name, FaultKind::Invalid, format!("rendered no JSON: {e}")))?;
        manifest["metadata"]["annotations"][marks::EPOCH] = epoch(term).to_string().into();
        match &apply.uid {
            Some(uid) => manifest["metadata"]["uid"] = uid.clone().into(),
            None => manifest["metadata"]["resourceVersion"] = NEVER.into(),
        }
        let (api, source) = self.api(&apply.object.key)?;
        let params = PatchParams::apply(&marks::field_manager(owner.namespace)).force();
        let sent = self.send(term, &name, api.patch(&apply.object.key.name, &params, &Patch::Apply(&manifest))).await?;
        match sent {
            Ok(object) => Ok((source, object)),
            Err(kube::Error::Api(status)) if status.code == 409 && apply.uid.is_none() => {
                self.take_over(term, owner, apply, manifest, &api, &params).await.map(|object| (source, object))
            }
            Err(error) => Err(Failure::from_kube(name, &error)),
        }
    }

    /// Something of that name is there and does not carry our label. It is ours when it carries our tenant's UID, or when
    /// the user named it; else nothing is written.
    async fn take_over(
        &self,
        term: &Term,
        owner: Owner<'_>,
        apply: &Apply,
        mut manifest: Value,
        api: &Api<DynamicObject>,
        params: &PatchParams,
    ) -> Result<DynamicObject, Failure> {
        let name = apply.object.key.spoken();
        let there = self.write(term, &name, api.get(&apply.object.key.name)).await?;
        let uid = there.uid().unwrap_or_default();
        if !owner.owns(&there) && !owner.adopt.contains(&uid) {
            let message = format!(
                "exists already and is not of this tenant: nothing was written. Remove it, or let Leasehold take it over by adding its UID {uid} to spec.adopt"
            );
            return Err(Failure::new(name, FaultKind::Conflict, message));
        }
        manifest["metadata"]["uid"] = uid.into();
        if let Some(metadata) = manifest["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
        }
        self.write(term, &name, api.patch(&apply.object.key.name, params, &Patch::Apply(&manifest))).await
    }

    /// Deletes; what is gone already, or was replaced by an object of another UID, is done.
    pub async fn delete(&self, term: &Term, targets: &[Target]) -> (Answers, Option<Failure>) {
        let mut answers = Answers::new();
        for target in targets {
            match self.delete_one(term, target).await {
                Ok(answer) => answers.extend(answer),
                Err(failure) => return (answers, Some(failure)),
            }
        }
        (answers, None)
    }

    async fn delete_one(&self, term: &Term, target: &Target) -> Result<Option<(Source, DynamicObject)>, Failure> {
        let (api, source) = self.api(&target.key)?;
        let preconditions = Preconditions { uid: Some(target.uid.clone()), resource_version: None };
        let params = DeleteParams::background().preconditions(preconditions);
        match self.send(term, &target.key.spoken(), api.delete(&target.key.name, &params)).await? {
            // An object that waits for finalizers is answered; one that is gone is for the watch to tell.
            Ok(answer) => Ok(answer.left().filter(|o| o.metadata.deletion_timestamp.is_some()).map(|o| (source, o))),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
            Err(error) => Err(Failure::from_kube(target.key.spoken(), &error)),
        }
    }

    /// Scales workloads to zero.
    pub async fn scale_down(&self, term: &Term, targets: &[Target]) -> (Answers, Option<Failure>) {
        let patch = json!({"spec": {"replicas": 0}});
        self.merge_all(term, targets, &patch, true).await
    }

    /// Takes our marks off, and leaves the objects.
    pub async fn unmark(&self, term: &Term, targets: &[Target]) -> (Answers, Option<Failure>) {
        let patch = json!({"metadata": {
            "labels": {marks::TENANT: null, "app.kubernetes.io/managed-by": null},
            "annotations": {marks::TENANT_UID: null, marks::DIGEST: null, marks::GRANT: null, marks::EPOCH: null},
        }});
        self.merge_all(term, targets, &patch, false).await
    }

    async fn merge_all(
        &self,
        term: &Term,
        targets: &[Target],
        patch: &Value,
        stamp: bool,
    ) -> (Answers, Option<Failure>) {
        let mut answers = Answers::new();
        for target in targets {
            let (api, source) = match self.api(&target.key) {
                Ok(found) => found,
                Err(failure) => return (answers, Some(failure)),
            };
            let patch = if stamp { stamped(term, patch, &target.uid) } else { guarded(patch, &target.uid) };
            let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
            let request = api.patch(&target.key.name, &params, &patch);
            match self.send(term, &target.key.spoken(), request).await {
                Ok(Ok(object)) => answers.push((source, object)),
                Ok(Err(error)) if Failure::is_not_found(&error) => {}
                Ok(Err(error)) => return (answers, Some(Failure::from_kube(target.key.spoken(), &error))),
                Err(failure) => return (answers, Some(failure)),
            }
        }
        (answers, None)
    }

    /// Says what the removal of a pod costs: the ReplicaSet controller removes the cheapest first.
    ///
    /// # Errors
    /// What the API server said. A pod that is gone is done.
    pub async fn mark(
        &self,
        term: &Term,
        namespace: &str,
        pod: &str,
        uid: &str,
        cost: i32,
    ) -> Result<Answers, Failure> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &Source::Pods.api_resource());
        let patch = stamped(term, &json!({"metadata": {"annotations": {marks::DELETION_COST: cost.to_string()}}}), uid);
        let name = format!("Pod/{pod}");
        match self.send(term, &name, api.patch(pod, &PatchParams::default(), &Patch::Merge(&patch))).await? {
            Ok(object) => Ok(dynamic(&object).map(|object| (Source::Pods, object)).into_iter().collect()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Answers::new()),
            Err(error) => Err(Failure::from_kube(name, &error)),
        }
    }

    /// Evicts a pod: unlike a delete it respects the disruption budget. 429 says that the budget has nothing left; it is
    /// tried again like any other overload.
    ///
    /// # Errors
    /// What the API server said. A pod that is gone, or another of that name, is done.
    pub async fn evict(&self, term: &Term, namespace: &str, pod: &str, uid: &str) -> Result<Answers, Failure> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &Source::Pods.api_resource());
        // Not `Api::evict`: kube 5 misspells `deleteOptions`, and the API server passes over the precondition.
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        });
        let name = format!("Pod/{pod}");
        let params = PostParams::default();
        let request = api.create_subresource::<_, Status>("eviction", pod, &params, &eviction);
        match self.send(term, &name, request).await? {
            Ok(_) => Ok(Answers::new()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Answers::new()),
            Err(error) => Err(Failure::from_kube(name, &error)),
        }
    }
}

/// The patch with the precondition on the UID.
fn guarded(patch: &Value, uid: &str) -> Value {
    let mut patch = patch.clone();
    patch["metadata"]["uid"] = uid.into();
    patch
}

/// The same, with the epoch.
pub(super) fn stamped(term: &Term, patch: &Value, uid: &str) -> Value {
    let mut patch = guarded(patch, uid);
    patch["metadata"]["annotations"][marks::EPOCH] = epoch(term).to_string().into();
    patch
}
