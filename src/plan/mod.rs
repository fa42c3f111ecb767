//! World and time in, Plan out. Pure and total: no client, no clock, no randomness; bad input becomes a report, never an
//! error and never a panic. What is decided here is data; `act` makes no choices.
pub mod analysis;
pub mod catalog;
pub mod choke_point;
mod condition;
pub mod crd_source;
pub mod crds;
mod fleet;
mod joined;
mod notes;
pub mod notice;
mod releases;
pub mod render;
pub mod rollout;
mod shared_crd;
mod shares;
pub mod slices;
pub mod tenant;

pub use self::fleet::{Plan, Planner};
pub use self::notes::NoteStep;
pub use self::releases::ReleaseStep;
