//! The kind `Memcached` of `cache.example.com/v1alpha1`: serde and schema, no behaviour.
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

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
mod tests {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    use kube::CustomResourceExt;
    use serde_json::{Value, json};

    use super::*;

    const RELEASES: [&str; 4] = [
        include_str!("../../../../examples/memcached/release-1.0.0.yaml"),
        include_str!("../../../../examples/memcached/release-1.1.0.yaml"),
        include_str!("../../../../examples/memcached/release-1.2.0.yaml"),
        include_str!("../../../../examples/memcached/release-1.3.0.yaml"),
    ];

    #[test]
    fn every_release_brings_the_definition_that_this_operator_was_built_with() {
        let built = json!(Memcached::crd());
        for release in RELEASES {
            let release: Value = serde_saphyr::from_str(release).unwrap();
            let brought: CustomResourceDefinition =
                serde_json::from_value(release["spec"]["crds"][0]["inline"].clone()).unwrap();
            assert_eq!(json!(brought), built, "{}, built:\n{built:#}", release["metadata"]["name"]);
        }
    }
}
