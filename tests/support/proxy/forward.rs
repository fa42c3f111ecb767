//! In: connections of the process. Out: each request to the API server and its answer back, through the faults that it
//! meets. Never: takes two requests of one connection at once (HTTP/1.1).

use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, http};
use hyper_util::rt::TokioIo;
use kube::config::AuthInfo;
use kube::{Client, Config};
use tokio::sync::watch;

use super::Link;
use super::answer::{Body, Broken, status, streamed, whole, without_items};
use super::request::Request;
use super::rule::{Fault, Rules};
use super::socket::{ResetFlag, Socket};
use super::target::Target;
use super::watch::events;
use crate::support::process::Killer;

/// What the proxy's thread and the test both see.
pub(super) struct Shared {
    pub name: String,
    pub rules: Mutex<Rules>,
    pub log: Mutex<Vec<Request>>,
    pub link: watch::Sender<Link>,
    pub process: watch::Sender<Option<Killer>>,
}

impl Shared {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            rules: Mutex::default(),
            log: Mutex::default(),
            link: watch::Sender::new(Link::Open),
            process: watch::Sender::new(None),
        }
    }

    fn note(&self, place: usize, change: impl FnOnce(&mut Request)) {
        change(&mut self.log.lock().unwrap()[place]);
    }
}

/// The ways to the API server: as the kubeconfig's user, or with the process's own bearer token.
struct Upstream {
    own: Client,
    bare: Client,
    shared: Arc<Shared>,
}

pub(super) async fn serve(listener: TcpListener, mut config: Config, shared: Arc<Shared>) {
    config.default_retry = false;
    let mut bare = config.clone();
    bare.auth_info = AuthInfo::default();
    let client = |config| Client::try_from(config).expect("the kubeconfig was read before");
    let upstream = Arc::new(Upstream { own: client(config), bare: client(bare), shared });
    let listener = tokio::net::TcpListener::from_std(listener).expect("it is non-blocking");
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let (socket, reset) = Socket::new(stream);
        let upstream = Arc::clone(&upstream);
        let service = service_fn(move |request| {
            let (upstream, reset) = (Arc::clone(&upstream), ResetFlag::clone(&reset));
            // What was sent arrives, and is logged, whatever becomes of its sender meanwhile.
            let passage = tokio::spawn(async move { upstream.handle(request, reset).await });
            async move { passage.await.unwrap_or(Err(Broken)) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    }
}

/// One request on its way.
struct Passage {
    request: http::Request<Bytes>,
    place: usize,
    reset: ResetFlag,
}

impl Upstream {
    async fn handle(&self, incoming: http::Request<Incoming>, reset: ResetFlag) -> Result<Response<Body>, Broken> {
        if incoming.headers().contains_key(hyper::header::UPGRADE) {
            return Ok(status(501, None));
        }
        let (parts, body) = incoming.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        let query = parts.uri.query().unwrap_or_default();
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let target = Target::of(&parts.method, parts.uri.path(), query, content_type);
        let request = Request::new(&self.shared.name, target, query, &body);
        let faults = self.shared.rules.lock().unwrap().meet(&request);
        let watching = request.verb == "watch" || query.contains("follow=true");
        let place = {
            let mut log = self.shared.log.lock().unwrap();
            log.push(request);
            log.len() - 1
        };
        let passage = Passage { request: http::Request::from_parts(parts, body), place, reset };
        if let Some(answer) = self.strike(&passage, &faults.before).await? {
            return Ok(answer);
        }
        self.open(|link| link != Link::RequestsHeld).await;
        let (parts, upstream) = self.send(&passage).await?.into_parts();
        let audit_id = parts.headers.get("audit-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        self.shared.note(place, |request| request.audit_id = audit_id);
        let body = if watching && parts.status.is_success() {
            self.note_watch(&passage, parts.status.as_u16(), &faults.of_watch);
            let link = self.shared.link.subscribe();
            streamed(events(upstream, &faults.of_watch, link, ResetFlag::clone(&passage.reset)))
        } else {
            let bytes = upstream.collect_bytes().await.map_err(|_| passage.broken())?;
            self.shared.note(place, |request| request.answered(parts.status.as_u16(), Some(&bytes)));
            whole(bytes)
        };
        if let Some(answer) = self.strike(&passage, &faults.after).await? {
            return Ok(answer);
        }
        self.open(|link| link != Link::AnswersHeld).await;
        let mut answer = Response::new(body);
        *answer.status_mut() = parts.status;
        *answer.headers_mut() = parts.headers;
        for header in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            answer.headers_mut().remove(header);
        }
        Ok(answer)
    }

    async fn send(&self, passage: &Passage) -> Result<Response<kube::client::Body>, Broken> {
        let (parts, body) = passage.request.clone().into_parts();
        let mut request = http::Request::from_parts(parts, kube::client::Body::from(body));
        for header in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, ACCEPT_ENCODING] {
            request.headers_mut().remove(header);
        }
        let client = if request.headers().contains_key(AUTHORIZATION) { &self.bare } else { &self.own };
        client.send(request).await.map_err(|error| {
            self.shared.note(passage.place, |request| request.faults.push(format!("upstream: {error}")));
            passage.broken()
        })
    }

    fn note_watch(&self, passage: &Passage, code: u16, faults: &[Fault]) {
        self.shared.note(passage.place, |request| {
            request.answered(code, None);
            request.faults.extend(faults.iter().map(|fault| format!("{fault:?}")));
        });
    }

    async fn open(&self, wanted: impl Fn(Link) -> bool) {
        let _ = self.shared.link.subscribe().wait_for(|link| wanted(*link)).await;
    }

    /// An answer, or `Broken`, when one of `faults` ends the passage.
    async fn strike(&self, passage: &Passage, faults: &[Fault]) -> Result<Option<Response<Body>>, Broken> {
        for fault in faults {
            self.shared.note(passage.place, |request| request.faults.push(format!("{fault:?}")));
            match fault {
                Fault::Delay(by) => tokio::time::sleep(*by).await,
                Fault::Hang => std::future::pending().await,
                Fault::Reset => return Err(passage.broken()),
                Fault::Status { code, retry_after_seconds } => return Ok(Some(status(*code, *retry_after_seconds))),
                Fault::Kill => {
                    self.kill().await;
                    return Err(passage.broken());
                }
                Fault::Hook(hook) => {
                    let request = self.shared.log.lock().unwrap()[passage.place].clone();
                    hook(&request);
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Returns when the process is gone, so that nothing it does can follow.
    async fn kill(&self) {
        let mut process = self.shared.process.subscribe();
        let killer = process.wait_for(Option::is_some).await.ok().and_then(|killer| killer.clone());
        if let Some(killer) = killer {
            killer.kill().await;
        }
    }
}

impl Passage {
    fn broken(&self) -> Broken {
        self.reset.store(true, Ordering::Relaxed);
        Broken
    }
}
