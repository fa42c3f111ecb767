//! Our marks on an object: whose it is, and what rendered it.
//!
//! Labels are for selecting (the watch of what we own), annotations for reading back what was granted when a status is
//! lost. Neither proves ownership: a tenant could write them. What proves it is the UID, kept in the Tenant's status.
use serde_json::{Map, Value, json};

use super::manifest::Manifest;

/// Label on every object and pod of a stack: the Tenant's name.
pub const TENANT: &str = "leasehold.dev/tenant";
/// Annotation on every object: the Tenant's UID.
pub const TENANT_UID: &str = "leasehold.dev/tenant-uid";
/// Annotation on every object: the revision it was rendered from; on pods: the revision they run.
pub const REVISION: &str = "leasehold.dev/revision";
/// Annotation on every object: the term of the leader that wrote it.
pub const EPOCH: &str = "leasehold.dev/epoch";
/// The field's standard label for the tool that manages an object, and our value of it.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "leasehold");

/// What is written onto a rendered object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub tenant: String,
    pub tenant_uid: String,
    pub revision: String,
    /// Revision for the pods: a change of it restarts them.
    pub pod_revision: String,
    pub epoch: u64,
}

/// Writes the marks onto an object, and onto the pods that it makes.
pub fn stamp(manifest: &mut Manifest, stamp: &Stamp) {
    let labels = [(TENANT, stamp.tenant.as_str()), MANAGED_BY];
    let epoch = stamp.epoch.to_string();
    let annotations = [(TENANT_UID, stamp.tenant_uid.as_str()), (REVISION, &stamp.revision), (EPOCH, &epoch)];
    write(&mut manifest.value, &labels, &annotations);
    if matches!(manifest.kind(), "Deployment" | "StatefulSet")
        && let Some(template) = manifest.value.pointer_mut("/spec/template")
    {
        write(template, &labels, &[(REVISION, &stamp.pod_revision)]);
    }
}

fn write(object: &mut Value, labels: &[(&str, &str)], annotations: &[(&str, &str)]) {
    let Some(object) = object.as_object_mut() else { return };
    edit(object, "metadata", |metadata| {
        for (field, marks) in [("labels", labels), ("annotations", annotations)] {
            edit(metadata, field, |map| map.extend(marks.iter().map(|(key, value)| ((*key).to_owned(), json!(value)))));
        }
    });
}

/// Changes the map in this field, which is made when there is none.
fn edit(object: &mut Map<String, Value>, field: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut map = match object.remove(field) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    change(&mut map);
    object.insert(field.to_owned(), Value::Object(map));
}
