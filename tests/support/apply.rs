//! In: YAML, one or more documents, of any kind the cluster serves. Out: the objects as the API server returned them.
//! Never: guesses a resource's name or scope: both come from discovery.

use std::time::Duration;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::discovery::{ApiCapabilities, Scope, pinned_kind};
use kube::{Client, ResourceExt};

use super::{Cluster, eventually};

/// How long a kind may take to be served after its CRD was applied.
const SERVED: Duration = Duration::from_secs(20);

/// A parsed document.
pub type Manifest = DynamicObject;

impl Cluster {
    /// Server-side apply of each document in order, forced, as field manager `test`. Without a namespace a namespaced
    /// object goes to `default`. Waits for a kind whose CRD was only just applied.
    ///
    /// # Panics
    /// On YAML that cannot be read and on any refusal, which it quotes.
    pub async fn apply_yaml(&self, yaml: &str) -> Vec<DynamicObject> {
        self.try_apply_yaml(yaml).await.unwrap_or_else(|error| panic!("apply failed: {error}\n{yaml}"))
    }

    /// The same, for what is expected to be refused.
    ///
    /// # Errors
    /// The API server's refusal of the first document that it did not take.
    pub async fn try_apply_yaml(&self, yaml: &str) -> Result<Vec<DynamicObject>, kube::Error> {
        let client = self.client();
        let mut applied = Vec::new();
        for object in manifests(yaml) {
            applied.push(apply(&client, &object, "test").await?);
        }
        Ok(applied)
    }

    /// The API for the kind of `object`, in the object's namespace.
    pub async fn api_of(&self, object: &DynamicObject) -> Api<DynamicObject> {
        api(&self.client(), object).await
    }
}

/// The documents of `yaml`, empty ones left out.
///
/// # Panics
/// On what is not YAML or not a Kubernetes object.
pub fn manifests(yaml: &str) -> Vec<DynamicObject> {
    let documents: Vec<serde_json::Value> =
        serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("not YAML: {error}\n{yaml}"));
    let objects = documents.into_iter().filter(|document| !document.is_null());
    objects.map(|document| serde_json::from_value(document).expect("an object with apiVersion and kind")).collect()
}

async fn apply(client: &Client, object: &DynamicObject, manager: &str) -> Result<DynamicObject, kube::Error> {
    let params = PatchParams::apply(manager).force();
    api(client, object).await.patch(&object.name_any(), &params, &Patch::Apply(object)).await
}

async fn api(client: &Client, object: &DynamicObject) -> Api<DynamicObject> {
    let types = object.types.as_ref().expect("apiVersion and kind");
    let gvk = GroupVersionKind::try_from(types).expect("apiVersion is group/version");
    let (resource, capabilities) = served(client, &gvk).await;
    match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => {
            let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
            Api::namespaced_with(client.clone(), namespace, &resource)
        }
    }
}

async fn served(client: &Client, gvk: &GroupVersionKind) -> (ApiResource, ApiCapabilities) {
    let what = format!("{}/{} {} is served", gvk.group, gvk.version, gvk.kind);
    eventually(&what, SERVED, async || pinned_kind(client, gvk).await.ok()).await
}
