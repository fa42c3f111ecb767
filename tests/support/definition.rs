//! What Leasehold would write to a shared definition, for tests of the writes alone.
use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use kube::api::DynamicObject;
use leasehold::domain::crd::Definition;
use leasehold::plan::crds::{Stage, step::CrdWrite};
use serde_json::{Map, Value};

/// Its spec as it is to be, from what the definition is now.
pub fn write(live: &DynamicObject, spec: Map<String, Value>) -> CrdWrite {
    let crd = live.name_any();
    CrdWrite {
        definition: Arc::new(Definition::of(&crd, spec).expect("a definition")),
        crd,
        uid: live.uid().expect("a UID"),
        resource_version: live.resource_version().expect("a version"),
        annotations: BTreeMap::new(),
        stage: Stage::Expand,
        trial: None,
    }
}
