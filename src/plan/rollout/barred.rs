//! Tenants that still ask for what a person has stopped: by aborting the run to it, or by skipping the tenant in it.
//!
//! Such a tenant must not be moved by the next run that would otherwise be made for it ten seconds later. The word
//! holds while the run that carries it is the last one that planned for the tenant: it ends when the tenant has asked
//! for another version in between, when the tenant is taken out of `skip`, or when the Rollout is deleted.
use std::collections::{BTreeMap, HashMap, HashSet};

use super::wish::Wish;
use crate::{
    api::{Phase, Rollout},
    domain::fleet::Fleet,
};

/// The barred tenants, each with the run that says so.
pub fn barred<'a>(fleet: &'a Fleet, wishes: &BTreeMap<&'a str, Wish<'a>>) -> HashMap<&'a str, &'a str> {
    let mut barred = HashMap::new();
    if wishes.is_empty() || !fleet.rollouts.values().any(bars) {
        return barred;
    }
    for runs in newest_first(fleet).values() {
        let Some(oldest_that_bars) = runs.iter().rposition(|(_, rollout)| bars(rollout)) else { continue };
        let mut planned_later = HashSet::new();
        for (name, rollout) in runs.iter().take(oldest_that_bars + 1) {
            let skip: HashSet<&str> = rollout.spec.skip.iter().map(String::as_str).collect();
            for tenant in rollout.spec.waves.iter().flat_map(|wave| &wave.members) {
                let tenant = &**tenant;
                let wanted = wishes.get(tenant).is_some_and(|wish| *wish.target == rollout.spec.target);
                let stopped = bars(rollout) && (aborted(rollout) || skip.contains(tenant));
                if planned_later.insert(tenant) && wanted && stopped {
                    barred.insert(tenant, *name);
                }
            }
        }
    }
    barred
}

fn newest_first(fleet: &Fleet) -> BTreeMap<&str, Vec<(&str, &Rollout)>> {
    let mut by_operator: BTreeMap<&str, Vec<(&str, &Rollout)>> = BTreeMap::new();
    for (name, rollout) in &fleet.rollouts {
        by_operator.entry(&rollout.spec.operator).or_default().push((name, rollout));
    }
    for runs in by_operator.values_mut() {
        runs.sort_by_key(|(name, rollout)| std::cmp::Reverse((rollout.spec.sequence, *name)));
    }
    by_operator
}

fn phase(rollout: &Rollout) -> Phase {
    rollout.status.as_ref().map_or(Phase::Queued, |status| status.phase)
}

fn aborted(rollout: &Rollout) -> bool {
    phase(rollout) == Phase::Aborted
}

/// A run that has not ended speaks for itself.
fn bars(rollout: &Rollout) -> bool {
    phase(rollout).ended() && (aborted(rollout) || !rollout.spec.skip.is_empty())
}
