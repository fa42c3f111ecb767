//! Asks a Prometheus. One request, no redirect, no credentials, bounded in time and size; whatever goes wrong is an answer that
//! tells nothing.
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{
    api::Decimal,
    domain::{analysis::Reply, promql},
};

/// A query that takes longer is too dear to be asked again and again.
const BOUND: Duration = Duration::from_secs(10);
/// The longest reply that is read.
const LONGEST: usize = 1 << 20;

/// A way to Prometheus servers.
#[derive(Clone)]
pub struct Prometheus {
    client: Client<HttpsConnector<HttpConnector>, Empty<axum::body::Bytes>>,
}

impl Prometheus {
    /// Trusts the certificates that this machine trusts.
    ///
    /// # Errors
    /// When it trusts none that can be read.
    pub fn new() -> std::io::Result<Self> {
        let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Asks a query, and holds the samples against the bounds.
    pub async fn ask(&self, address: &str, query: &str, min: Option<&Decimal>, max: Option<&Decimal>) -> Reply {
        match tokio::time::timeout(BOUND, self.get(address, query)).await {
            Ok(Ok(body)) => promql::judge(&body, min, max),
            Ok(Err(why)) => Reply::inconclusive(format!("{address}: {why}")),
            Err(_) => Reply::inconclusive(format!("{address} did not answer within {BOUND:?}")),
        }
    }

    async fn get(&self, address: &str, query: &str) -> Result<Vec<u8>, String> {
        let uri = format!("{}/api/v1/query?query={}", address.trim_end_matches('/'), encoded(query));
        let request = http::Request::get(uri).header("accept", "application/json").body(Empty::new());
        let request = request.map_err(|error| error.to_string())?;
        let reply = self.client.request(request).await.map_err(|error| causes(&error))?;
        // A refused query has a body that says why.
        let status = reply.status();
        if !(status.is_success() || status.as_u16() == 400 || status.as_u16() == 422) {
            return Err(format!("answers {status}"));
        }
        let body = Limited::new(reply.into_body(), LONGEST).collect().await;
        body.map(|body| body.to_bytes().to_vec()).map_err(|error| format!("the reply cannot be read: {error}"))
    }
}

/// Everything but what RFC 3986 leaves unreserved.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The error with what caused it: the outermost says only that the client failed.
fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
