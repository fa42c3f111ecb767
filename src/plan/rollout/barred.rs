//! Tenants that still ask for what a person has stopped: by aborting the run to it, or by skipping the tenant in it.
//!
//! Such a tenant must not be moved by the next run that would otherwise be made for it ten seconds later. The word
//! holds until the tenant was granted something by a later run (it has been elsewhere since), is taken out of `skip`, or
//! the Rollout that carries the word is deleted.
use std::collections::{BTreeMap, HashMap, HashSet};

use super::{freeze, wish::Wish};
use crate::{
    api::{Phase, Rollout},
    domain::fleet::Fleet,
};

/// The barred tenants, each with the run that says so.
pub fn barred<'a>(fleet: &'a Fleet, wishes: &BTreeMap<&'a str, Wish<'a>>) -> HashMap<&'a str, &'a str> {
    let mut barred = HashMap::new();
    if wishes.is_empty() {
        return barred;
    }
    for (name, rollout) in &fleet.rollouts {
        let skip: HashSet<&str> = rollout.spec.skip.iter().map(String::as_str).collect();
        let aborted = phase(rollout) == Phase::Aborted;
        // A run that has not ended speaks for itself.
        if !phase(rollout).ended() || (!aborted && skip.is_empty()) {
            continue;
        }
        for tenant in rollout.spec.waves.iter().flat_map(|wave| &wave.members) {
            let holds = |wish: &Wish| *wish.target == rollout.spec.target && !moved_since(fleet, wish, rollout);
            if (aborted || skip.contains(&**tenant)) && wishes.get(&**tenant).is_some_and(holds) {
                barred.insert(&**tenant, &**name);
            }
        }
    }
    barred
}

fn moved_since(fleet: &Fleet, wish: &Wish, rollout: &Rollout) -> bool {
    let by = wish.member.granted.as_ref().and_then(|granted| granted.rollout.as_deref());
    by.and_then(|by| freeze::sequence(fleet, by)).is_some_and(|sequence| sequence > rollout.spec.sequence)
}

fn phase(rollout: &Rollout) -> Phase {
    rollout.status.as_ref().map_or(Phase::Queued, |status| status.phase)
}
