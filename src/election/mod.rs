//! Leader election over a `coordination.k8s.io/v1` Lease: who may write, and until when.
//!
//! Flows in: the Lease (watched, polled), the clock, a request to shut down. Flows out: a [`Term`], the proof of
//! leadership that every write needs, and a [`Leadership`] for whoever wants to watch.
//! It must never know what the leader does with its term: nothing here imports the rest of the crate.
//!
//! [`core`] decides: a pure `step(state, event, now)`, no I/O, no clock, no randomness. `shell` carries its actions out.
//! On the wire it is what client-go writes and expects, so both can compete for one Lease.
//!
//! ```no_run
//! use leasehold::election::{Elector, ElectorConfig, Outcome};
//!
//! # async fn run(sigterm: impl Future<Output = ()>) -> Result<(), Box<dyn std::error::Error>> {
//! let config = ElectorConfig::new("memcached.cache.example.com", "tenant-acme", "memcached-0_5f1c");
//! let elector = Elector::start(kube::Config::infer().await?, config).await?;
//! let term = elector.lead().await?;
//! tokio::select! {
//!     () = term.cancelled() => {} // lost: stop writing at once, exit non-zero
//!     () = sigterm => {}
//! }
//! // Cancels the term, waits for the writes in flight, then gives the Lease back.
//! assert_eq!(elector.shutdown().await, Outcome::Released);
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - A term is valid for at most the renew deadline after its last renewal was *sent*; the Lease runs out only later.
//! - A foreign holder, a deleted Lease, a changed epoch ends the term in the step that sees it.
//! - The Lease is given back only by a term that is still valid, after its writes have drained, and never a foreign one.
//!
//! # Assumptions
//! - The clocks of two candidates run at rates that differ by less than `(lease_duration - renew_deadline) / lease_duration`.
//! - A write already handed to the network can land late: lease-based *belief* is exclusive, effects need fencing
//!   (preconditions, or admission on the [`Epoch`]).
//!
//! # Errors
//! Wrong configuration is refused by [`Elector::start`]. Whatever the API server says later is retried within the
//! bounds of the protocol and shown as [`Leadership::Standby::trouble`] and in the log.
pub mod clock;
pub mod config;
pub mod core;
mod elector;
mod events;
mod heartbeat;
mod lease_api;
pub mod metrics;
pub mod record;
mod shell;
pub mod term;
mod watch;
pub mod watchdog;

pub use self::core::{Outcome, Reason};
pub use clock::BootInstant;
pub use config::{ElectorConfig, InvalidConfig, Timings, Warning};
pub use elector::{Elector, Ended, Leadership, StartError};
pub use heartbeat::Heartbeat;
pub use metrics::Metrics;
pub use term::{Epoch, Expired, InFlight, Term};
