//! What Prometheus sees, beside the election's own metrics.
use prometheus_client::{metrics::counter::Counter, registry::Registry};

#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub writes: Counter,
    pub errors: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("memcached_writes", "Changes this replica applied", metrics.writes.clone());
        registry.register("memcached_reconcile_errors", "Reconciliations that failed", metrics.errors.clone());
        metrics
    }
}
