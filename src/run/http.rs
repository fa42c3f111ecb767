//! `/healthz`, `/readyz` and `/metrics`. Standbys serve them too.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::{net::TcpListener, sync::watch};

use super::{fleet_loop::Pulse, metrics::Metrics};

/// A loop that gave no sign of life for this long hangs: the kubelet shall restart it.
const DEAD: Duration = Duration::from_mins(1);

#[derive(Clone)]
struct Served {
    pulse: watch::Receiver<Pulse>,
    metrics: Arc<Metrics>,
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
pub async fn serve(listener: TcpListener, pulse: watch::Receiver<Pulse>, metrics: Arc<Metrics>) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(|State(served): State<Served>| async move { served.metrics.text() }))
        .with_state(Served { pulse, metrics });
    axum::serve(listener, router).await
}

async fn healthz(State(served): State<Served>) -> (StatusCode, String) {
    let silent = served.pulse.borrow().at.elapsed();
    if silent < DEAD {
        (StatusCode::OK, "ok\n".into())
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("the fleet loop gave no sign of life for {} s\n", silent.as_secs()))
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
