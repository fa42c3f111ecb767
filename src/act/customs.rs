//! Asks a tenant's custom resources to go, while its operator still runs and can finalize them.
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Preconditions},
};

use super::{Failure, Writer};
use crate::{election::Term, plan::tenant::CustomKind};

/// How many are asked to go at once; the next look takes the next.
const PAGE: u32 = 100;

impl Writer {
    /// Deletes the custom resources of these kinds in a namespace. Returns those that are left, by name. A kind that does not
    /// exist, or that Leasehold has no right to, has none left: it goes with the namespace.
    ///
    /// # Errors
    /// What the API server said.
    pub(super) async fn finalize(
        &self,
        term: &Term,
        namespace: &str,
        kinds: &[CustomKind],
    ) -> Result<Vec<String>, Failure> {
        let mut left = Vec::new();
        for kind in kinds {
            let resource = ApiResource {
                group: kind.group.clone(),
                version: kind.version.clone(),
                api_version: format!("{}/{}", kind.group, kind.version),
                kind: kind.kind.clone(),
                plural: kind.plural.clone(),
            };
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
            let found = match self.send(term, &kind.kind, api.list_metadata(&ListParams::default().limit(PAGE))).await?
            {
                Ok(list) => list.items,
                Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => {
                    tracing::warn!(
                        namespace,
                        kind = kind.kind,
                        "custom resources are not asked to go: {}",
                        status.message
                    );
                    continue;
                }
                Err(error) => return Err(Failure::from_kube(&kind.kind, &error)),
            };
            for object in found {
                let name = object.name_any();
                left.push(format!("{}/{name}", kind.kind));
                if object.metadata.deletion_timestamp.is_none() {
                    let preconditions = Preconditions { uid: object.uid(), resource_version: None };
                    let params = DeleteParams::background().preconditions(preconditions);
                    match self.send(term, &kind.kind, api.delete(&name, &params)).await? {
                        Ok(_) => {}
                        Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404 | 409) => {}
                        Err(error) => return Err(Failure::from_kube(format!("{}/{name}", kind.kind), &error)),
                    }
                }
            }
        }
        Ok(left)
    }
}
