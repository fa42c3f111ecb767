//! In: a request as it arrived, later its answer. Out: the line of the log. Never: more of an object than the
//! identities that invariants are checked on, but for the body of a write.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::Value;

use super::target::Target;

/// The annotation that carries the writer's epoch (the Lease's UID and the `leaseTransitions` of the term it acts in).
const EPOCH: &str = "leasehold.dev/epoch";

/// One request through a proxy.
#[derive(Debug, Clone)]
pub struct Request {
    /// Order of arrival over all proxies of this test binary: sort merged logs by it.
    pub seq: u64,
    /// Since the first request of the test binary.
    pub at: Duration,
    /// The name the proxy was given.
    pub process: String,
    pub target: Target,
    /// In the body's annotations, as text.
    pub epoch: Option<String>,
    /// `metadata.uid` of the body, or the UID precondition of a delete.
    pub uid: Option<String>,
    /// `metadata.resourceVersion` of the body, or that precondition of a delete.
    pub resource_version: Option<String>,
    pub field_manager: Option<String>,
    /// Empty for what is not a write.
    pub body: Bytes,
    /// What the API server answered, whatever the process got to see. `None`: nothing, yet or ever.
    pub code: Option<u16>,
    /// `metadata.resourceVersion` of the answer.
    pub resource_version_out: Option<String>,
    /// By which the API server's own audit log knows it.
    pub audit_id: Option<String>,
    /// What was done to it, in words.
    pub faults: Vec<String>,
}

impl Request {
    pub(super) fn new(process: &str, target: Target, query: &str, body: &Bytes) -> Self {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        static SEQ: AtomicU64 = AtomicU64::new(1);
        let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
        let about = if target.verb.starts_with("delete") { &parsed["preconditions"] } else { &parsed["metadata"] };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let manager = query.split('&').find_map(|pair| pair.strip_prefix("fieldManager="));
        Self {
            seq: SEQ.fetch_add(1, Ordering::Relaxed),
            at: BEGAN.elapsed(),
            process: process.to_owned(),
            epoch: text(&parsed["metadata"]["annotations"][EPOCH]),
            uid: text(&about["uid"]),
            resource_version: text(&about["resourceVersion"]),
            field_manager: manager.map(|manager| manager.replace("%2F", "/")),
            body: if matches!(target.verb.as_str(), "get" | "list" | "watch") { Bytes::new() } else { body.clone() },
            code: None,
            resource_version_out: None,
            audit_id: None,
            faults: Vec::new(),
            target,
        }
    }

    /// Whether the API server is asked to change something that it stores.
    pub fn is_write(&self) -> bool {
        let reviews = ["authorization.k8s.io", "authentication.k8s.io"].contains(&self.target.group.as_str());
        let verbs = ["create", "update", "patch", "apply", "delete", "deletecollection"];
        verbs.contains(&self.target.verb.as_str()) && !self.target.dry_run && !reviews
    }

    /// A write that is about tenants: neither the leader election's own Lease nor an event.
    pub fn is_work(&self) -> bool {
        self.is_write() && !["leases", "events"].contains(&self.target.resource.as_str())
    }

    /// Whether the API server took it.
    pub fn succeeded(&self) -> bool {
        self.code.is_some_and(|code| (200..300).contains(&code))
    }

    /// The object in the body of a write; `Null` without one.
    pub fn object(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(super) fn answered(&mut self, code: u16, body: Option<&Bytes>) {
        self.code = Some(code);
        let parsed: Value = body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let version = parsed["metadata"]["resourceVersion"].as_str();
        self.resource_version_out = version.filter(|version| !version.is_empty()).map(str::to_owned);
    }
}

impl std::ops::Deref for Request {
    type Target = Target;
    fn deref(&self) -> &Target {
        &self.target
    }
}

/// `12 1.204s leasehold-0 epoch=5f0e/3 apply apps/deployments/acme/operator uid=- rv=- -> 200 rv=512 [kill]`
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let code = self.code.map_or_else(|| "no answer".to_owned(), |code| code.to_string());
        write!(f, "{} {:.3}s {} epoch={} ", self.seq, self.at.as_secs_f64(), self.process, or_dash(&self.epoch))?;
        let target = &self.target;
        let subject = [&target.group, &target.resource, &target.subresource, &target.namespace, &target.name];
        let subject: Vec<&str> = subject.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let subject = if subject.is_empty() { target.path.clone() } else { subject.join("/") };
        write!(f, "{} {subject} uid={} rv={}", target.verb, or_dash(&self.uid), or_dash(&self.resource_version))?;
        write!(f, " -> {code} rv={}", or_dash(&self.resource_version_out))?;
        if self.faults.is_empty() { Ok(()) } else { write!(f, " {:?}", self.faults) }
    }
}
