//! A client whose requests share one connection (HTTP/2). While a fleet upgrades there are a watch on each tenant's Lease and
//! dozens of writes at once: on connections of their own they cost a TLS handshake and tens of KiB each, and kube's client
//! speaks HTTP/1.1 only.
//!
//! An API server behind something that has no HTTP/2 is spoken to in HTTP/1.1 all the same.
use std::time::Duration;

use hyper_util::{
    client::legacy::{Client as Hyper, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt},
};
use tower::{BoxError, ServiceBuilder};

/// How often a connection is asked whether it lives.
const PING: Duration = Duration::from_secs(5);
/// How long it may take to say so. A dead one takes all its requests along, and what goes on goes on over a new one.
const PONG: Duration = Duration::from_secs(5);

/// The client; none where there is no TLS to agree on HTTP/2 by, or where a proxy or another name for the certificate is
/// configured, which kube's own client knows how to use.
///
/// # Errors
/// What is wrong with the certificates or credentials in the configuration.
pub fn client(config: &Config) -> Result<Option<Client>, kube::Error> {
    let tls = config.cluster_url.scheme_str() == Some("https");
    if !tls || config.proxy_url.is_some() || config.tls_server_name.is_some() {
        return Ok(None);
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(config.connect_timeout);
    tcp.set_nodelay(true);
    let tls = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config.rustls_client_config()?);
    let connector = tls.https_only().enable_all_versions().wrap_connector(tcp);
    let hyper: Hyper<_, Body> = Hyper::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PONG)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(hyper);
    Ok(Some(Client::new(service, config.default_namespace.clone())))
}
