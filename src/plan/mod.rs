//! (opened by the first commit that fills it)
pub mod choke_point;
pub mod render;
