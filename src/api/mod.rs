//! The kinds of `leasehold.dev/v1alpha1`: serde, schema, CEL rules. No behaviour beyond what a field means.
#![allow(clippy::duplicated_attributes, reason = "KubeSchema repeats the attributes of fields beside its CEL rules")]
mod amount;
mod approval;
mod condition;
mod crd_upgrade;
mod decimal;
mod fleet;
mod gate;
mod policy;
mod release;
mod rollout;
mod rollout_status;
mod schema;
mod selector;
mod slice;
mod status;
mod tenant;
mod time;
mod window;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub use self::{
    amount::*, approval::*, condition::*, crd_upgrade::*, decimal::*, fleet::*, gate::*, policy::*, release::*,
    rollout::*, rollout_status::*, selector::*, slice::*, status::*, tenant::*, time::*, window::*,
};

/// The CustomResourceDefinitions of every kind, as they are written to `crds/`.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    [
        Tenant::crd(),
        OperatorRelease::crd(),
        RolloutPolicy::crd(),
        Rollout::crd(),
        RolloutSlice::crd(),
        RolloutApproval::crd(),
        ChangeWindow::crd(),
        CrdUpgrade::crd(),
        FleetPolicy::crd(),
    ]
    .map(schema::complete)
    .to_vec()
}
