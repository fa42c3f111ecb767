//! What an elector is told, checked before anything runs.
//!
//! Flows in: three durations and three names. Flows out: a [`Timings`] that cannot be out of order, or the one rule
//! that was broken. It must never guess a value: what is wrong is refused.
use std::{fmt, time::Duration};

use super::{metrics::Metrics, watchdog::Reaction};

/// client-go's jitter: its standbys sleep between one and 2.2 retry periods, its renewals need room for one more try.
const JITTER_FACTOR_TENTHS: u32 = 12;
const SHORTEST_CALM: Duration = Duration::from_secs(5);
const LONGEST_CALM: Duration = Duration::from_mins(1);
/// `leaseDurationSeconds` is an int32.
const LONGEST: Duration = Duration::from_secs(i32::MAX as u64);

/// The three knobs. `lease_duration > renew_deadline > 1.2 × retry_period > 0`, the lease in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timings {
    lease_duration: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

/// One broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    #[error("leaseDuration must be at least 1s: the record holds whole seconds greater than zero")]
    LeaseDurationZero,
    #[error("leaseDuration {0:?} must be whole seconds: the record cannot hold a fraction")]
    LeaseDurationFraction(Duration),
    #[error("leaseDuration {0:?} does not fit the record's int32 seconds")]
    LeaseDurationTooLong(Duration),
    #[error("renewDeadline must be greater than zero")]
    RenewDeadlineZero,
    #[error("retryPeriod must be greater than zero")]
    RetryPeriodZero,
    #[error("leaseDuration {lease:?} must be greater than renewDeadline {renew:?}")]
    LeaseNotAboveRenew { lease: Duration, renew: Duration },
    #[error("renewDeadline {renew:?} must be greater than 1.2 × retryPeriod {retry:?}")]
    RenewNotAboveRetry { renew: Duration, retry: Duration },
    #[error("the identity must not be empty: an empty holder means a free Lease")]
    IdentityEmpty,
    #[error("the Lease's name must be a DNS subdomain of at most 253 characters")]
    LeaseName,
    #[error("the namespace must be a DNS label of at most 63 characters")]
    Namespace,
}

/// Legal, but worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// Below 5 s: a slow API server or a long garbage collection of etcd ends a healthy term.
    TooAggressive(Duration),
    /// Above 60 s: after a crash nobody leads for more than a minute.
    TooLazy(Duration),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooAggressive(l) => write!(f, "leaseDuration {l:?} is short: a slow API server will cost leadership"),
            Self::TooLazy(l) => write!(f, "leaseDuration {l:?} is long: after a crash nobody leads for that time"),
        }
    }
}

impl Default for Timings {
    /// 15 s, 10 s, 2 s: what client-go and controller-runtime use.
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

impl Timings {
    /// # Errors
    /// The first rule of [`Timings`] that does not hold.
    pub fn new(lease: Duration, renew: Duration, retry: Duration) -> Result<Self, InvalidConfig> {
        match () {
            () if lease < Duration::from_secs(1) => Err(InvalidConfig::LeaseDurationZero),
            () if lease.subsec_nanos() != 0 => Err(InvalidConfig::LeaseDurationFraction(lease)),
            () if lease > LONGEST => Err(InvalidConfig::LeaseDurationTooLong(lease)),
            () if renew.is_zero() => Err(InvalidConfig::RenewDeadlineZero),
            () if retry.is_zero() => Err(InvalidConfig::RetryPeriodZero),
            () if lease <= renew => Err(InvalidConfig::LeaseNotAboveRenew { lease, renew }),
            () if renew.saturating_mul(10) <= retry.saturating_mul(JITTER_FACTOR_TENTHS) => {
                Err(InvalidConfig::RenewNotAboveRetry { renew, retry })
            }
            () => Ok(Self { lease_duration: lease, renew_deadline: renew, retry_period: retry }),
        }
    }

    /// How long others leave the Lease alone after they last saw it change.
    #[must_use]
    pub fn lease_duration(&self) -> Duration {
        self.lease_duration
    }

    /// How long a term is valid after its last renewal was sent.
    #[must_use]
    pub fn renew_deadline(&self) -> Duration {
        self.renew_deadline
    }

    /// Time between two renewals, and between two looks of a standby whose watch is silent.
    #[must_use]
    pub fn retry_period(&self) -> Duration {
        self.retry_period
    }

    /// A third of the renew deadline: one hung request leaves room for two more.
    #[must_use]
    pub fn attempt_timeout(&self) -> Duration {
        self.renew_deadline / 3
    }

    /// What lies between the end of a term and the first moment another may lead.
    #[must_use]
    pub fn margin(&self) -> Duration {
        self.lease_duration.saturating_sub(self.renew_deadline)
    }

    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        match self.lease_duration {
            l if l < SHORTEST_CALM => vec![Warning::TooAggressive(l)],
            l if l > LONGEST_CALM => vec![Warning::TooLazy(l)],
            _ => Vec::new(),
        }
    }
}

/// What to elect, as whom, how.
#[derive(Clone)]
pub struct ElectorConfig {
    /// The election ID; DNS-compatible, stable across releases, unique in its namespace.
    pub lease_name: String,
    /// The pod's own, unless there is a reason.
    pub namespace: String,
    /// `<pod>_<unique>`, so that `kubectl logs` finds the leader.
    pub identity: String,
    pub timings: Timings,
    /// How long a shutdown waits for the writes in flight; never longer than the term is valid.
    pub drain_timeout: Duration,
    /// Whether a change of hands leaves an Event on the Lease (needs `create` on `events`).
    pub events: bool,
    pub metrics: Option<Metrics>,
    /// What happens when a term is still open past its validity; ends the process unless a test says otherwise.
    pub watchdog: Reaction,
}

impl ElectorConfig {
    /// The defaults: 15/10/2 s, half the renew deadline to drain, events on, the watchdog aborts.
    #[must_use]
    pub fn new(lease_name: impl Into<String>, namespace: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            lease_name: lease_name.into(),
            namespace: namespace.into(),
            identity: identity.into(),
            timings: Timings::default(),
            drain_timeout: Timings::default().renew_deadline() / 2,
            events: true,
            metrics: None,
            watchdog: Reaction::default(),
        }
    }

    /// Sets the timings, and the drain timeout to half their renew deadline.
    #[must_use]
    pub fn timings(mut self, timings: Timings) -> Self {
        self.timings = timings;
        self.drain_timeout = timings.renew_deadline() / 2;
        self
    }

    /// # Errors
    /// An empty identity, or names the API server would refuse.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        match () {
            () if self.identity.is_empty() => Err(InvalidConfig::IdentityEmpty),
            () if !is_dns_subdomain(&self.lease_name) => Err(InvalidConfig::LeaseName),
            () if self.namespace.len() > 63 || !is_dns_label(&self.namespace) => Err(InvalidConfig::Namespace),
            () => Ok(()),
        }
    }
}

/// `<pod>_<uuid>`: the pod for people, the rest because a restarted container has the same pod name.
#[must_use]
pub fn identity_of(pod: &str) -> String {
    format!("{pod}_{}", uuid::Uuid::new_v4())
}

fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_dns_label)
}

fn is_dns_label(label: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}
