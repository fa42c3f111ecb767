//! Health and metrics. Flows in: requests of the kubelet and of Prometheus. Flows out: answers from memory. It must never
//! ask the API server: a probe that fails with it would have every operator of the cluster restarted at once.
use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{net::TcpListener, sync::watch};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// /healthz answers while the runtime turns; /readyz once the cache is filled, on a standby as on the leader.
pub async fn health(address: SocketAddr, ready: watch::Receiver<bool>) -> io::Result<()> {
    let readyz = move || async move {
        if *ready.borrow() {
            return (StatusCode::OK, "ok");
        }
        (StatusCode::SERVICE_UNAVAILABLE, "waiting for the first list of memcacheds")
    };
    serve(address, Router::new().route("/healthz", get(async || "ok")).route("/readyz", get(readyz))).await
}

pub async fn metrics(address: SocketAddr, registry: Arc<Registry>) -> io::Result<()> {
    let scrape = move || async move {
        let mut text = String::new();
        match encode(&mut text, &registry) {
            Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    };
    serve(address, Router::new().route("/metrics", get(scrape))).await
}

async fn serve(address: SocketAddr, router: Router) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    axum::serve(listener, router).await
}
