//! The Lease as it is on the wire: read what matters, keep the rest.
//!
//! Flows in: the API server's JSON. Flows out: the JSON of the next write, built on the very snapshot it replaces, so
//! that labels, annotations, owner references, `strategy`, `preferredHolder` and fields of a later Kubernetes survive.
//! It must never compare a stamp with a clock: `renewTime` is for people.
use std::{cmp::Ordering, hash, sync::Arc, time::Duration};

use jiff::{Timestamp, fmt::strtime};
use serde_json::{Map, Value, json};

/// Tells one acquisition from another, also those of two processes that use one identity by mistake.
pub const NONCE_ANNOTATION: &str = "leasehold.dev/nonce";
/// What a released Lease says: client-go writes one second, and nothing shorter is legal.
const RELEASED_SECONDS: i32 = 1;

/// An answer of the API server that is not a Lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a stored Lease: {0} is missing")]
pub struct Malformed(&'static str);

/// One snapshot of the Lease. Cheap to clone; equal when uid and resourceVersion are.
#[derive(Debug, Clone)]
pub struct Lease(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    raw: Value,
    uid: String,
    resource_version: String,
    holder: Option<String>,
    nonce: Option<String>,
    duration: Option<Duration>,
    transitions: i32,
}

/// The marks a candidate leaves on a Lease it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimant<'a> {
    pub identity: &'a str,
    pub nonce: &'a str,
    pub lease_duration: Duration,
}

impl PartialEq for Lease {
    fn eq(&self, other: &Self) -> bool {
        self.uid() == other.uid() && self.resource_version() == other.resource_version()
    }
}

impl Eq for Lease {}

impl hash::Hash for Lease {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        (self.uid(), self.resource_version()).hash(state);
    }
}

impl Lease {
    /// # Errors
    /// Without a uid and a resourceVersion it is no stored object, and no write could be guarded by it.
    pub fn parse(raw: Value) -> Result<Self, Malformed> {
        let text = |pointer| raw.pointer(pointer).and_then(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned);
        let number = |pointer| raw.pointer(pointer).and_then(Value::as_i64);
        let annotations = raw.pointer("/metadata/annotations");
        Ok(Self(Arc::new(Parsed {
            uid: text("/metadata/uid").ok_or(Malformed("metadata.uid"))?,
            resource_version: text("/metadata/resourceVersion").ok_or(Malformed("metadata.resourceVersion"))?,
            holder: text("/spec/holderIdentity"),
            nonce: annotations.and_then(|a| a.get(NONCE_ANNOTATION)).and_then(Value::as_str).map(str::to_owned),
            duration: number("/spec/leaseDurationSeconds").and_then(positive_seconds),
            transitions: clamp(number("/spec/leaseTransitions").unwrap_or(0)),
            raw,
        })))
    }

    #[must_use]
    pub fn uid(&self) -> &str {
        &self.0.uid
    }

    #[must_use]
    pub fn resource_version(&self) -> &str {
        &self.0.resource_version
    }

    /// None when the Lease is free: no holder, or an empty one.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        self.0.holder.as_deref()
    }

    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.0.nonce.as_deref()
    }

    /// The record's own duration; None when absent, zero or negative (which the API server does not store).
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.0.duration
    }

    /// Absent and negative read as zero.
    #[must_use]
    pub fn transitions(&self) -> i32 {
        self.0.transitions
    }

    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.0.raw
    }

    fn root(&self) -> Map<String, Value> {
        self.0.raw.as_object().cloned().unwrap_or_default()
    }

    /// Which snapshot is newer. Resource versions of one resource type are comparable numbers on every API server
    /// (KEP-5504); None when one of them is not a number, and then only a read can tell.
    #[must_use]
    pub fn age(&self, other: &Self) -> Option<Ordering> {
        let number = |lease: &Self| lease.resource_version().parse::<u128>().ok();
        if self == other { Some(Ordering::Equal) } else { Some(number(self)?.cmp(&number(other)?)) }
    }

    /// The body of the POST that creates a Lease and takes it: zero transitions.
    #[must_use]
    pub fn created(name: &str, namespace: &str, claimant: Claimant<'_>, now: Timestamp) -> Value {
        let mut root = Map::new();
        root.insert("apiVersion".into(), "coordination.k8s.io/v1".into());
        root.insert("kind".into(), "Lease".into());
        root.insert("metadata".into(), json!({"name": name, "namespace": namespace}));
        claim(&mut root, claimant, 0, now);
        Value::Object(root)
    }

    /// The body of the PUT that takes this Lease: one more transition, new stamps, our nonce.
    #[must_use]
    pub fn acquired(&self, claimant: Claimant<'_>, now: Timestamp) -> Value {
        let mut root = self.root();
        claim(&mut root, claimant, self.transitions().saturating_add(1), now);
        Value::Object(root)
    }

    /// The body of the PUT that renews this Lease: a new `renewTime`, holder, `acquireTime` and transitions as they are.
    #[must_use]
    pub fn renewed(&self, lease_duration: Duration, now: Timestamp) -> Value {
        let mut root = self.root();
        let spec = section(&mut root, "spec");
        spec.insert("leaseDurationSeconds".into(), whole_seconds(lease_duration).into());
        spec.insert("renewTime".into(), micro_time(now).into());
        Value::Object(root)
    }

    /// The body of the PUT that gives this Lease back: no holder, one second, both stamps now, transitions kept.
    #[must_use]
    pub fn released(&self, now: Timestamp) -> Value {
        let mut root = self.root();
        let transitions = self.transitions();
        let spec = section(&mut root, "spec");
        spec.insert("holderIdentity".into(), "".into());
        spec.insert("leaseDurationSeconds".into(), RELEASED_SECONDS.into());
        spec.insert("leaseTransitions".into(), transitions.into());
        spec.insert("acquireTime".into(), micro_time(now).into());
        spec.insert("renewTime".into(), micro_time(now).into());
        Value::Object(root)
    }
}

fn claim(root: &mut Map<String, Value>, claimant: Claimant<'_>, transitions: i32, now: Timestamp) {
    let metadata = section(root, "metadata");
    section(metadata, "annotations").insert(NONCE_ANNOTATION.into(), claimant.nonce.into());
    let spec = section(root, "spec");
    spec.insert("holderIdentity".into(), claimant.identity.into());
    spec.insert("leaseDurationSeconds".into(), whole_seconds(claimant.lease_duration).into());
    spec.insert("leaseTransitions".into(), transitions.into());
    spec.insert("acquireTime".into(), micro_time(now).into());
    spec.insert("renewTime".into(), micro_time(now).into());
}

/// The object under `key`, made when it is absent or not an object.
fn section<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = parent.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("made an object above")
}

/// Exactly six fractional digits: Go's `MicroTime` refuses anything else.
#[must_use]
pub fn micro_time(at: Timestamp) -> String {
    strtime::format("%Y-%m-%dT%H:%M:%S%.6fZ", at).unwrap_or_else(|_| "1970-01-01T00:00:00.000000Z".into())
}

fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn positive_seconds(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().filter(|s| *s > 0).map(Duration::from_secs)
}

fn clamp(transitions: i64) -> i32 {
    i32::try_from(transitions.max(0)).unwrap_or(i32::MAX)
}
