//! Metrics, in base units. Per tenant only what an alert needs; everything else is an aggregate with enum labels.
use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::tasks::Done;
use crate::{
    domain::{report::Verdict, world::World},
    plan::Planner,
};

/// Everything that is measured.
#[derive(Debug)]
pub struct Metrics {
    pub registry: Mutex<Registry>,
    pub panics: Counter,
    plan: Histogram,
    writes: Family<Write, Counter>,
    tenants: Family<Standing, Gauge>,
    ready: Family<OfTenant, Gauge>,
    rollouts: Gauge,
    /// When what is counted over all tenants was counted last.
    drawn: Mutex<Option<Instant>>,
}

/// How often all tenants are counted at most: a burst makes hundreds of plans a second. The loop turns every few seconds
/// even when nothing happens, so no number is older than that.
const REDRAW: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    step: String,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Standing {
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTenant {
    tenant: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut whole = Registry::default();
        let registry = whole.sub_registry_with_prefix("leasehold");
        let metrics = Self {
            panics: Counter::default(),
            plan: Histogram::new(exponential_buckets(0.000_1, 4.0, 9)),
            writes: Family::default(),
            tenants: Family::default(),
            ready: Family::default(),
            rollouts: Gauge::default(),
            registry: Mutex::default(),
            drawn: Mutex::default(),
        };
        registry.register("panics", "Writes that panicked. Any is a bug: please report it", metrics.panics.clone());
        registry.register("plan_seconds", "Time to make one plan of the whole fleet", metrics.plan.clone());
        registry.register(
            "writes",
            "Steps sent to the API server, by step and outcome; at rest this does not grow",
            metrics.writes.clone(),
        );
        registry.register(
            "tenants",
            "Tenants by what is the matter with them, as in their STATUS column",
            metrics.tenants.clone(),
        );
        registry.register(
            "tenant_ready",
            "1 when the tenant's granted stack is proven to run, else 0",
            metrics.ready.clone(),
        );
        registry.register("rollouts_active", "Rollouts that have not ended", metrics.rollouts.clone());
        *lock(&metrics.registry) = whole;
        metrics
    }
}

/// A poisoned lock only means that a scrape panicked; the numbers are still good.
fn lock(registry: &Mutex<Registry>) -> std::sync::MutexGuard<'_, Registry> {
    registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Metrics {
    /// The text that Prometheus scrapes.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &lock(&self.registry));
        text
    }

    /// After a plan.
    pub fn planned(&self, took: Duration, world: &World, planner: &Planner) {
        self.plan.observe(took.as_secs_f64());
        let mut drawn = self.drawn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if drawn.is_some_and(|at| at.elapsed() < REDRAW) {
            return;
        }
        *drawn = Some(Instant::now());
        let mut states: BTreeMap<String, i64> = BTreeMap::new();
        self.ready.clear();
        for (name, next) in planner.nexts() {
            *states.entry(next.report.word()).or_default() += 1;
            let tenant = world.tenants.get(name).and_then(|seen| seen.tenant.as_deref());
            let conditions = tenant.and_then(|tenant| next.status(tenant)).map(|status| &status.conditions);
            let ready = conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
            self.ready.get_or_create(&OfTenant { tenant: name.clone() }).set(i64::from(ready));
            debug_assert!(!matches!(next.report.verdict, Verdict::Blocked(_)) || !next.report.note.is_empty());
        }
        self.tenants.clear();
        for (state, count) in states {
            self.tenants.get_or_create(&Standing { state }).set(count);
        }
        let active = world.rollouts.values().filter(|r| !r.status.as_ref().is_some_and(|s| s.phase.ended())).count();
        self.rollouts.set(i64::try_from(active).unwrap_or(i64::MAX));
    }

    /// After a write.
    pub fn wrote(&self, done: &Done) {
        let outcome = done.failure.as_ref().map_or("ok".to_owned(), |f| format!("{:?}", f.kind).to_lowercase());
        self.writes.get_or_create(&Write { step: done.step.to_owned(), outcome }).inc();
    }
}
