//! One report per tenant: the condition, the printer column, the CLI row, the metric label and the event all come from it.
use jiff::Timestamp;
use serde::Serialize;

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
    QuotaHeadroom,
    LeaderMissing,
    Inconclusive,
    /// More tenants may change in the same commit: `coalesce` of the policy.
    Coalescing,
    /// Another run of the same operator is active.
    Queued,
    /// The tenant's own mode is Paused.
    Paused,
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
    pub fn waiting(on: WaitingOn, note: impl Into<String>) -> Self {
        Self { verdict: Verdict::Waiting(Wait { on, since: None, until: None }), note: note.into() }
    }

    #[must_use]
    pub fn blocked(reason: Reason, note: impl Into<String>) -> Self {
        Self { verdict: Verdict::Blocked(reason), note: note.into() }
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
