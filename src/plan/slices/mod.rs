//! Plans that are too long for one object: how they are cut, kept and put together again.
//!
//! The wave engine knows whole plans only. One that names more tenants than fit into a Rollout goes into RolloutSlices, which
//! are written first, under names that have the plan's hash in them; when all of them are seen, the Rollout is written. Killed
//! anywhere in between, whoever leads next makes the same plan, finds what is there and goes on, or makes another one and begins anew. A Rollout whose slices are not
//! all there, or do not come to its hash, has no plan: then nothing is decided for its operator, and it is said why.
mod cut;
mod draft;
mod read;
mod stage;

pub use self::{
    cut::cut,
    draft::Drafts,
    read::{Plans, whole},
    stage::{Staged, stage},
};
