//! The API server's side of a Lease, as seen on 1.36, in a few dozen lines.
use std::hash::{DefaultHasher, Hash, Hasher};

use leasehold::election::{
    core::{Answer, Author, Request, Setup, Sighting},
    record::Lease,
};
use serde_json::{Value, json};

pub const NAME: &str = "memcached.cache.example.com";
pub const NAMESPACE: &str = "tenant-acme";

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Store {
    pub lease: Option<Lease>,
    revision: u64,
    uids: u64,
    /// Broken promises, found while writing.
    pub violations: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Ok,
    Conflict,
    Invalid,
}

impl Store {
    pub fn with(spec: &Value) -> Self {
        let mut store = Self::default();
        store.post(json!({"metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec}));
        store
    }

    /// A Lease that somebody else holds, led for the given time.
    pub fn held_by(holder: &str, seconds: i64) -> Self {
        Self::with(&json!({"holderIdentity": holder, "leaseDurationSeconds": seconds, "leaseTransitions": 3}))
    }

    pub fn current(&self) -> Option<Lease> {
        self.lease.clone()
    }

    pub fn raw(&self) -> &Value {
        self.lease.as_ref().expect("there is a Lease").raw()
    }

    pub fn spec(&self, field: &str) -> &Value {
        &self.raw()["spec"][field]
    }

    pub fn holder(&self) -> Option<String> {
        self.current().and_then(|l| l.holder().map(str::to_owned))
    }

    pub fn transitions(&self) -> i32 {
        self.current().map_or(-1, |l| l.transitions())
    }

    pub fn post(&mut self, mut body: Value) -> Status {
        if self.lease.is_some() {
            return Status::Conflict;
        }
        self.uids += 1;
        body["metadata"]["uid"] = json!(format!("uid-{}", self.uids));
        self.store(body);
        Status::Ok
    }

    /// No resourceVersion: 422. A foreign uid: 409, also on a deleted Lease. An old version on a deleted Lease without
    /// a uid *re-creates* it: seen on 1.36, and the reason why every PUT carries the uid.
    pub fn put(&mut self, mut body: Value) -> Status {
        let sent = |field: &str| body["metadata"][field].as_str().unwrap_or_default().to_owned();
        let (uid, version) = (sent("uid"), sent("resourceVersion"));
        if version.is_empty() {
            return Status::Invalid;
        }
        let Some(current) = &self.lease else {
            return if uid.is_empty() { self.post(body) } else { Status::Conflict };
        };
        let stored_uid = json!(current.uid());
        if (!uid.is_empty() && current.uid() != uid) || current.resource_version() != version {
            return Status::Conflict;
        }
        body["metadata"]["uid"] = stored_uid;
        self.store(body);
        Status::Ok
    }

    /// Somebody with kubectl.
    pub fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        let mut body = self.raw().clone();
        change(&mut body);
        self.store(body);
    }

    pub fn delete(&mut self) -> Option<Lease> {
        let mut last = self.lease.take()?.raw().clone();
        self.revision += 1;
        last["metadata"]["resourceVersion"] = json!((u128::from(self.revision) << 64).to_string());
        Some(Lease::parse(last).expect("the store holds Leases"))
    }

    /// etcd comes back from a snapshot: old data, and revisions that were already used.
    pub fn restore(&mut self, snapshot: &Self) {
        self.lease.clone_from(&snapshot.lease);
        self.revision = snapshot.revision;
    }

    /// Versions grow, and name their content: explored worlds in which different things were written do not share one.
    fn store(&mut self, mut body: Value) {
        let mut content = DefaultHasher::new();
        body.hash(&mut content);
        self.revision += 1;
        let version = (u128::from(self.revision) << 64) + u128::from(content.finish());
        body["metadata"]["resourceVersion"] = json!(version.to_string());
        self.lease = Some(Lease::parse(body).expect("it has a uid and a version"));
    }

    /// Carries out a candidate's request, and holds the promises that a store can see.
    pub fn apply(&mut self, setup: &Setup, request: &Request) -> Answer {
        let before = self.current();
        let status = match (request, request.body(&author(setup), jiff::Timestamp::UNIX_EPOCH)) {
            (_, None) => return self.current().map_or(Answer::NotFound, Answer::Found),
            (Request::Create { .. }, Some(body)) => self.post(body),
            (_, Some(body)) => {
                if body["metadata"]["uid"].as_str().is_none() {
                    self.violations.push(format!("a PUT without a uid: {request:?}"));
                }
                self.put(body)
            }
        };
        match status {
            Status::Ok => {
                self.judge(setup, request, before.as_ref());
                Answer::Found(self.current().expect("just stored"))
            }
            Status::Conflict => Answer::Conflict,
            Status::Invalid => Answer::Refused,
        }
    }

    fn judge(&mut self, setup: &Setup, request: &Request, before: Option<&Lease>) {
        let after = self.current().expect("just stored");
        let own = |lease: &Lease| {
            lease.holder() == Some(&setup.identity) && lease.nonce().is_some_and(|n| n.starts_with(&setup.nonce))
        };
        if matches!(request, Request::Release { .. } | Request::Renew { .. }) && !before.is_some_and(own) {
            self.violations.push(format!("{} wrote {request:?} over {before:?}", setup.identity));
        }
        if let Some(before) = before.filter(|b| b.uid() == after.uid()) {
            let grown = i64::from(after.transitions()) - i64::from(before.transitions());
            let acquiring = matches!(request, Request::Acquire { .. });
            if grown != i64::from(acquiring && before.transitions() < i32::MAX) {
                self.violations.push(format!("transitions grew by {grown} on {request:?}"));
            }
        }
    }
}

pub fn author(setup: &Setup) -> Author {
    Author {
        lease_name: NAME.into(),
        namespace: NAMESPACE.into(),
        identity: setup.identity.clone(),
        lease_duration: setup.timings.lease_duration(),
    }
}

pub fn present(store: &Store) -> Sighting {
    Sighting::Present(store.current().expect("there is a Lease"))
}
