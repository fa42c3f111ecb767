//! Claim, then act: when a tenant needs a new grant, and what is on record before its first object is touched.
use std::{collections::BTreeSet, sync::Arc};

use super::{
    grant::{self, Found},
    next::Draft,
    stack::Rendered,
    step::Step,
};
use crate::{
    api::{Grant, Inventory},
    domain::{
        digest::{self, Revision},
        marks,
    },
    plan::rollout::GrantOrder,
};

/// `maxItems` of `status.inventory.entries`; a stack has at most half of it.
const MOST: usize = 128;

impl Draft<'_> {
    /// A grant that must be written now: the wave engine's, a first install, the tenant's own edit, a recovered one.
    pub(super) fn new_grant(&self, order: Option<&GrantOrder>) -> Option<(Grant, Arc<Rendered>)> {
        let (facts, shared) = (self.facts, self.shared);
        let candidate = facts.candidate.as_ref().ok();
        let (target, revision) = facts.desired.as_ref().ok()?;
        if let Some(order) = order.filter(|order| order.target == *target) {
            let grant = Grant {
                rollout: Some(order.rollout.clone()),
                wave: Some(order.wave.clone()),
                broken_before: order.broken_before,
                ..grant::first(&target.version, revision, shared.epoch, shared.now)
            };
            return Some((grant, candidate?.clone()));
        }
        match &facts.found {
            Found::New => {
                let release = shared.catalog.get(&facts.tenant.spec.operator, &target.version)?;
                let ready = release.facts.not_ready.is_none();
                let grant = grant::first(&target.version, revision, shared.epoch, shared.now);
                ready.then_some((grant, candidate?.clone()))
            }
            Found::Lost(_) => None,
            Found::Workload(old) => {
                let rendered = facts.granted.as_ref()?.as_ref().ok()?;
                Some((old.clone(), rendered.clone()))
            }
            Found::Status(old) => {
                let granted = Revision::parse(&old.revision)?;
                let own = facts.parameters.digest();
                let edited = granted.parameters != own;
                let rendered = facts.granted.as_ref()?.as_ref().ok().filter(|_| edited)?;
                let revision = Revision { release: granted.release, parameters: own };
                let proven = self.status.running.as_ref().is_some_and(|r| r.revision == old.revision);
                Some((grant::edited(old, &revision, proven, shared.epoch, shared.now), rendered.clone()))
            }
        }
    }

    /// Claim, then act: the grant and everything it will make are on record before the first object is.
    pub(super) fn claim(&mut self, grant: Grant, rendered: &Rendered) -> Step {
        let finalizers = self.facts.tenant.metadata.finalizers.as_deref().unwrap_or_default();
        if !finalizers.iter().any(|f| f == marks::FINALIZER) {
            return Step::AddFinalizer;
        }
        let mut entries: BTreeSet<String> = self.status.inventory.iter().flat_map(|i| i.entries.clone()).collect();
        entries.extend(rendered.objects.iter().map(|o| o.key.to_string()));
        self.status.inventory = Some(inventory(entries));
        if self.status.granted.as_ref().is_none_or(|old| old.revision != grant.revision) {
            self.status.failure = None;
            self.claimed = true;
        }
        self.status.paused = None;
        self.status.granted = Some(grant);
        Step::Status(Box::new(self.status.clone()))
    }
}

pub(super) fn inventory(entries: BTreeSet<String>) -> Inventory {
    // The bound of the field: a status that the API server refuses would stop the tenant.
    let entries: Vec<String> = entries.into_iter().take(MOST).collect();
    Inventory { digest: digest::of(&entries), entries }
}
