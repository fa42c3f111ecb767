//! Writes to shared CustomResourceDefinitions themselves. Each is of one object as it was when the write was planned: what
//! changed since is a conflict, [`FaultKind::Stale`](crate::domain::world::FaultKind::Stale), and the next plan looks again.
use std::collections::BTreeMap;

use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Map, Value, json};

use super::{Answers, Failure, Writer, rollouts::answer, writer::epoch};
use crate::{
    domain::{marks, world::FaultKind},
    election::Term,
    observe::Source,
    plan::crds::step::CrdWrite,
};

impl Writer {
    /// Creates a CRD from the release's definition, a whole object, marked as one that only Leasehold changes.
    ///
    /// # Errors
    /// What the API server said. One that exists by now is done: whether it is the right one, the watch will tell.
    pub async fn create_crd(
        &self,
        term: &Term,
        definition: &Value,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Answers, Failure> {
        let mut crd: DynamicObject = serde_json::from_value(definition.clone())
            .map_err(|error| Failure::new(KIND, FaultKind::Invalid, format!("the release's definition: {error}")))?;
        let object = spoken(crd.metadata.name.as_deref().unwrap_or_default());
        if let Some(fields) = crd.data.as_object_mut() {
            fields.remove("status");
        }
        crd.metadata.labels.get_or_insert_default().insert(marks::SHARED_CRD.into(), "true".into());
        let own = crd.metadata.annotations.get_or_insert_default();
        own.extend(annotations.clone());
        own.insert(marks::EPOCH.into(), epoch(term).to_string());
        match self.send(term, &object, self.definitions().create(&PostParams::default(), &crd)).await? {
            Ok(created) => Ok(answer(Source::Crds, &created)),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Answers::new()),
            Err(error) => Err(Failure::from_kube(object, &error)),
        }
    }

    /// Writes a CRD's spec as a whole, with annotations, in one write; before that, what it is to become in the end as a trial that
    /// is not kept.
    ///
    /// # Errors
    /// What the API server said, to the one or the other.
    pub async fn write_crd(&self, term: &Term, write: &CrdWrite) -> Result<Answers, Failure> {
        if let Some(trial) = &write.trial {
            let trial = self.patch_crd(term, write, trial.spec(), true).await?;
            trial.map_err(|error| {
                let failure = Failure::from_kube(spoken(&write.crd), &error);
                Failure { message: format!("what it is to become is refused: {}", failure.message), ..failure }
            })?;
        }
        let written = self.patch_crd(term, write, write.definition.spec(), false).await?;
        let written = written.map_err(|error| Failure::from_kube(spoken(&write.crd), &error))?;
        tracing::info!(crd = write.crd, stage = write.stage.name(), "the definition is written");
        Ok(answer(Source::Crds, &written))
    }

    async fn patch_crd(
        &self,
        term: &Term,
        write: &CrdWrite,
        spec: &Map<String, Value>,
        dry_run: bool,
    ) -> Result<Result<DynamicObject, kube::Error>, Failure> {
        let object = spoken(&write.crd);
        let mut annotations = write.annotations.clone();
        annotations.insert(marks::EPOCH.into(), epoch(term).to_string());
        let (api, params) = (self.definitions(), PatchParams { dry_run, ..PatchParams::default() });
        let patch = spec_patch(write, spec, set_each(&annotations))?;
        let sent = self.send(term, &object, api.patch(&write.crd, &params, &patch)).await?;
        // Nothing was written: there is no map to add to. Still the same object, or it is a conflict.
        if matches!(&sent, Err(kube::Error::Api(status)) if lacks_annotations(status.code, &status.message)) {
            let map = json!({"op": "add", "path": "/metadata/annotations", "value": annotations});
            let patch = spec_patch(write, spec, vec![map])?;
            return self.send(term, &object, api.patch(&write.crd, &params, &patch)).await;
        }
        Ok(sent)
    }

    /// Says which versions are stored: those that are left out may then be dropped from the spec.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn trim_crd(
        &self,
        term: &Term,
        (crd, uid, resource_version): (&str, &str, &str),
        stored: &[String],
    ) -> Result<Answers, Failure> {
        let patch = Patch::Merge(json!({
            "metadata": {"uid": uid, "resourceVersion": resource_version},
            "status": {"storedVersions": stored},
        }));
        let object = spoken(crd);
        let (api, params) = (self.definitions(), PatchParams::default());
        let written = self.write(term, &object, api.patch_status(crd, &params, &patch)).await?;
        tracing::info!(crd, ?stored, "the stored versions are trimmed");
        Ok(answer(Source::Crds, &written))
    }

    /// As JSON: what a typed model does not know is kept.
    fn definitions(&self) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: "apiextensions.k8s.io".into(),
            version: "v1".into(),
            api_version: "apiextensions.k8s.io/v1".into(),
            kind: KIND.into(),
            plural: "customresourcedefinitions".into(),
        };
        Api::all_with(self.client.clone(), &resource)
    }
}

const KIND: &str = "CustomResourceDefinition";

fn spoken(name: &str) -> String {
    format!("{KIND}/{name}")
}

/// A resourceVersion that is not the object's any more makes a patch a conflict (409). The UID is set for the same reason and not
/// tested: a test that fails would read as a refusal of the content (422).
fn spec_patch(write: &CrdWrite, spec: &Map<String, Value>, annotations: Vec<Value>) -> Result<Patch<Value>, Failure> {
    let set = |path: &str, value: Value| json!({"op": "replace", "path": path, "value": value});
    let mut operations = vec![
        set("/metadata/resourceVersion", json!(write.resource_version)),
        set("/metadata/uid", json!(write.uid)),
        set("/spec", json!(spec)),
    ];
    operations.extend(annotations);
    let patch = serde_json::from_value(operations.into());
    patch.map(Patch::Json).map_err(|error| Failure::new(spoken(&write.crd), FaultKind::Invalid, error.to_string()))
}

fn set_each(annotations: &BTreeMap<String, String>) -> Vec<Value> {
    // RFC 6901 escapes `~` and `/`.
    let path = |key: &str| format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"));
    annotations.iter().map(|(key, value)| json!({"op": "add", "path": path(key), "value": value})).collect()
}

/// What the API server says of a patch that cannot be applied, whichever operation it is; of this patch that is only where there is
/// no map to add to. A spec that it refuses it refuses in other words.
fn lacks_annotations(code: u16, message: &str) -> bool {
    code == 422 && message.contains("the server rejected our request due to an error in our request")
}
