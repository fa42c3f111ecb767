//! Tenants that still ask for what a person has stopped: by aborting the run to it, by skipping the tenant in it, or by
//! undoing it. What a run had to be taken back from by its policy is stopped alike, and for every tenant of the operator.
//!
//! Such a tenant must not be moved by the next run that would otherwise be made for it ten seconds later. The word
//! holds until the tenant was granted something by a later run (it has been elsewhere since), is taken out of `skip`, or
//! the Rollout that carries the word is deleted.
use std::collections::{BTreeMap, HashMap, HashSet};

use super::{back, clock, freeze, wish::Wish};
use crate::{
    api::{Phase, Rollout, Span},
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
        let (aborted, undone) = (phase(rollout) == Phase::Aborted, back::is_undone(rollout));
        // A run that has not ended speaks for itself.
        if !phase(rollout).ended() || !(aborted || undone || !skip.is_empty()) {
            continue;
        }
        // A tenant of that name may be another one by now, of another operator.
        let same = |wish: &Wish| wish.member.operator == rollout.spec.operator;
        let holds = |wish: &Wish| same(wish) && meant(wish, rollout) && !moved_since(fleet, wish, (name, rollout));
        if undone {
            // What had to be taken back is not tried on others either.
            let all = wishes.iter().filter(|(_, wish)| holds(wish));
            barred.extend(all.map(|(tenant, _)| (*tenant, &**name)));
            continue;
        }
        for tenant in rollout.spec.waves.iter().flat_map(|wave| &wave.members) {
            if (aborted || skip.contains(&**tenant)) && wishes.get(&**tenant).is_some_and(holds) {
                barred.insert(&**tenant, &**name);
            }
        }
    }
    barred
}

/// Whether the wish leads to the run's target, or on from it, when that was only a step on the tenant's way.
fn meant(wish: &Wish, rollout: &Rollout) -> bool {
    let target = &rollout.spec.target;
    let beyond =
        wish.member.on_a_hop() && wish.member.granted.as_ref().is_some_and(|granted| granted.target == *target);
    wish.target == target || (beyond && wish.back.is_none())
}

/// Whether a later run has moved the tenant since the word was spoken. The end is on record in whole seconds: within that
/// second the word holds.
fn moved_since(fleet: &Fleet, wish: &Wish, (name, rollout): (&str, &Rollout)) -> bool {
    let Some(granted) = &wish.member.granted else { return false };
    let by_run = granted.rollout.as_ref().and_then(|by| fleet.rollouts.get(by));
    if let Some(by) = by_run.filter(|by| by.spec.rollback_of.as_deref() == Some(name)) {
        // Who was taken back remembers that himself. A grant whose answer is not here yet counts as given, and what was
        // written with it is not seen: until all are back the run speaks for him.
        return phase(by).ended() || wish.member.rejected.contains(&rollout.spec.target.digest);
    }
    let ended = rollout.status.as_ref().and_then(|status| status.ended_at);
    let since = ended.is_none_or(|ended| granted.at >= clock::after(ended.0, Span::secs(1)));
    let by = granted.rollout.as_deref().and_then(|by| freeze::sequence(fleet, by));
    since && by.is_some_and(|sequence| sequence > rollout.spec.sequence)
}

fn phase(rollout: &Rollout) -> Phase {
    rollout.status.as_ref().map_or(Phase::Queued, |status| status.phase)
}
