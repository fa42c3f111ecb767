//! What was seen, brought into the status: namespace, leader, proof, failure.
use jiff::Timestamp;

use super::{
    evidence,
    grant::is_proven,
    handover,
    next::{Draft, Word},
};
use crate::{
    api::{Failure, Grant, Leader, Mode, NamespaceRef, PausedTime, Running, Time, Upgrade},
    domain::{
        fleet::{Health, OwnEdit},
        object::{LeaseSeen, ObjectKey},
    },
};

/// How long a first install or a tenant's own edit may take before a person is told.
const PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

impl Draft<'_> {
    /// Brings what was seen into the status: namespace, leader, proof, failure.
    pub(super) fn observe(&mut self, word: Word) {
        let parameters = &self.facts.parameters;
        let key = ObjectKey {
            namespace: String::new(),
            name: parameters.namespace.clone(),
            group: String::new(),
            kind: "Namespace".into(),
        };
        if let Some(namespace) = self.seen.objects.get(&key) {
            self.status.namespace = Some(NamespaceRef { name: key.name, uid: namespace.uid.clone() });
        }
        if let Some(lease) = self.seen.lease.as_ref().filter(|l| l.known && !l.holder.is_empty()) {
            self.status.leader = Some(leader(lease));
        }
        let (Some(found), Some(grant)) = (&self.facts.evidence, self.facts.found.grant()) else { return };
        self.pause(found.health == Health::Proven);
        if found.health == Health::Proven {
            // Until the proof is on record the Lease is still looked at: without it there would be no proof.
            self.sample = self.seen.lease.is_some() && !is_proven(grant, self.facts.tenant.status.as_ref());
            self.proven(grant);
        } else {
            self.status.failure.clone_from(&found.failure);
            self.patience(grant);
            // Who is complete without a pod of his own is looked at, too: no look, no deadline.
            self.sample = self.facts.tenant.spec.mode == Mode::Active
                && (self.seen.lease.is_some() || found.complete || self.is_coming_up());
        }
        // A new leader has not looked at the Lease yet: its first look may be the proof.
        let looked = !found.complete || self.seen.lease.as_ref().is_some_and(|lease| lease.known);
        if let Some(order) = word.failure.filter(|_| found.failure.is_none() && looked) {
            self.status.failure = Some(Failure {
                revision: grant.revision.clone(),
                reason: order.reason.clone(),
                message: order.message.clone(),
                at: Time::millis(self.shared.now),
            });
        }
    }

    /// Whether a pod of what was granted is there: before, the Lease has nothing to tell but who led so far.
    fn is_coming_up(&self) -> bool {
        let rendered = self.facts.granted.as_ref().and_then(|rendered| rendered.as_ref().ok());
        rendered.is_some_and(|rendered| self.seen.pods.values().any(|pod| evidence::is_current(pod, rendered)))
    }

    /// Writes down for how long a tenant on its way is paused: time in which nothing is written for it is not its own.
    fn pause(&mut self, proven: bool) {
        let paused = self.facts.tenant.spec.mode == Mode::Paused && !proven;
        let now = self.shared.now;
        self.status.paused = match (self.status.paused, paused) {
            _ if proven => None,
            (None, true) => Some(PausedTime { since: Some(Time::millis(now)), milliseconds: 0 }),
            (Some(PausedTime { since: None, milliseconds }), true) => {
                Some(PausedTime { since: Some(Time::millis(now)), milliseconds })
            }
            (Some(PausedTime { since: Some(_), .. }), false) => {
                let milliseconds = paused_for(self.status.paused, now);
                Some(PausedTime { since: None, milliseconds })
            }
            (as_it_was, _) => as_it_was,
        };
    }

    /// Outside a rollout no wave's deadline watches a grant, so this one does.
    fn patience(&mut self, grant: &Grant) {
        let Ok(deadline) = grant.at.0.checked_add(PATIENCE) else { return };
        // What was proven once and falters now is Recovering, however old its grant.
        let proven = is_proven(grant, Some(&self.status));
        let own = self.facts.member.granted.as_ref().is_some_and(|granted| granted.own_edit == OwnEdit::AfterProof);
        if (grant.rollout.is_some() && !own) || proven {
            return;
        }
        self.overdue = deadline <= self.shared.now;
        if !self.overdue {
            self.wake_at(deadline);
        }
    }

    pub(super) fn proven(&mut self, grant: &Grant) {
        self.status.failure = None;
        if is_proven(grant, Some(&self.status)) {
            return;
        }
        let before = self.status.running.as_ref().map(|r| r.version.clone()).filter(|v| *v != grant.version);
        if let Some(from) = before {
            let rendered = self.facts.granted.as_ref().and_then(|rendered| rendered.as_ref().ok());
            let measured = rendered.and_then(|rendered| handover::measured(self.seen, rendered));
            self.status.last_upgrade = Some(Upgrade {
                from,
                to: grant.version.clone(),
                at: Time::seconds(self.shared.now),
                leaderless_milliseconds: measured.map(|lease| lease.leaderless_milliseconds),
                handovers: measured.map(|lease| lease.handovers),
            });
        }
        self.status.running = Some(Running {
            version: grant.version.clone(),
            revision: grant.revision.clone(),
            // Another leader's clock may have been ahead of ours when it granted this.
            since: Time::seconds(self.shared.now.max(grant.at.0)),
        });
    }
}

/// Milliseconds of all pauses, one that lasts included.
pub(super) fn paused_for(paused: Option<PausedTime>, now: Timestamp) -> i64 {
    let Some(PausedTime { since, milliseconds }) = paused else { return 0 };
    let lasting = since.map_or(0, |since| now.as_millisecond().saturating_sub(since.0.as_millisecond()));
    milliseconds.saturating_add(lasting.max(0))
}

fn leader(lease: &LeaseSeen) -> Leader {
    Leader {
        identity: lease.holder.chars().take(500).collect(),
        transitions: lease.transitions,
        since: lease.acquired.map(Time::seconds),
    }
}
