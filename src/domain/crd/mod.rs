//! CustomResourceDefinitions: read, and whether two say the same, the API server's defaults counted as said.
pub mod definition;
pub mod fingerprint;
mod normal;
pub mod texts;

pub use self::definition::{Definition, Version};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition,
};

use super::digest;

/// Digest of a definition's spec with the defaults filled in that the API server fills in.
///
/// A semantically equal spec must never be written: every write to it closes all watches on its objects.
#[must_use]
pub fn digest(crd: &CustomResourceDefinition) -> String {
    let mut spec = crd.spec.clone();
    let names = &mut spec.names;
    names.list_kind.get_or_insert_with(|| format!("{}List", names.kind));
    names.singular.get_or_insert_with(|| names.kind.to_lowercase());
    for list in [&mut names.short_names, &mut names.categories].into_iter().flatten() {
        list.sort();
    }
    spec.conversion.get_or_insert_with(|| CustomResourceConversion { strategy: "None".into(), webhook: None });
    spec.preserve_unknown_fields = spec.preserve_unknown_fields.filter(|preserved| *preserved);
    for version in &mut spec.versions {
        version.deprecated = version.deprecated.filter(|deprecated| *deprecated);
    }
    spec.versions.sort_by(|a, b| a.name.cmp(&b.name));
    digest::of(&spec)
}

/// Whether the API server serves it.
#[must_use]
pub fn established(crd: &CustomResourceDefinition) -> bool {
    let conditions = crd.status.as_ref().and_then(|s| s.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Established" && c.status == "True"))
}
