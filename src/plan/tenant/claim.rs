//! Claim, then act: when a tenant needs a new grant, and what is on record before its first object is touched.
use std::{collections::BTreeSet, sync::Arc};

use super::{
    grant::{self, Found},
    next::Draft,
    stack::Rendered,
    step::Step,
};
use crate::{
    api::{Grant, Inventory, Rejected, RolloutTarget, Time},
    domain::{
        digest::{self, Revision},
        marks,
    },
    plan::rollout::GrantOrder,
};

/// `maxItems` of `status.rejected`.
const REMEMBERED: usize = 16;
/// `maxItems` of `status.inventory.entries`; a stack has at most half of it.
const MOST: usize = 128;

impl Draft<'_> {
    /// A grant that must be written now: the wave engine's, a first install, the tenant's own edit, a recovered one.
    pub(super) fn new_grant(&mut self, order: Option<&GrantOrder>) -> Option<(Grant, Arc<Rendered>)> {
        if let Some(order) = order {
            return self.ordered(order);
        }
        let (facts, shared) = (self.facts, self.shared);
        let candidate = facts.candidate.as_ref().ok();
        match &facts.found {
            Found::New => {
                let (target, revision) = facts.desired.as_ref().ok()?;
                let release = shared.catalog.get(&facts.tenant.spec.operator, &target.version)?;
                let ready = release.facts.not_ready.is_none();
                let settings = facts.parameters.settings();
                let grant = grant::first(&target.version, revision, settings, shared.epoch, shared.now);
                ready.then_some((grant, candidate?.clone()))
            }
            Found::Lost(_) => None,
            Found::Workload(old) => {
                let rendered = facts.granted.as_ref()?.as_ref().ok()?;
                Some((old.clone(), rendered.clone()))
            }
            Found::Status(old) => {
                let granted = Revision::parse(&old.revision)?;
                let own = facts.parameters.digest().to_owned();
                let edited = granted.parameters != own;
                let rendered = facts.granted.as_ref()?.as_ref().ok().filter(|_| edited)?;
                let revision = Revision { release: granted.release, parameters: own };
                let proven = grant::is_proven(old, Some(&self.status));
                Some((grant::edited(old, &revision, proven, shared.epoch, shared.now), rendered.clone()))
            }
        }
    }

    /// The wave engine's grant: what the tenant asks for, a step on the way there, or what it had before. What is not asked
    /// for was not looked at yet: where it does not fit the tenant, the tenant says so and stays as it is.
    fn ordered(&mut self, order: &GrantOrder) -> Option<(Grant, Arc<Rendered>)> {
        let (facts, shared) = (self.facts, self.shared);
        let revision =
            Revision { release: order.target.digest.clone(), parameters: facts.parameters.digest().to_owned() };
        let before = self.status.running.as_ref().map(|running| (&running.version, &running.revision));
        let before = before.or_else(|| facts.found.grant().map(|grant| (&grant.version, &grant.revision)));
        let from = before.and_then(|(version, revision)| {
            Some(RolloutTarget { version: version.clone(), digest: Revision::parse(revision)?.release })
        });
        let grant = Grant {
            rollout: Some(order.rollout.clone()),
            wave: Some(order.wave.clone()),
            broken_before: order.broken_before,
            from: from.filter(|from| *from != order.target),
            towards: order.towards.clone(),
            ..grant::first(&order.target.version, &revision, facts.parameters.settings(), shared.epoch, shared.now)
        };
        let asked = facts.desired.as_ref().is_ok_and(|(target, _)| *target == order.target);
        let rendered = match &facts.candidate {
            Ok(candidate) if asked => Ok(candidate.clone()),
            _ => facts.render(&order.target, &grant, shared),
        };
        match rendered {
            Ok(rendered) => {
                self.reject(order);
                Some((grant, rendered))
            }
            Err(report) => {
                self.refused = Some(report);
                None
            }
        }
    }

    /// Remembers what the tenant is taken back from, in the very write that takes it back: whatever still asks for it, it is
    /// not granted again by itself.
    fn reject(&mut self, order: &GrantOrder) {
        let Some(target) = &order.reject else { return };
        let revision =
            Revision { release: target.digest.clone(), parameters: self.facts.parameters.digest().to_owned() };
        let rejected = Rejected {
            revision: revision.to_string(),
            reason: format!("{} was taken back by rollout {}", target.version, order.rollout)
                .chars()
                .take(256)
                .collect(),
            at: Time::seconds(self.shared.now),
        };
        let list = &mut self.status.rejected;
        list.retain(|old| Revision::parse(&old.revision).is_none_or(|old| old.release != target.digest));
        list.push(rejected);
        // The bound of the field: the oldest is forgotten first.
        list.drain(..list.len().saturating_sub(REMEMBERED));
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

pub(super) fn inventory(entries: BTreeSet<String>) -> Arc<Inventory> {
    // The bound of the field: a status that the API server refuses would stop the tenant.
    let entries: Vec<String> = entries.into_iter().take(MOST).collect();
    Arc::new(Inventory { digest: digest::of(&entries), entries })
}
