//! `RolloutSlice`: a part of a plan that is too long for one object.
use std::{ops::Deref, sync::Arc};

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// Tenants that the waves of a Rollout name themselves, all waves together. Each has up to 63 characters.
pub const INLINE: usize = 1_000;
/// Tenants in one slice: with names of 63 characters it has half of 256 KiB.
pub const SLICE: usize = 2_000;

/// A part of one wave.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "leasehold.dev",
    version = "v1alpha1",
    kind = "RolloutSlice",
    plural = "rolloutslices",
    shortname = "lhrs",
    category = "leasehold",
    derive = "PartialEq",
    doc = "Tenants of one wave of a Rollout, where the plan has too many for one object. Leasehold creates it before the Rollout and deletes it after.",
    printcolumn(name = "Rollout", type_ = "string", json_path = ".spec.rollout", description = "The rollout."),
    printcolumn(name = "Wave", type_ = "string", json_path = ".spec.wave", description = "The wave."),
    printcolumn(name = "Part", type_ = "integer", json_path = ".spec.part", description = "Which part of the wave."),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Since when it exists."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf").message("the plan of a Rollout is frozen, and so are its parts"))]
pub struct RolloutSliceSpec {
    /// Name of the Rollout that it is a part of.
    #[schemars(length(min = 1, max = 253))]
    pub rollout: String,
    /// `spec.planHash` of that Rollout: a part of another plan is none of this one.
    #[schemars(length(min = 16, max = 16), regex(pattern = "^[0-9a-f]{16}$"))]
    pub plan_hash: String,
    /// Name of the wave.
    #[schemars(length(min = 1, max = 63))]
    pub wave: String,
    /// Which part of the wave it is, from 0.
    #[schemars(range(max = 15))]
    pub part: u32,
    /// Tenants by name, in the order in which they are granted.
    #[schemars(with = "Vec<String>", length(min = 1, max = 2000), inner(length(max = 63)), extend("x-kubernetes-list-type" = "atomic"))]
    pub members: Members,
}

/// Names of tenants, in the order in which they go. Shared, because a plan stays the same while its status changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Members(Arc<[String]>);

impl Deref for Members {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Members {
    type Item = &'a String;
    type IntoIter = std::slice::Iter<'a, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl FromIterator<String> for Members {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl Members {
    /// For serde: an empty list is left out.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq<[String]> for Members {
    fn eq(&self, names: &[String]) -> bool {
        *self.0 == *names
    }
}

impl PartialEq<Vec<String>> for Members {
    fn eq(&self, names: &Vec<String>) -> bool {
        *self.0 == **names
    }
}

impl<const N: usize> PartialEq<[&str; N]> for Members {
    fn eq(&self, names: &[&str; N]) -> bool {
        *self.0 == *names
    }
}
