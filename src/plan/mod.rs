//! (opened by the first commit that fills it)
pub mod rollout;
