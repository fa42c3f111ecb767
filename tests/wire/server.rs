//! An API server of answers: every request is handed to the test, which looks at its bytes and says what comes back.
use std::{convert::Infallible, net::SocketAddr, time::Duration};

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Bytes, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

type Body = BoxBody<Bytes, Infallible>;

pub const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/tenant-acme/leases";
pub const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/tenant-acme/leases/memcached.cache.example.com";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/tenant-acme/events";
/// A test that waits for a request that never comes fails, not hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// One request, waiting for its answer. Dropped unanswered, the connection breaks.
#[derive(Debug)]
pub struct Exchange {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: http::HeaderMap,
    pub bytes: String,
    pub body: Value,
    answer: oneshot::Sender<Response<Body>>,
}

/// The test's end of a watch.
#[derive(Debug)]
pub struct Watch(mpsc::UnboundedSender<Result<Frame<Bytes>, Infallible>>);

pub struct Server {
    pub address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Exchange>,
    watches: mpsc::UnboundedReceiver<Exchange>,
    events: mpsc::UnboundedReceiver<Exchange>,
    _accepting: JoinSet<()>,
}

#[derive(Clone)]
struct Desk {
    requests: mpsc::UnboundedSender<Exchange>,
    watches: mpsc::UnboundedSender<Exchange>,
    events: mpsc::UnboundedSender<Exchange>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let (requests_in, requests) = mpsc::unbounded_channel();
        let (watches_in, watches) = mpsc::unbounded_channel();
        let (events_in, events) = mpsc::unbounded_channel();
        let desk = Desk { requests: requests_in, watches: watches_in, events: events_in };
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, desk));
        Self { address, requests, watches, events, _accepting: accepting }
    }

    pub fn kube(&self) -> kube::Config {
        kube::Config::new(format!("http://{}", self.address).parse().expect("a url"))
    }

    /// The next request for the Lease itself.
    pub async fn next(&mut self) -> Exchange {
        let next = tokio::time::timeout(PATIENCE, self.requests.recv()).await;
        next.expect("a request within a minute").expect("the server is up")
    }

    pub async fn expect(&mut self, method: &Method, path: &str) -> Exchange {
        let exchange = self.next().await;
        assert_eq!((&exchange.method, exchange.path.as_str()), (method, path), "{}", exchange.bytes);
        exchange
    }

    pub async fn expect_get(&mut self) -> Exchange {
        self.expect(&Method::GET, LEASE).await
    }

    pub async fn expect_put(&mut self) -> Exchange {
        self.expect(&Method::PUT, LEASE).await
    }

    pub async fn expect_post(&mut self) -> Exchange {
        self.expect(&Method::POST, LEASES).await
    }

    pub async fn next_watch(&mut self) -> Exchange {
        let next = tokio::time::timeout(PATIENCE, self.watches.recv()).await;
        let exchange = next.expect("a watch within a minute").expect("the server is up");
        assert_eq!(exchange.path, LEASES);
        exchange
    }

    pub async fn expect_watch(&mut self) -> Watch {
        self.next_watch().await.stream()
    }

    /// The next watch; reads that come before it are answered with the given Lease.
    pub async fn watch_while_reading(&mut self, lease: &Value) -> Watch {
        loop {
            tokio::select! {
                watch = self.watches.recv() => return watch.expect("the server is up").stream(),
                get = self.requests.recv() => get.expect("the server is up").with(StatusCode::OK, lease),
            }
        }
    }

    /// A request that has come and was not looked at yet.
    pub fn waiting(&mut self) -> Option<Exchange> {
        self.requests.try_recv().ok()
    }

    pub async fn expect_event(&mut self) -> Exchange {
        let next = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        next.expect("an event within a minute").expect("the server is up")
    }

    /// Ends every watch as soon as it is opened, until the test is over; says how many there were.
    pub async fn end_watches_during(&mut self, renewals: usize, version: &mut u64) -> usize {
        let mut ended = 0;
        let mut left = renewals;
        while left > 0 {
            tokio::select! {
                watch = self.watches.recv() => {
                    drop(watch.expect("the server is up").stream());
                    ended += 1;
                }
                put = self.requests.recv() => {
                    *version += 1;
                    put.expect("the server is up").store(&version.to_string());
                    left -= 1;
                }
            }
        }
        ended
    }
}

impl Exchange {
    pub fn with(self, status: StatusCode, body: &Value) {
        self.raw(Response::builder().status(status), body.to_string());
    }

    pub fn with_header(self, status: StatusCode, name: &'static str, value: &'static str, body: &Value) {
        self.raw(Response::builder().status(status).header(name, value), body.to_string());
    }

    pub fn raw(self, response: http::response::Builder, body: String) {
        let body = http_body_util::Full::new(Bytes::from(body)).boxed();
        let response = response.header(header::CONTENT_TYPE, "application/json").body(body).expect("a response");
        // The client may have given up: that is then what the test is about.
        let _ = self.answer.send(response);
    }

    /// What was sent, stored: as the API server answers a POST or PUT.
    pub fn store(self, version: &str) -> Value {
        let mut stored = self.body.clone();
        let created = self.method == Method::POST;
        if created {
            stored["metadata"]["uid"] = json!("5f1c7a2e-0000-4000-8000-000000000001");
            stored["metadata"]["creationTimestamp"] = json!("2026-07-08T01:02:03Z");
        }
        stored["metadata"]["resourceVersion"] = json!(version);
        self.with(if created { StatusCode::CREATED } else { StatusCode::OK }, &stored);
        stored
    }

    pub fn fail(self, code: u16, reason: &str, message: &str) {
        self.with(StatusCode::from_u16(code).expect("a status"), &status(code, reason, message));
    }

    pub fn not_found(self) {
        self.fail(404, "NotFound", "leases.coordination.k8s.io \"memcached.cache.example.com\" not found");
    }

    pub fn conflict(self) {
        self.fail(409, "Conflict", "the object has been modified; please apply your changes to the latest version");
    }

    /// The client is gone: it gave the request up.
    pub async fn given_up(mut self) {
        let gone = tokio::time::timeout(PATIENCE, self.answer.closed()).await;
        gone.expect("the client gives up within a minute");
    }

    pub fn stream(self) -> Watch {
        let (sender, mut frames) = mpsc::unbounded_channel();
        let stream = futures::stream::poll_fn(move |cx| frames.poll_recv(cx));
        let body = StreamBody::new(stream).boxed();
        let response = Response::builder().header(header::CONTENT_TYPE, "application/json").body(body);
        let _ = self.answer.send(response.expect("a response"));
        Watch(sender)
    }
}

impl Watch {
    pub fn send(&self, kind: &str, object: &Value) {
        let line = json!({"type": kind, "object": object}).to_string() + "\n";
        let _ = self.0.send(Ok(Frame::data(Bytes::from(line))));
    }

    /// The client has dropped this watch.
    pub async fn dropped(&self) {
        tokio::time::timeout(PATIENCE, self.0.closed()).await.expect("the client drops the watch within a minute");
    }
}

pub fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code})
}

async fn accept(listener: TcpListener, desk: Desk) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let desk = desk.clone();
        let service = service_fn(move |request| handle(request, desk.clone()));
        connections.spawn(async move { http1::Builder::new().serve_connection(TokioIo::new(stream), service).await });
    }
}

async fn handle(request: Request<Incoming>, desk: Desk) -> Result<Response<Body>, String> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
    let bytes = String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string())?;
    let (answer, answered) = oneshot::channel();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let exchange = Exchange {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: serde_json::from_str(&bytes).unwrap_or(Value::Null),
        bytes,
        answer,
        query,
    };
    let watching = exchange.query.contains("watch=true");
    let desk = match exchange.path.as_str() {
        EVENTS => &desk.events,
        _ if watching => &desk.watches,
        _ => &desk.requests,
    };
    desk.send(exchange).map_err(|_| "the test is over".to_owned())?;
    answered.await.map_err(|_| "the test resets the connection".to_owned())
}
