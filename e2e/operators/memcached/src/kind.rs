//! The kind `Memcached` of `cache.example.com`, in its two versions: serde and schema, no behaviour.
pub mod v1;
pub mod v1alpha1;

use kube::core::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// As this program reads it, through whichever version its release works with. What an older release does not know is not
/// lost: a spec is never written, and a status only by a patch of the status.
pub type Memcached = Object<v1::MemcachedSpec, MemcachedStatus>;

/// What was applied, as the `ConfigMap` has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemcachedStatus {
    /// Changes applied since the object exists: one for each change of spec or of operator version.
    #[serde(default)]
    pub writes: i64,
    /// The `metadata.generation` that was applied last.
    #[serde(default)]
    pub observed_generation: i64,
    /// Version of the operator that applied it.
    #[serde(default)]
    pub operator_version: String,
}

#[cfg(test)]
mod tests;
