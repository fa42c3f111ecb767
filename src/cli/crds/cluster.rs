//! What the cluster has: single definitions, releases and ConfigMaps, each read by its name with the rights of whoever asks.
//! As JSON: what a typed model does not know would be lost. Reads only.
use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::ConfigMap, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject},
};
use serde_json::Value;

use crate::{
    api::OperatorRelease,
    cli::{
        access,
        connect::{Connection, Trouble, causes},
        person::Person,
    },
    domain::marks,
};

/// A cluster to read from.
pub struct Cluster(Person);

impl Cluster {
    /// # Errors
    /// No way to the cluster.
    pub async fn of(connection: &Connection) -> Result<Self, Trouble> {
        Person::of(connection).await.map(Self)
    }

    /// The definitions of these names, those left out that are not there.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn definitions<'a>(
        &self,
        names: impl Iterator<Item = &'a String> + Send,
    ) -> Result<BTreeMap<String, Value>, Trouble> {
        let resource = ApiResource::erase::<CustomResourceDefinition>(&());
        let api: Api<DynamicObject> = Api::all_with(self.0.client().clone(), &resource);
        let mut found = BTreeMap::new();
        for name in names {
            let answer = api.get_opt(name).await.map_err(|error| self.trouble(&error, &resource))?;
            if let Some(object) = answer {
                found.insert(name.clone(), serde_json::to_value(object).unwrap_or_default());
            }
        }
        Ok(found)
    }

    /// The release of that name.
    ///
    /// # Errors
    /// There is none, or what else the API server said.
    pub async fn release(&self, name: &str) -> Result<OperatorRelease, Trouble> {
        self.0.get::<OperatorRelease>(name).await
    }

    /// Leasehold's own namespace, while it leads there and Leases may be read.
    pub async fn home(&self) -> Option<String> {
        access::home(self.0.client()).await
    }

    /// The ConfigMaps that a release names, those left out that are not there or not meant for it.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn config_maps(&self, release: &OperatorRelease) -> Result<Vec<DynamicObject>, Trouble> {
        let resource = ApiResource::erase::<ConfigMap>(&());
        let mut found = Vec::new();
        for named in release.spec.crds.iter().filter_map(|source| source.config_map_ref.as_ref()) {
            let api: Api<DynamicObject> = Api::namespaced_with(self.0.client().clone(), &named.namespace, &resource);
            let map = api.get_opt(&named.name).await.map_err(|error| self.trouble(&error, &resource))?;
            found.extend(map.filter(|map| map.labels().get(marks::RELEASE_CRDS).is_some_and(|mark| mark == "true")));
        }
        Ok(found)
    }

    fn trouble(&self, error: &kube::Error, resource: &ApiResource) -> Trouble {
        let server = self.0.server().to_owned();
        let ApiResource { group, plural, .. } = resource;
        let resource = if group.is_empty() { plural.clone() } else { format!("{plural}.{group}") };
        match error {
            kube::Error::Api(status) if status.code == 401 => {
                Trouble::Unauthorized { server, why: status.message.clone() }
            }
            kube::Error::Api(status) if status.code == 403 => {
                Trouble::Denied { right: format!("get {resource}"), why: status.message.clone() }
            }
            error => Trouble::Unreachable { server, why: causes(error) },
        }
    }
}
