//! Keeps a stack as granted: applies what is missing, changed or drifted, then prunes what is no longer rendered.
use std::collections::BTreeSet;

use super::{
    claim::inventory,
    evidence,
    grant::is_proven,
    handover::{self, Before},
    memo::Memo,
    next::Draft,
    stack::{self, Rendered},
    step::{Apply, Step, Target, Why},
};
use crate::{
    domain::{
        fleet::Health,
        marks,
        object::{Seen, pod_of},
        report::Motion,
    },
    plan::catalog::Release,
};

/// Repairs that follow each other closely before the pauses between them grow, to half a minute at most.
const PATIENCE: u32 = 10;

impl Draft<'_> {
    /// What the stack needs to be as granted.
    pub(super) fn stack(&mut self, rendered: &Rendered, memo: &mut Memo) -> Option<Step> {
        if let Some(report) = self.newer_epoch() {
            self.confirmations.push(report);
            return None;
        }
        let stored = self.status.inventory.as_ref().map(|inventory| &*inventory.digest);
        if stored.is_some() && memo.settled(self.seen) == stored {
            return self.hand_over(rendered);
        }
        let mut stages = stack::changes(&self.facts.tenant, rendered, self.seen, &mut memo.compared);
        self.leave_drift(&mut stages);
        if stages.is_empty() {
            return self.prune(rendered, memo);
        }
        let drift = stages.iter().flatten().all(|a| matches!(a.why, Why::Drift(_)));
        self.applying = Some(if drift { Motion::Repairing } else { Motion::Applying });
        if let Some(again) = self.cease_fire().filter(|_| drift) {
            self.wake_at(again);
            return None;
        }
        if stack::replaces_pods(&stages, rendered, self.seen) {
            match handover::before(self.seen, self.led().filter(|_| self.surges())) {
                Before::Nothing => {}
                Before::Sample => {
                    self.sample = true;
                    self.looks_since = self.status.granted.as_ref().map(|grant| grant.at.0);
                    return None;
                }
                Before::Mark(step) => return Some(step),
            }
        }
        Some(Step::Apply(stages))
    }

    /// Until when to let things be when somebody undoes each repair: a fight at the speed of two watches helps nobody.
    fn cease_fire(&self) -> Option<jiff::Timestamp> {
        let repairs = self.seen.repairs;
        let doublings = repairs.times.checked_sub(PATIENCE)?.min(5);
        let again = repairs.last?.checked_add(jiff::SignedDuration::from_secs(1 << doublings)).ok()?;
        (again > self.shared.now).then_some(again)
    }

    /// Drift that the Tenant wants to be told about, not repaired.
    fn leave_drift(&mut self, stages: &mut Vec<Vec<Apply>>) {
        let annotations = self.facts.tenant.metadata.annotations.as_ref();
        if annotations.and_then(|a| a.get(marks::DRIFT)).is_none_or(|value| value != "warn") {
            return;
        }
        let drifted = stages.iter().flatten().filter_map(|apply| match &apply.why {
            Why::Drift(fields) => Some(format!("{} ({})", apply.object.key.spoken(), fields.join(", "))),
            Why::Missing | Why::Rendered => None,
        });
        self.drifted = drifted.collect();
        for stage in stages.iter_mut() {
            stage.retain(|a| !matches!(a.why, Why::Drift(_)));
        }
        stages.retain(|stage| !stage.is_empty());
    }

    /// F3: an object that a newer leader wrote is not touched. Newer is a later term of the same Lease. What was written under
    /// another Lease is of an earlier reign: that Lease is gone, and its holder's term with it.
    pub(super) fn newer_epoch(&self) -> Option<String> {
        let uid = self.facts.tenant.metadata.uid.as_deref();
        let ours = self.seen.objects.iter().filter(|(_, object)| object.tenant_uid.as_deref() == uid);
        let newer = |object: &'_ Seen| object.epoch.as_ref().is_some_and(|epoch| *epoch > *self.shared.epoch);
        let (key, object) = ours.into_iter().find(|(_, object)| newer(object))?;
        let epoch = object.epoch.clone().unwrap_or_default();
        Some(format!("{} was written in epoch {epoch}, newer than ours ({})", key.spoken(), self.shared.epoch))
    }

    /// Removes what the granted revision no longer renders, once everything else is applied.
    pub(super) fn prune(&mut self, rendered: &Rendered, memo: &mut Memo) -> Option<Step> {
        let (keys, mut only_ours) = (rendered.keys(), true);
        let uid = self.facts.tenant.metadata.uid.as_deref();
        let annotations = self.facts.tenant.metadata.annotations.as_ref();
        let confirmed: BTreeSet<&str> = annotations
            .and_then(|a| a.get(marks::CONFIRM_PRUNE))
            .into_iter()
            .flat_map(|v| v.split(','))
            .map(str::trim)
            .collect();
        let mut go = Vec::new();
        for (key, object) in &self.seen.objects {
            if keys.contains(key) || object.tenant_uid.as_deref() != uid || object.deleting {
                continue;
            }
            only_ours = false;
            let precious = key.stack_kind().is_none_or(|k| k.precious);
            if precious && !confirmed.contains(key.to_string().as_str()) {
                self.confirmations.push(format!(
                    "{} is no longer part of the stack and holds data: annotate the Tenant with {}={key} to let it go",
                    key.spoken(),
                    marks::CONFIRM_PRUNE
                ));
                continue;
            }
            go.push(Target { key: key.clone(), uid: object.uid.clone() });
        }
        let mut entries: BTreeSet<String> = rendered.objects.iter().map(|o| o.key.to_string()).collect();
        entries.extend(
            self.seen.objects.iter().filter(|(_, o)| o.tenant_uid.as_deref() == uid).map(|(k, _)| k.to_string()),
        );
        let inventory = inventory(entries);
        if only_ours && self.drifted.is_empty() {
            memo.settle(self.seen, &inventory.digest);
        }
        self.status.inventory = Some(inventory);
        if !go.is_empty() {
            return Some(Step::Delete(go));
        }
        self.hand_over(rendered)
    }

    /// What is left to do about pods and leadership once the objects are as they should be.
    fn hand_over(&self, rendered: &Rendered) -> Option<Step> {
        let proven = self.facts.evidence.as_ref().is_some_and(|e| e.health == Health::Proven);
        if !proven {
            let upgrading = self.seen.pods.values().any(|pod| !pod.deleting && !evidence::is_current(pod, rendered));
            let mark = if upgrading { handover::mark(self.seen) } else { None };
            return mark.or_else(|| self.awaken(rendered));
        }
        let on_record = self
            .facts
            .tenant
            .status
            .as_ref()
            .filter(|status| self.facts.found.grant().is_some_and(|grant| is_proven(grant, Some(status))));
        handover::prepare(self.seen, rendered, on_record?, self.shared.now)
    }

    /// Whether a new pod is ready before an old one goes, as far as is known: so it is in the built-in stack.
    fn surges(&self) -> bool {
        self.release().is_some_and(|release| release.object.spec.templates.is_none())
    }

    /// The release that is granted.
    fn release(&self) -> Option<&Release> {
        let granted = &self.status.granted.as_ref()?.version;
        self.shared.catalog.get(&self.facts.tenant.spec.operator, granted)
    }

    /// The pod that led when something was last said of the tenant.
    fn led(&self) -> Option<&str> {
        let status = self.facts.tenant.status.as_ref()?;
        status.leader.as_ref().and_then(|leader| pod_of(&leader.identity))
    }

    /// Has a polling standby look at a Lease that was freed, by starting it anew.
    fn awaken(&self, rendered: &Rendered) -> Option<Step> {
        let release = self.release()?;
        let workloads =
            rendered.objects.iter().filter_map(|object| self.seen.objects.get(&object.key)?.workload.as_ref());
        let replicas = usize::try_from(workloads.map(|workload| workload.wanted).sum::<i64>()).unwrap_or(usize::MAX);
        handover::awaken(self.seen, release.object.spec.leader_election.standbys, rendered, replicas)
    }
}
