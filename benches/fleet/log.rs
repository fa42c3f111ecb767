//! The audit log, cut to a span of time and to one client.
use std::time::Duration;

use jiff::Timestamp;

use crate::support::{Audited, Cluster, USER_AGENT};

/// The present as the audit log writes it.
pub fn now() -> String {
    stamp(Timestamp::now())
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Milliseconds from one stamp to another.
pub fn millis(from: &str, to: &str) -> f64 {
    let parse = |text: &str| text.parse::<Timestamp>().expect("a stamp of the audit log");
    parse(to).duration_since(parse(from)).as_secs_f64() * 1000.0
}

/// What was asked since a moment.
pub struct Span {
    from: String,
    requests: Vec<Audited>,
}

/// A request of Leasehold's own election.
pub fn is_own_lease(request: &Audited) -> bool {
    request.resource == "leases" && request.namespace == "leasehold-system"
}

/// Leasehold and the harness share the admin's rights here; the harness says who it is.
fn is_ours(request: &Audited) -> bool {
    let components = ["cluster-up", "hollow", "kube-", "kubectl", "cluster/"];
    request.user == "admin"
        && request.user_agent != USER_AGENT
        && !components.iter().any(|other| request.user_agent.starts_with(other))
}

impl Span {
    pub fn since(cluster: &Cluster, from: &str) -> Self {
        let requests = cluster.requests(|r| r.received.as_str() >= from);
        Self { from: from.to_owned(), requests }
    }

    pub fn all(&self) -> &[Audited] {
        &self.requests
    }

    /// Leasehold's requests, but its long-lived watches, its own Lease and events. The watches of tenants' Leases count.
    pub fn ours(&self) -> Vec<&Audited> {
        let counts =
            |r: &Audited| !is_own_lease(r) && r.resource != "events" && (r.verb != "watch" || r.resource == "leases");
        self.requests.iter().filter(|r| is_ours(r) && counts(r)).collect()
    }

    pub fn our_writes(&self) -> Vec<&Audited> {
        let reads = ["get", "list", "watch"];
        self.ours().into_iter().filter(|r| !reads.contains(&r.verb.as_str())).collect()
    }

    fn until(&self, wanted: impl Fn(&Audited) -> bool) -> Duration {
        let last = self.requests.iter().filter(|r| wanted(r)).map(|r| r.received.as_str()).max().unwrap_or(&self.from);
        Duration::from_secs_f64(millis(&self.from, last) / 1000.0)
    }

    /// Until the last object of a stack was sent for the first time.
    pub fn objects_present(&self) -> Duration {
        self.until(|r| is_ours(r) && r.verb == "patch" && r.resource == "poddisruptionbudgets")
    }

    /// From our first write to the last template sent: what came before is the user's edit and the quiet period after it.
    pub fn change(&self) -> Duration {
        let first = self.our_writes().into_iter().map(|r| r.received.as_str()).min().unwrap_or(&self.from);
        let last = self.until(|r| is_ours(r) && r.verb == "patch" && r.resource == "deployments");
        last.saturating_sub(Duration::from_secs_f64(millis(&self.from, first) / 1000.0))
    }

    /// When the Role of that tenant was written by Leasehold.
    pub fn repair_of(&self, tenant: usize) -> Option<String> {
        let namespace = format!("tenant-bench-{tenant}");
        let found = self
            .requests
            .iter()
            .find(|r| is_ours(r) && r.verb == "patch" && r.resource == "roles" && r.namespace == namespace);
        found.map(|r| r.received.clone())
    }
}
