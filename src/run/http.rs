//! `/healthz`, `/readyz` and `/metrics`. Standbys serve them too.
use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::{net::TcpListener, sync::watch};

use super::{fleet_loop::Pulse, metrics::Metrics};
use crate::election::Heartbeat;

/// What gave no sign of life for this long hangs: the kubelet shall restart it.
const DEAD: Duration = Duration::from_mins(1);

/// What the answers are made of.
#[derive(Clone)]
pub struct Served {
    pub pulse: watch::Receiver<Pulse>,
    /// Empty until the elector is started, and without election.
    pub elector: Arc<OnceLock<Heartbeat>>,
    pub metrics: Arc<Metrics>,
}

/// Listens; returns the address, for a port of 0.
///
/// # Errors
/// The address cannot be listened on.
pub async fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Serves until the process ends.
///
/// # Errors
/// The listener broke.
pub async fn serve(listener: TcpListener, served: Served) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(|State(served): State<Served>| async move { served.metrics.text() }))
        .with_state(served);
    axum::serve(listener, router).await
}

async fn healthz(State(served): State<Served>) -> (StatusCode, String) {
    let silent = served.pulse.borrow().at.elapsed();
    let overdue = served.elector.get().map_or(Duration::ZERO, Heartbeat::overdue);
    match hangs(silent, overdue) {
        None => (StatusCode::OK, "ok\n".into()),
        Some(what) => (StatusCode::INTERNAL_SERVER_ERROR, what),
    }
}

/// What hangs: the loop that was silent for so long, or the elector that is so late.
fn hangs(silent: Duration, overdue: Duration) -> Option<String> {
    match () {
        () if silent >= DEAD => Some(format!("the fleet loop gave no sign of life for {} s\n", silent.as_secs())),
        () if overdue >= DEAD => Some(format!("the elector has been due for {} s\n", overdue.as_secs())),
        () => None,
    }
}

/// Lists what is missing, so that `kubectl describe` of the pod tells it.
async fn readyz(State(served): State<Served>) -> (StatusCode, String) {
    let missing = served.pulse.borrow().missing.clone();
    if missing.is_empty() {
        return (StatusCode::OK, "ok\n".into());
    }
    let note = format!(
        "waiting for a complete list of: {}\nare the CRDs installed (chart leasehold-crds), and may this ServiceAccount list and watch them?\n",
        missing.join(", ")
    );
    (StatusCode::SERVICE_UNAVAILABLE, note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_without_a_sign_of_life_is_a_hang_of_the_loop_or_of_the_elector() {
        let (short, long) = (Duration::from_secs(59), Duration::from_mins(2));
        assert_eq!(hangs(short, short), None);
        assert!(hangs(long, short).is_some_and(|what| what.contains("fleet loop") && what.contains("120 s")));
        assert!(hangs(short, long).is_some_and(|what| what.contains("elector") && what.contains("120 s")));
    }
}
