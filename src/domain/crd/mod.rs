//! CustomResourceDefinitions: read, and whether two say the same, the API server's defaults counted as said.
pub mod definition;
pub mod fingerprint;
mod normal;
pub mod page;
mod seen;
pub mod texts;

pub use self::{
    definition::{Definition, Version},
    seen::{CrdSeen, Unlocked},
};
