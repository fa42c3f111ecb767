//! One report per tenant: the condition, the printer column, the CLI row, the metric label and the event all come from it.
use jiff::Timestamp;
use serde::Serialize;

use crate::api::Time;

/// What is the matter with one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub verdict: Verdict,
    /// For a person: what it means and what to do.
    pub note: String,
}

/// Where a tenant stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// What was asked for is proven to run.
    Done,
    /// Leasehold or the cluster is at work; nobody needs to act.
    Moving(Motion),
    /// Nothing moves until something else happens.
    Waiting(Wait),
    /// A person must act.
    Blocked(Reason),
}

/// Work under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Motion {
    Onboarding,
    Upgrading,
    Applying,
    Repairing,
    Recovering,
    Offboarding,
}

/// A wait: for what, since when, until when at the latest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wait {
    pub on: WaitingOn,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// Everything a tenant can wait for. Closed: a new kind of wait is a new word here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum WaitingOn {
    Approval,
    Soak,
    Window,
    Hold,
    Budget,
    Concurrency,
    PriorWave,
    Evidence,
    CrdReady,
    PathBlocked,
    Suspended,
    Inconclusive,
    /// More tenants may change in the same commit: `coalesce` of the policy.
    Coalescing,
    /// Another run of the same operator is active.
    Queued,
    /// The tenant's own mode is Paused.
    Paused,
}

impl WaitingOn {
    /// Every one of them.
    pub const ALL: [Self; 15] = [
        Self::Approval,
        Self::Soak,
        Self::Window,
        Self::Hold,
        Self::Budget,
        Self::Concurrency,
        Self::PriorWave,
        Self::Evidence,
        Self::CrdReady,
        Self::PathBlocked,
        Self::Suspended,
        Self::Inconclusive,
        Self::Coalescing,
        Self::Queued,
        Self::Paused,
    ];

    /// What ends such a wait.
    #[must_use]
    pub const fn ends(self) -> &'static str {
        match self {
            Self::Approval => "ends with a RolloutApproval: leasehold rollout approve",
            Self::Soak => "ends by itself when the soak is over",
            Self::Window => "ends when the window lets changes through, or is deleted",
            Self::Hold => "ends when every hold is over or taken off",
            Self::Budget => {
                "ends when a person mends or skips who failed and resumes the rollout, raises what may fail, aborts it or undoes it"
            }
            Self::Concurrency => "ends when a tenant on its way is proven or fails",
            Self::PriorWave => "ends when what comes before is proven and has soaked",
            Self::Evidence => "ends when one of them is mended, or they are skipped",
            Self::CrdReady => "ends when the release is ready",
            Self::PathBlocked => "ends when a release leads there, or another version is asked for",
            Self::Suspended => "ends when a person takes the word back, or another version is asked for",
            Self::Inconclusive => "ends when that is corrected",
            Self::Coalescing => "ends by itself when the plan freezes",
            Self::Queued => "ends when the rollout before has ended",
            Self::Paused => "ends when spec.mode is Active again",
        }
    }
}

/// Why a tenant is blocked: one word for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Reason {
    ReleaseNotFound,
    ReleaseChanged,
    ReleaseInvalid,
    InvalidVersion,
    PathBlocked,
    InvalidValues,
    TemplateError,
    Refused,
    QuotaTooSmall,
    NamespaceProtected,
    NamespaceTaken,
    Conflict,
    TooManyTenants,
    Undecodable,
    ImagePull,
    CrashLoop,
    DeadlineExceeded,
    WriteDenied,
    ConfirmationNeeded,
    OffboardingBlocked,
    Rejected,
    NewerEpoch,
    Unmatched,
    /// The status is lost, and nothing says what the tenant runs.
    GrantLost,
}

macro_rules! words {
    ($($t:ty),*) => {$(
        impl std::fmt::Display for $t {
            /// The word itself, as conditions, metrics and events carry it.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(self, f)
            }
        }
    )*};
}
words!(WaitingOn, Reason, Motion);

impl Report {
    #[must_use]
    pub fn done(note: impl Into<String>) -> Self {
        Self { verdict: Verdict::Done, note: note.into() }
    }

    #[must_use]
    pub fn moving(motion: Motion, note: impl Into<String>) -> Self {
        Self { verdict: Verdict::Moving(motion), note: note.into() }
    }

    #[must_use]
    pub fn waiting(on: WaitingOn, since: Option<Timestamp>, note: impl Into<String>) -> Self {
        Self { verdict: Verdict::Waiting(Wait { on, since, until: None }), note: note.into() }
    }

    #[must_use]
    pub fn blocked(reason: Reason, note: impl Into<String>) -> Self {
        Self { verdict: Verdict::Blocked(reason), note: note.into() }
    }

    /// The note; of a wait also since when, until when at the latest, and what ends it.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Verdict::Waiting(wait) = &self.verdict else { return self.note.clone() };
        let seconds = |at: Timestamp| Time::seconds(at).0;
        let since = wait.since.map_or(String::new(), |at| format!("; since {}", seconds(at)));
        let until = wait.until.map_or(String::new(), |at| format!("; until {} at the latest", seconds(at)));
        format!("{}{since}{until}; {}", self.note, wait.on.ends())
    }

    /// The one word that stands for the verdict.
    #[must_use]
    pub fn word(&self) -> String {
        match &self.verdict {
            Verdict::Done => "Done".into(),
            Verdict::Moving(motion) => motion.to_string(),
            Verdict::Waiting(wait) => wait.on.to_string(),
            Verdict::Blocked(reason) => reason.to_string(),
        }
    }
}
