//! The wave engine: which tenant may move now, which must wait and on what, and where each run stands.
//!
//! In: a [`Fleet`] and the time. Out: [`Decisions`], which the shell writes down. Everything is worked out anew from
//! what the cluster has recorded, so a crash after any write changes nothing: what was not written is decided again.
//! What a run does next rests on what is *recorded*, never on what this pass would like to record; a wave opens in the
//! pass after the one that closed its predecessor.
//!
//! Must never: keep anything between two calls, read a clock, draw a random number, fail, or panic on odd input.
//! `now` should come from a clock that does not jump while the process lives (the wall clock at its start plus
//! monotonic time); a step back only makes soaks longer, a step forward cannot be told from time that passed.
mod analysis;
mod back;
mod barred;
mod breach;
mod budget;
mod calendar;
mod clock;
mod conditions;
mod create;
mod deadline;
mod decide;
mod event;
mod freeze;
mod gate;
mod grant;
mod group;
mod history;
mod hops;
pub mod invariants;
mod judge;
mod message;
mod pace;
mod pass;
mod path;
mod patience;
mod run;
mod seat;
mod soak;
mod unread;
mod verdict;
mod waits;
mod waves;
mod wish;

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

pub(super) use self::path::{Releases, Way};
pub use self::{
    decide::{decide, preview},
    freeze::plan_hash,
    invariants::Violation,
    pace::pace,
};
use crate::{
    api::{Rollout, RolloutStatus, RolloutTarget},
    domain::{analysis::Asked, report::Wait},
};

/// What follows from one look at the fleet. Every part can be written on its own, in any order, or not at all: the
/// next look decides again what is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    /// Runs to create: complete, frozen, with deterministic names. `AlreadyExists` means that it was done before.
    pub create: Vec<Rollout>,
    /// Tenants that may move now.
    pub grants: Vec<GrantOrder>,
    /// Tenants whose granted revision counts as failed from now on, by name.
    pub failures: Vec<(String, FailureOrder)>,
    /// The new status of each run whose status changes.
    pub status: BTreeMap<String, RolloutStatus>,
    /// Finished runs past their history limit.
    pub delete: Vec<String>,
    /// What each tenant waits for that wants to move and is not in flight, with a note for a person.
    pub waits: BTreeMap<String, (Wait, String)>,
    /// What gates are to be asked now, in rounds that are recorded as begun. A bounded number; the rest follows the answers.
    pub asks: Vec<Asked>,
    /// What changed in a run, for people.
    pub events: Vec<RolloutEvent>,
    /// When time alone will change the decision.
    pub wake: Option<Timestamp>,
}

/// Leave for one tenant to move, to be written to its status before anything else is touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantOrder {
    pub tenant: String,
    /// The tenant's UID: an order for a tenant that was deleted and made anew is void.
    pub uid: String,
    pub target: RolloutTarget,
    pub rollout: String,
    pub wave: String,
    /// The tenant was not well before: a failure is not charged to the run.
    pub broken_before: bool,
    /// What the tenant asks for, when the target is only a step on the way there.
    pub towards: Option<RolloutTarget>,
    /// What the tenant is taken back from: it is not granted that again by itself.
    pub reject: Option<RolloutTarget>,
}

/// A failure to latch in a tenant's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureOrder {
    /// The tenant's UID.
    pub uid: String,
    /// What was granted and did not come up in time.
    pub target: RolloutTarget,
    /// One word: `DeadlineExceeded`.
    pub reason: String,
    pub message: String,
}

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutEvent {
    pub rollout: String,
    pub reason: EventReason,
    pub note: String,
    /// Whether a person should look.
    pub warning: bool,
}

/// What happened to a run: one word for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventReason {
    RolloutStarted,
    WaveStarted,
    WaveSoakRestarted,
    WavePromoted,
    WaveHalted,
    RolloutSuspended,
    RolloutResumed,
    RolloutSucceeded,
    RolloutAborted,
    RolloutSuperseded,
    RolloutRolledBack,
}

impl fmt::Display for EventReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
