//! How shared CRDs move with the fleet.
pub mod step;
