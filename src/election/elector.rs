//! The front door: start an elector, wait for the term, shut down in order.
//!
//! Flows in: a kube configuration and an [`ElectorConfig`]. Flows out: a [`Term`], a [`Leadership`] to watch, an
//! [`Outcome`]. It must never hold a term itself: whoever got one asks it before each write.
use tokio::sync::watch::{self, Receiver, Sender};

use super::{
    config::{ElectorConfig, InvalidConfig},
    core::{Outcome, Reason},
    heartbeat::Heartbeat,
    lease_api,
    shell::Shell,
    term::Term,
    watchdog,
};

/// Where this candidate stands.
#[derive(Debug, Clone)]
pub enum Leadership {
    Standby {
        /// None while the Lease is free, or not seen yet.
        holder: Option<String>,
        transitions: i32,
        /// What keeps this candidate from taking part, in words: verb, object, fix.
        trouble: Option<String>,
    },
    /// Also while a shutdown drains: the term says whether it is still good.
    Leading { term: Term },
    /// Nothing follows. All but `Released` and `NotLeading` mean: exit non-zero.
    Ended { reason: Outcome },
}

/// There will be no term (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the election ended: {0:?}")]
pub struct Ended(pub Outcome);

/// An elector that could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    #[error("no client for the election: {0}")]
    Client(#[source] Box<kube::Error>),
    #[error("no thread for the watchdog: {0}")]
    Watchdog(#[from] std::io::Error),
}

/// One candidate. One process, one term: after the end start no second one, exit.
///
/// Dropping it shuts it down as [`Elector::shutdown`] does, without anyone waiting for it.
#[derive(Debug)]
pub struct Elector {
    stop: Sender<bool>,
    leadership: Receiver<Leadership>,
    heartbeat: Heartbeat,
}

impl Elector {
    /// Checks the configuration, builds a client of its own from `kube` (retries off, short timeouts) and competes.
    /// Call it inside a tokio runtime. No request has been made when it returns.
    ///
    /// # Errors
    /// A configuration that is refused, or a client that cannot be built (certificates, credentials).
    #[expect(clippy::unused_async, reason = "needs a runtime, and an async signature leaves room for a first look")]
    pub async fn start(kube: kube::Config, config: ElectorConfig) -> Result<Self, StartError> {
        config.validate()?;
        for warning in config.timings.warnings() {
            tracing::warn!(lease = config.lease_name, "{warning}");
        }
        let client = lease_api::client(kube, config.timings).map_err(|e| StartError::Client(Box::new(e)))?;
        let watchdog = watchdog::spawn(watchdog::grace(config.timings), config.watchdog.clone())?;
        let (stop, stopped) = watch::channel(false);
        let standby = Leadership::Standby { holder: None, transitions: 0, trouble: None };
        let (publish, leadership) = watch::channel(standby);
        let heartbeat = Heartbeat::new();
        let shell = Shell::new(client, config, watchdog, publish, stopped, heartbeat.clone());
        tokio::spawn(shell.run());
        Ok(Self { stop, leadership, heartbeat })
    }

    /// Resolves when this candidate has won. Safe to drop and call again.
    ///
    /// # Errors
    /// When the election ended first: shut down, or lost between two calls.
    pub async fn lead(&self) -> Result<Term, Ended> {
        let settled = |l: &Leadership| !matches!(l, Leadership::Standby { .. });
        match self.leadership.clone().wait_for(settled).await.as_deref() {
            Ok(Leadership::Leading { term }) => Ok(term.clone()),
            Ok(Leadership::Ended { reason }) => Err(Ended(*reason)),
            Ok(Leadership::Standby { .. }) | Err(_) => Err(Ended(Outcome::Lost(Reason::ElectorDied))),
        }
    }

    /// Every change, for a status page, a health check or a log.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<Leadership> {
        self.leadership.clone()
    }

    /// For a health check: whether this candidate still looks at its Lease.
    #[must_use]
    pub fn heartbeat(&self) -> Heartbeat {
        self.heartbeat.clone()
    }

    /// Cancels the term, waits for the writes in flight, gives the Lease back. Bounded by the drain timeout and by
    /// the term's own validity. Calling it twice changes nothing.
    pub async fn shutdown(&self) -> Outcome {
        self.stop.send_replace(true);
        self.ended().await
    }

    /// Resolves when the election is over, for whatever reason, and the last Event is out.
    pub async fn ended(&self) -> Outcome {
        let mut leadership = self.leadership.clone();
        loop {
            if leadership.changed().await.is_err() {
                let last = leadership.borrow();
                return if let Leadership::Ended { reason } = &*last { *reason } else { DIED };
            }
        }
    }
}

const DIED: Outcome = Outcome::Lost(Reason::ElectorDied);
