//! Parsed values that cannot be invalid, and the World they make up. Pure: no runtime, no client, no clock.
pub mod analysis;
pub mod cel;
pub mod crd;
pub mod digest;
pub mod epoch;
pub mod fleet;
pub mod kinds;
pub mod listing;
pub mod marks;
pub mod members;
pub mod object;
pub mod promql;
pub mod report;
pub mod some;
pub mod tenants;
pub mod window;
pub mod world;
