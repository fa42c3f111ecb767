//! What Prometheus sees of an election.
//!
//! Flows in: what the elector did. Flows out: five families, labelled with the Lease's name as client-go labels its
//! own. Validity is computed at the scrape: a gauge that only moves when the elector runs would look healthy when the
//! elector does not.
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::{core::Reason, term::Term};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Loss {
    name: String,
    reason: &'static str,
}

/// Shared by all electors of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    master: Family<Name, Gauge>,
    transitions: Family<Name, Counter>,
    renewals: Family<Name, Histogram>,
    losses: Family<Loss, Counter>,
    validity: Validity,
}

#[derive(Debug, Clone, Default)]
struct Validity(Arc<Mutex<Vec<(String, Term)>>>);

impl Default for Metrics {
    fn default() -> Self {
        Self {
            master: Family::default(),
            transitions: Family::default(),
            // 1 ms to 16 s: from a quiet API server to past any renew deadline.
            renewals: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 15))),
            losses: Family::default(),
            validity: Validity::default(),
        }
    }
}

impl Metrics {
    /// Registers the families and returns the handle to put in the elector's configuration.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "leader_election_master_status",
            "1 while this process leads, 0 while it stands by",
            metrics.master.clone(),
        );
        registry.register(
            "leader_election_transitions",
            "Changes of hands of the Lease seen by this process; climbing without a deploy means trouble",
            metrics.transitions.clone(),
        );
        registry.register(
            "leader_election_renew_duration_seconds",
            "Time from sending a renewal to its answer; the renew deadline is the limit",
            metrics.renewals.clone(),
        );
        registry.register(
            "leader_election_losses",
            "Terms that ended without being asked to, by reason",
            metrics.losses.clone(),
        );
        registry.register_collector(Box::new(metrics.validity.clone()));
        metrics
    }

    pub(super) fn standing_by(&self, name: &str) {
        self.master.get_or_create(&Name { name: name.into() }).set(0);
    }

    pub(super) fn leading(&self, name: &str, term: Term) {
        self.master.get_or_create(&Name { name: name.into() }).set(1);
        self.validity.lock(|terms| terms.push((name.into(), term)));
    }

    pub(super) fn stopped(&self, name: &str, lost: Option<Reason>) {
        self.standing_by(name);
        self.validity.lock(|terms| terms.retain(|(n, _)| n != name));
        if let Some(reason) = lost {
            self.losses.get_or_create(&Loss { name: name.into(), reason: reason.as_str() }).inc();
        }
    }

    pub(super) fn changed_hands(&self, name: &str, times: u64) {
        self.transitions.get_or_create(&Name { name: name.into() }).inc_by(times);
    }

    pub(super) fn renewed(&self, name: &str, seconds: f64) {
        self.renewals.get_or_create(&Name { name: name.into() }).observe(seconds);
    }
}

impl Validity {
    fn lock<T>(&self, with: impl FnOnce(&mut Vec<(String, Term)>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Collector for Validity {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut family = encoder.encode_descriptor(
            "leader_election_validity_seconds",
            "Seconds until the current term ends unless it is renewed; 0 is over",
            None,
            MetricType::Gauge,
        )?;
        let terms = self.lock(|terms| terms.clone());
        for (name, term) in terms {
            let left = ConstGauge::new(term.remaining().as_secs_f64());
            left.encode(family.encode_family(&Name { name })?)?;
        }
        Ok(())
    }
}
