//! The last line: an OS thread that ends the process when a term is in use past its validity.
//!
//! Flows in: a term. Flows out: nothing, or the end of the process. It must never need the async runtime: it is there
//! for the day when that is starved, the elector's task is dead, or a write hangs where nobody can cancel it.
//!
//! The elector is given a short grace to close the term by itself, so that a process that was merely stopped and
//! resumed ends by its own rules; meanwhile [`Term::check`](super::Term::check) already refuses.
use std::{
    fmt,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use super::{clock::BootInstant, config::Timings, term::Overseen};

/// The machine may have slept, and timers with it: look at the clock at least this often.
const LONGEST_NAP: Duration = Duration::from_secs(1);
const LONGEST_GRACE: Duration = Duration::from_millis(500);

/// What is wrong when the watchdog acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    /// How long the term has been over.
    pub by: Duration,
    /// Writes still under way.
    pub in_flight: usize,
}

/// What the watchdog does; called at most once per term, on its own thread.
#[derive(Clone)]
pub struct Reaction(Arc<dyn Fn(Overdue) + Send + Sync>);

impl Reaction {
    pub fn new(react: impl Fn(Overdue) + Send + Sync + 'static) -> Self {
        Self(Arc::new(react))
    }
}

impl Default for Reaction {
    /// Ends the process on the spot: no destructor, no further request.
    fn default() -> Self {
        Self::new(|overdue| {
            tracing::error!(?overdue, "the term is over and still in use: aborting");
            std::process::abort()
        })
    }
}

impl fmt::Debug for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reaction")
    }
}

/// How long after the end of the term the watchdog waits: well inside what the Lease still runs.
#[must_use]
pub fn grace(timings: Timings) -> Duration {
    (timings.margin() / 2).min(LONGEST_GRACE)
}

/// Starts the thread; it takes the term when there is one, and ends with it or with its sender.
///
/// # Errors
/// When the OS gives no thread; without it there must be no term.
pub(super) fn spawn(grace: Duration, reaction: Reaction) -> std::io::Result<mpsc::Sender<Overseen>> {
    let (sender, terms) = mpsc::channel::<Overseen>();
    let body = move || terms.into_iter().for_each(|term| watch(&term, grace, &reaction));
    thread::Builder::new().name("lease-watchdog".into()).spawn(body)?;
    Ok(sender)
}

fn watch(term: &Overseen, grace: Duration, reaction: &Reaction) {
    while term.in_use() {
        let left = BootInstant::now().until(term.valid_until());
        if !left.is_zero() {
            thread::sleep(left.min(LONGEST_NAP));
            continue;
        }
        thread::sleep(grace);
        let by = term.valid_until().until(BootInstant::now());
        if term.in_use() && !by.is_zero() {
            return (reaction.0)(Overdue { by, in_flight: term.in_flight() });
        }
    }
}
