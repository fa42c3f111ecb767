//! `v1alpha1`: what releases before 2.0.0 work with. `maxItemSize` came with 1.1.0.
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MemcachedStatus;

/// What a user asks for.
#[expect(clippy::duplicated_attributes, reason = "two columns of one type are not one column")]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cache.example.com",
    version = "v1alpha1",
    kind = "Memcached",
    plural = "memcacheds",
    namespaced,
    status = "MemcachedStatus",
    doc = "A cache of a tenant, reconciled into a ConfigMap that counts how often it was written.",
    printcolumn(name = "Size", type_ = "integer", json_path = ".spec.size", description = "Servers asked for."),
    printcolumn(name = "Writes", type_ = "integer", json_path = ".status.writes", description = "Changes applied."),
    printcolumn(
        name = "Version",
        type_ = "string",
        json_path = ".status.operatorVersion",
        description = "Version of the operator that applied the last one."
    )
)]
#[serde(rename_all = "camelCase")]
pub struct MemcachedSpec {
    /// Number of memcached servers.
    #[schemars(range(min = 1, max = 5))]
    pub size: i32,
    /// Image of a server; absent: the operator's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// Largest item, in KiB; absent: 1024, as memcached has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_048_576))]
    pub max_item_size: Option<i32>,
}
