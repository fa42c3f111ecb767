//! What passed the check, with Leasehold's marks on it: the only thing that is applied, and made nowhere else.
//!
//! Labels are for selecting (the watch of what we own), annotations for reading back what was granted when a status is lost.
//! Neither proves much by itself: ownership is by the Tenant's UID, and nobody but Leasehold writes marks.
use std::{ops::Deref, sync::Arc};

use serde_json::{Map, Value};

use super::Scope;
use crate::{
    domain::{digest, kinds, marks, object::ObjectKey},
    plan::render::Manifest,
};

/// An object that passed the check with the rest of its stack. Cheap to clone, and as it was checked for good.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted(Arc<Object>);

/// How an admitted object reads.
#[derive(Debug, PartialEq)]
pub struct Object {
    pub key: ObjectKey,
    /// Applied after every lower stage is done.
    pub stage: u8,
    /// Digest of what was rendered, marks included.
    pub digest: String,
    /// As JSON, marks included. The epoch is stamped when it is sent.
    pub manifest: Box<str>,
    /// Digest of the pod template of a workload.
    pub pod_revision: Option<String>,
}

impl Deref for Admitted {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.0
    }
}

/// What the marks say beside the tenant's name.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    pub tenant_uid: &'a str,
    /// The grant that the stack is rendered from, as JSON; written on workloads.
    pub grant: &'a str,
}

impl Admitted {
    /// Marks what was checked. `None` for what is of no kind of ours, which no check lets pass.
    pub(super) fn new(manifest: Manifest, scope: &Scope, marks: Marks<'_>) -> Option<Self> {
        let kind = kinds::find(manifest.group(), manifest.kind())?;
        let key = ObjectKey {
            namespace: manifest.namespace().unwrap_or_default().into(),
            name: manifest.name().into(),
            group: kind.group.into(),
            kind: kind.kind.into(),
        };
        let mut value = manifest.value;
        let (managed_by, leasehold) = marks::MANAGED_BY;
        mark(&mut value, "labels", [(marks::TENANT, &*scope.tenant), (managed_by, leasehold)]);
        mark(&mut value, "annotations", [(marks::TENANT_UID, marks.tenant_uid)]);
        let pod_revision = if kind.is_workload() { workload(&mut value, scope, marks) } else { None };
        let digest = digest::of(&value);
        mark(&mut value, "annotations", [(marks::DIGEST, &*digest)]);
        let manifest = value.to_string().into();
        Some(Self(Arc::new(Object { key, stage: kind.stage, digest, manifest, pod_revision })))
    }
}

/// Marks the pods that a workload makes, and notes the grant on it. Returns the digest of the pod template.
fn workload(value: &mut Value, scope: &Scope, marks: Marks<'_>) -> Option<String> {
    let template = value.pointer_mut("/spec/template")?;
    mark(template, "labels", [(marks::TENANT, &*scope.tenant)]);
    mark(template, "annotations", [(marks::TENANT_UID, marks.tenant_uid)]);
    let revision = digest::of(template);
    mark(template, "annotations", [(marks::POD_REVISION, &*revision)]);
    mark(value, "annotations", [(marks::GRANT, marks.grant)]);
    Some(revision)
}

pub(super) fn mark<'m>(value: &mut Value, map: &str, entries: impl IntoIterator<Item = (&'m str, &'m str)>) {
    let metadata = value.as_object_mut().and_then(|object| map_in(object, "metadata"));
    if let Some(place) = metadata.and_then(|metadata| map_in(metadata, map)) {
        place.extend(entries.into_iter().map(|(key, text)| (key.to_owned(), text.into())));
    }
}

/// The map under this name, in place of whatever else is there.
fn map_in<'o>(object: &'o mut Map<String, Value>, name: &str) -> Option<&'o mut Map<String, Value>> {
    let under = object.entry(name).or_insert(Value::Null);
    if !under.is_object() {
        *under = Value::Object(Map::new());
    }
    under.as_object_mut()
}
