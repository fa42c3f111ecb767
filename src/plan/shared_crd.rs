//! The CustomResourceDefinitions that a release brings: read, held against the cluster, and refused where they would reach
//! beyond the release. Leasehold creates them with its own rights, cluster-wide, so what is in them is looked at first.
use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde_json::Value;

use serde::Deserialize;

use super::crd_source;
use crate::{
    api::{CrdSource, ReleaseSpec},
    domain::{crd::Definition, world::World},
};

/// A shared CRD of a release.
#[derive(Debug)]
pub struct SharedCrd {
    pub name: String,
    pub definition: Arc<Definition>,
    /// As the release has it, metadata and all.
    pub object: Arc<Value>,
    /// The release ends what earlier ones had.
    pub contract: bool,
}

/// The CRDs of a release; or why it cannot be used.
pub(super) fn shared_crds(spec: &ReleaseSpec, world: &World) -> Result<Vec<SharedCrd>, String> {
    spec.crds.iter().enumerate().map(|(n, source)| shared_crd(n, source, world)).collect()
}

fn shared_crd(n: usize, source: &CrdSource, world: &World) -> Result<SharedCrd, String> {
    let (field, object) = crd_source::resolve(n, source, world)?;
    let typed = CustomResourceDefinition::deserialize(&*object)
        .map_err(|e| format!("{field} is no CustomResourceDefinition: {e}"))?;
    let definition = Definition::parse(&object).map_err(|why| format!("{field} {why}"))?;
    let name = definition.name().to_owned();
    stays_within_the_release(&definition, &typed.metadata).map_err(|why| format!("{field} ({name}): {why}"))?;
    Ok(SharedCrd { name, definition: Arc::new(definition), object, contract: source.contract })
}

/// Refuses what hands something to somebody else: other people's kinds, every tenant's objects to a webhook, the definition's
/// own life to an owner or a finalizer.
fn stays_within_the_release(definition: &Definition, metadata: &ObjectMeta) -> Result<(), String> {
    if let Some(base) = definition.protected() {
        let group = definition.group();
        return Err(format!(
            "spec.group {group} is protected: kinds of {base} and below are not a release's to bring; use a group of your own domain"
        ));
    }
    let strategy = definition.conversion();
    if strategy != "None" {
        return Err(format!(
            "spec.conversion.strategy {strategy} would send every tenant's objects of this kind to one webhook, on each read and write; use None, with versions that need no conversion"
        ));
    }
    for (field, set) in [
        ("ownerReferences", metadata.owner_references.is_some()),
        ("finalizers", metadata.finalizers.is_some()),
        ("generateName", metadata.generate_name.is_some()),
    ] {
        if set {
            return Err(format!("metadata.{field} is not a release's to set; leave it out"));
        }
    }
    let own = |key: &&String| key.split_once('/').is_some_and(|(domain, _)| domain == "leasehold.dev");
    let labels = metadata.labels.iter().flat_map(BTreeMap::keys);
    if let Some(mark) = labels.chain(metadata.annotations.iter().flat_map(BTreeMap::keys)).find(own) {
        return Err(format!("metadata carries {mark}, which is Leasehold's own mark; leave it out"));
    }
    Ok(())
}
