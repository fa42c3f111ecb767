//! Watches in, [`World`](crate::domain::world::World) out. Reads only: nothing here writes, and nothing here decides.
mod allowance;
mod answers;
mod apis;
mod as_applied;
pub mod documents;
mod index;
mod lease;
mod note;
mod pool;
mod prometheus;
mod record;
mod reduce;
mod sampled;
mod watch;

pub use self::{
    apis::served,
    index::{Index, WentBack},
    lease::{Sample, Sampler},
    pool::Pool,
    prometheus::Prometheus,
    reduce::crd_maps,
    watch::{Change, Source, Step, start},
};
