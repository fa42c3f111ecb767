//! Parsed values that cannot be invalid, and the World they make up. Pure: no runtime, no client, no clock.
pub mod digest;
pub mod fleet;
pub mod report;
