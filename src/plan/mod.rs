//! World and time in, Plan out. Pure and total.
pub mod choke_point;
pub mod render;
pub mod rollout;
