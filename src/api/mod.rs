//! The kinds of `leasehold.dev/v1alpha1`: serde, schema, CEL rules. No behaviour beyond what a field means.
#![allow(clippy::duplicated_attributes, reason = "KubeSchema repeats the attributes of fields beside its CEL rules")]
mod approval;
mod common;
mod fleet;
mod policy;
mod release;
mod rollout;
mod schema;
mod status;
mod tenant;
mod window;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub use self::{approval::*, common::*, fleet::*, policy::*, release::*, rollout::*, status::*, tenant::*, window::*};

/// The CustomResourceDefinitions of every kind, as they are written to `crds/`.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    [
        Tenant::crd(),
        OperatorRelease::crd(),
        RolloutPolicy::crd(),
        Rollout::crd(),
        RolloutApproval::crd(),
        ChangeWindow::crd(),
        FleetPolicy::crd(),
    ]
    .map(schema::complete)
    .to_vec()
}
