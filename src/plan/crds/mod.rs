//! The CustomResourceDefinitions that all tenants share: what lies between two of them ([`verdict`]), and the way of the cluster's
//! to that of a release, step by step, interleaved with the waves of the fleet.
//!
//! [`plan`] looks at every definition that a release brings ([`desk`]): who is in the way ([`users`]), what comes next
//! ([`next`]), what of all stored objects is gone through for that ([`passes`]), whether a release can be granted meanwhile ([`readiness`]), what one definition is for all ([`shape`]), what is on record
//! ([`record`]), and what is written ([`write`]).
mod claims;
mod desk;
mod merges;
mod next;
mod passes;
mod readiness;
mod record;
mod shape;
pub mod step;
pub mod sweeps;
mod users;
pub mod verdict;
mod write;

pub use self::{
    claims::Sight,
    desk::{Crds, plan},
    merges::Merges,
    step::CrdStep,
    users::open_runs,
    verdict::{Finding, Findings, MOST_FINDINGS, MOST_WHY, Merged, Stage, Verdict, Waivers, compare, merge},
};
