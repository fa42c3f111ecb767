//! In: a Tenant as the API server has it. Out: what a person, or a program that knows kstatus, reads from it.

use leasehold::api::{Condition, Tenant};

/// What a Tenant's status says.
pub trait Looks {
    fn condition(&self, kind: &str) -> Option<&Condition>;
    fn running(&self) -> &str;
    fn granted(&self) -> &str;
    /// Ready, up to date, at rest, and said so about this very generation.
    fn settled(&self) -> bool;

    fn holds(&self, kind: &str) -> bool {
        self.condition(kind).is_some_and(|condition| condition.status == "True")
    }

    fn reason(&self, kind: &str) -> &str {
        self.condition(kind).map_or("", |condition| &condition.reason)
    }

    fn message(&self, kind: &str) -> String {
        self.condition(kind).map(|condition| condition.message.clone()).unwrap_or_default()
    }
}

impl Looks for Tenant {
    fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == kind)
    }

    fn running(&self) -> &str {
        self.status.as_ref().and_then(|status| status.running.as_ref()).map_or("", |running| &running.version)
    }

    fn granted(&self) -> &str {
        self.status.as_ref().and_then(|status| status.granted.as_ref()).map_or("", |granted| &granted.version)
    }

    fn settled(&self) -> bool {
        let seen = self.status.as_ref().map(|status| status.observed_generation);
        seen == self.metadata.generation && self.holds("Ready") && self.holds("UpToDate") && !self.holds("Reconciling")
    }
}

/// What kstatus, and so Argo CD, Flux and `kubectl wait`, make of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KStatus {
    InProgress,
    Current,
    Failed,
    Terminating,
}

/// The generic rules of kstatus for custom resources.
pub fn kstatus(tenant: &Tenant) -> KStatus {
    if tenant.metadata.deletion_timestamp.is_some() {
        return KStatus::Terminating;
    }
    let observed = tenant.status.as_ref().map(|status| status.observed_generation);
    if observed != tenant.metadata.generation {
        return KStatus::InProgress;
    }
    if tenant.holds("Reconciling") {
        return KStatus::InProgress;
    }
    if tenant.holds("Stalled") {
        return KStatus::Failed;
    }
    if tenant.condition("Ready").is_some() && !tenant.holds("Ready") {
        return KStatus::InProgress;
    }
    KStatus::Current
}
