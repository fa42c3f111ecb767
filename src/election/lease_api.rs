//! The wire: one request of the core becomes one HTTP request, its answer one [`Answer`].
//!
//! Flows in: [`Request`]. Flows out: what the answer proves, and, when something is wrong, a sentence for people that
//! names verb, object and fix. It must never retry, never wait for `Retry-After`, never outlive its deadline: a request
//! that lands after the term is over is exactly what an election is there to prevent.
use futures::{StreamExt, stream::BoxStream};
use kube::{
    Client, Config,
    api::{GetParams, PostParams, WatchParams},
    core::{Request as Paths, Status, WatchEvent},
};
use serde_json::Value;

use super::{
    clock::{self, BootInstant},
    config::{ElectorConfig, Timings},
    core::{Answer, Author, Request},
    record::Lease,
};

/// The API server ends a watch by itself; a little under its own default, so that the end is an orderly one.
const WATCH_SECONDS: u32 = 240;

#[derive(Clone)]
pub(super) struct LeaseApi {
    client: Client,
    paths: Paths,
    author: Author,
    timings: Timings,
}

/// What a request proved, and what a person should know about it.
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) trouble: Option<String>,
}

/// A client of the election's own. kube retries 429, 503 and 504 by itself, sleeping for as long as `Retry-After`
/// says, up to fifteen times; and a saturated work client would hold up renewals.
pub(super) fn client(mut config: Config, timings: Timings) -> kube::Result<Client> {
    config.default_retry = false;
    config.connect_timeout = Some(timings.attempt_timeout());
    config.write_timeout = Some(timings.attempt_timeout());
    // Would also end every quiet watch; answers have deadlines of their own.
    config.read_timeout = None;
    Client::try_from(config)
}

impl LeaseApi {
    pub(super) fn new(client: Client, config: &ElectorConfig) -> Self {
        let author = Author {
            lease_name: config.lease_name.clone(),
            namespace: config.namespace.clone(),
            identity: config.identity.clone(),
            lease_duration: config.timings.lease_duration(),
        };
        let paths = Paths::new(format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", author.namespace));
        Self { client, paths, author, timings: config.timings }
    }

    /// Sends it, and drops it at the deadline.
    pub(super) async fn send(self, request: Request, deadline: BootInstant) -> Reply {
        let limit = BootInstant::now().until(deadline);
        match tokio::time::timeout(limit, self.exchange(&request)).await {
            Ok(Ok(lease)) => Reply { answer: Answer::Found(lease), trouble: None },
            Ok(Err(error)) => self.sort(&request, &error),
            Err(_) => Reply {
                answer: Answer::Unknown,
                trouble: Some(format!("no answer to {} within {limit:?}", self.describe(&request))),
            },
        }
    }

    async fn exchange(&self, request: &Request) -> kube::Result<Lease> {
        let params = PostParams::default();
        let built = match request.body(&self.author, clock::wall()) {
            None => self.paths.get(&self.author.lease_name, &GetParams::default()),
            Some(body) if matches!(request, Request::Create { .. }) => self.paths.create(&params, to_bytes(&body)),
            Some(body) => self.paths.replace(&self.author.lease_name, &params, to_bytes(&body)),
        };
        let value: Value = self.client.request(built.map_err(kube::Error::BuildRequest)?).await?;
        Lease::parse(value).map_err(|malformed| kube::Error::Service(Box::new(malformed)))
    }

    /// Starts a watch of this one Lease. From any recent state: what is old news is told apart by its version.
    pub(super) async fn watch(&self) -> kube::Result<BoxStream<'static, kube::Result<WatchEvent<Value>>>> {
        let params =
            WatchParams::default().fields(&format!("metadata.name={}", self.author.lease_name)).timeout(WATCH_SECONDS);
        let request = self.paths.watch(&params, "0").map_err(kube::Error::BuildRequest)?;
        Ok(self.client.request_events(request).await?.boxed())
    }

    pub(super) fn timings(&self) -> Timings {
        self.timings
    }

    fn sort(&self, request: &Request, error: &kube::Error) -> Reply {
        let kube::Error::Api(status) = error else {
            let trouble = Some(format!("{} failed: {error}", self.describe(request)));
            return Reply { answer: Answer::Unknown, trouble };
        };
        let answer = sort_status(request, status);
        let trouble = match answer {
            Answer::Conflict | Answer::NotFound => None,
            _ => Some(self.complain(request, status)),
        };
        Reply { answer, trouble }
    }

    fn complain(&self, request: &Request, status: &Status) -> String {
        let what = self.describe(request);
        let Status { code, message, .. } = status;
        match code {
            403 => format!(
                "{what} is forbidden: grant get, list, watch, create, update on leases.coordination.k8s.io in \
                 namespace {}; the API server says: {message}",
                self.author.namespace
            ),
            401 => format!("{what} is unauthorized: the credentials are not accepted ({message})"),
            _ => format!("{what} failed with {code}: {message}"),
        }
    }

    fn describe(&self, request: &Request) -> String {
        let verb = match request {
            Request::Read => "get",
            Request::Create { .. } => "create",
            Request::Acquire { .. } | Request::Renew { .. } | Request::Release { .. } => "update",
        };
        format!("{verb} of lease {}/{}", self.author.namespace, self.author.lease_name)
    }
}

fn sort_status(request: &Request, status: &Status) -> Answer {
    match status.code {
        404 if matches!(request, Request::Create { .. }) => Answer::Refused,
        404 => Answer::NotFound,
        409 => Answer::Conflict,
        // The server or a proxy gave up waiting: what it waited for may have happened.
        408 => Answer::Unknown,
        400..=499 => Answer::Refused,
        _ => Answer::Unknown,
    }
}

fn to_bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}
