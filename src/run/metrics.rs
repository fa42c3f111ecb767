//! Metrics, in base units. Per tenant only what an alert needs; everything else is an aggregate with enum labels.
use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use jiff::Timestamp;
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
    waits: Family<Waiting, Gauge>,
    leaderless: Histogram,
    handovers: Counter,
    /// When what is counted over all tenants was counted last.
    drawn: Mutex<Option<Instant>>,
}

/// How often all tenants are counted at most: a burst makes hundreds of plans a second. The loop turns every few seconds
/// even when nothing happens, so no number is older than that.
const REDRAW: Duration = Duration::from_secs(1);

/// Seconds without a leader in one upgrade: from what a watching standby takes to what a crashed leader's Lease does, with
/// steps where the project's own bounds lie (0.15 s, 0.6 s).
const LEADERLESS: [f64; 14] = [0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.6, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0];

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
struct Waiting {
    on: String,
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
            waits: Family::default(),
            leaderless: Histogram::new(LEADERLESS),
            handovers: Counter::default(),
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
        registry.register(
            "longest_wait_seconds",
            "For how long the tenant has waited that has waited longest, by what for",
            metrics.waits.clone(),
        );
        registry.register(
            "upgrade_leaderless_seconds",
            "Time in which nobody led a tenant's operator, for each upgrade that was watched throughout",
            metrics.leaderless.clone(),
        );
        registry.register(
            "upgrade_handovers",
            "Changes of hands in those upgrades: one each, or a pod was replaced in the wrong order",
            metrics.handovers.clone(),
        );
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
        let (mut states, mut waits) = (BTreeMap::<String, i64>::new(), BTreeMap::<String, i64>::new());
        let now = Timestamp::now();
        self.ready.clear();
        for (name, next) in planner.nexts() {
            *states.entry(next.report.word()).or_default() += 1;
            if let Verdict::Waiting(wait) = &next.report.verdict {
                let seconds = wait.since.map_or(0, |since| now.duration_since(since).as_secs());
                let longest = waits.entry(wait.on.to_string()).or_default();
                *longest = seconds.max(*longest);
            }
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
        self.waits.clear();
        for (on, seconds) in waits {
            self.waits.get_or_create(&Waiting { on }).set(seconds);
        }
        let active = world.rollouts.values().filter(|r| !r.status.as_ref().is_some_and(|s| s.phase.ended())).count();
        self.rollouts.set(i64::try_from(active).unwrap_or(i64::MAX));
    }

    /// After a write.
    pub fn wrote(&self, done: &Done) {
        let outcome = done.failure.as_ref().map_or("ok".to_owned(), |f| format!("{:?}", f.kind).to_lowercase());
        self.writes.get_or_create(&Write { step: done.step.to_owned(), outcome }).inc();
        let Some(milliseconds) = done.upgrade.as_ref().and_then(|upgrade| upgrade.leaderless_milliseconds) else {
            return;
        };
        self.leaderless.observe(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)).as_secs_f64());
        let handovers = done.upgrade.as_ref().and_then(|upgrade| upgrade.handovers).unwrap_or(0);
        self.handovers.inc_by(u64::try_from(handovers).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Time, Upgrade},
        run::subject::Subject,
    };

    fn written(leaderless: Option<i64>) -> Done {
        let at = Time::seconds(jiff::Timestamp::UNIX_EPOCH);
        let upgrade = Upgrade {
            from: "1.0.0".into(),
            to: "1.1.0".into(),
            at,
            leaderless_milliseconds: leaderless,
            handovers: leaderless.map(|_| 1),
        };
        Done { upgrade: Some(upgrade), ..Done::new(Subject::Tenant("acme".into()), "status") }
    }

    #[test]
    fn an_upgrade_is_observed_once_when_its_proof_is_written_and_only_if_it_was_measured() {
        let metrics = Metrics::default();
        metrics.wrote(&written(Some(120)));
        metrics.wrote(&written(None));
        let text = metrics.text();
        for line in [
            "leasehold_upgrade_leaderless_seconds_count 1",
            "leasehold_upgrade_leaderless_seconds_sum 0.12",
            "leasehold_upgrade_leaderless_seconds_bucket{le=\"0.1\"} 0",
            "leasehold_upgrade_leaderless_seconds_bucket{le=\"0.15\"} 1",
            "leasehold_upgrade_handovers_total 1",
        ] {
            assert!(text.lines().any(|has| has == line), "{line}\n{text}");
        }
    }
}
