//! What must be the same after a crash.
use jiff::Timestamp;
use leasehold::{
    api::Rollout,
    plan::rollout::{Decisions, GrantOrder, decide},
};

use crate::{rules, schedule::Schedule};

impl Schedule {
    /// After a crash at any point what was left undone is decided again.
    pub fn same_again(&self, before: &Decisions, now: Timestamp) -> Result<(), String> {
        let again = decide(&self.cluster.fleet, now);
        // Where the fleet's ceiling is reached, a run that has just begun may have got the slot.
        let taken = rules::moving(&self.cluster.fleet, None, None) + again.grants.len();
        let room = taken < self.cluster.fleet.max_concurrency as usize;
        // Who got its fix from another run counts among those who want something newer from now on, and that ends this one.
        let left = |order: &GrantOrder| {
            let plan = self.cluster.fleet.rollouts.get(&order.rollout).map(|rollout| &rollout.spec.waves);
            let here = |tenant: &String| plan.is_some_and(|waves| waves.iter().any(|w| w.members.contains(tenant)));
            before.grants.iter().any(|other| other.rollout != order.rollout && here(&other.tenant))
        };
        for order in before.grants.iter().filter(|order| room && !left(order)) {
            let member = &self.cluster.fleet.members[&order.tenant];
            let done = member.granted.as_ref().is_some_and(|granted| granted.rollout.as_ref() == Some(&order.rollout));
            if !done && !again.grants.contains(order) {
                return Err(format!("invariant 10: after a crash {} is not granted any more", order.tenant));
            }
        }
        // Where a run has ended or was made meanwhile, the next plan may be a bigger one, or its turn has not come.
        let there = |rollout: &Rollout| {
            rollout.metadata.name.as_ref().is_some_and(|name| self.cluster.fleet.rollouts.contains_key(name))
        };
        let ending = before.status.values().any(|status| status.phase.ended()) || before.create.iter().any(there);
        for rollout in before.create.iter().filter(|_| !ending) {
            let name = rollout.metadata.name.as_deref().unwrap_or_default();
            let members = |r: &Rollout| {
                let mut members: Vec<String> = r.spec.waves.iter().flat_map(|wave| wave.members.to_vec()).collect();
                members.sort();
                members
            };
            // Whose failure was written before the crash may have joined.
            let all = |other: &Rollout| members(rollout).iter().all(|tenant| members(other).contains(tenant));
            let again = again.create.iter().any(all);
            if !again {
                return Err(format!("invariant 10: after a crash {name} is not made any more"));
            }
        }
        Ok(())
    }
}
