//! Watches in, [`World`](crate::domain::world::World) out. Reads only: nothing here writes, and nothing here decides.
mod allowance;
mod apis;
mod as_applied;
mod index;
mod lease;
mod note;
mod pool;
mod record;
mod reduce;
mod watch;

pub use self::{
    apis::served,
    index::{Index, WentBack},
    lease::{Sample, Sampler},
    pool::Pool,
    watch::{Change, Source, Step, start},
};
