//! Freezing a plan: members into waves, shares into whole numbers. What comes out never changes again.
use std::collections::BTreeSet;

use super::group::{Candidate, Group};
use crate::{
    api::{Gates, OnFailure, Order, PlannedWave, PolicySpec, Rollout, RolloutSpec, Unmatched, Wave},
    domain::{
        digest,
        fleet::{Fleet, Member},
    },
};

/// What a group became.
pub struct Frozen<'a> {
    /// The run; `None` when nobody in it could move now, so that it would end as soon as it began.
    pub rollout: Option<Rollout>,
    /// Tenants that match no wave and are therefore not in the plan.
    pub left: Vec<&'a str>,
}

/// Freezes a group. `sequence` counts the operator's runs.
pub fn freeze<'a>(group: &Group<'a>, policy: &PolicySpec, sequence: i64) -> Frozen<'a> {
    let name = name(group.operator, &group.target.version, sequence);
    let members = ordered(&group.members, policy.order, &name);
    let (mut waves, mut unmatched) = allot(&members, &policy.waves);
    let count = u32::try_from(unmatched.len()).unwrap_or(u32::MAX);
    // Whoever goes back goes back, whatever waves select.
    let rule = if group.back.is_some() { Unmatched::LastWave } else { policy.unmatched };
    match (rule, waves.last_mut()) {
        (Unmatched::LastWave, Some((_, last))) => last.append(&mut unmatched),
        (Unmatched::Fail, _) if count > 0 => waves.clear(),
        _ => {}
    }
    let left = unmatched.iter().filter_map(|index| members.get(*index)).map(|candidate| candidate.name).collect();
    let movable = |index: &usize| members.get(*index).is_some_and(|candidate| candidate.movable);
    if !waves.iter().any(|(_, chosen)| chosen.iter().any(movable)) {
        return Frozen { rollout: None, left };
    }
    let total = waves.iter().map(|(_, chosen)| chosen.len()).sum();
    let max_concurrency = policy.limits.max_concurrency.of(total).max(1);
    let max_failures = policy.limits.max_failures.of(total);
    let planned = waves.into_iter().filter(|(_, chosen)| !chosen.is_empty());
    // Who goes back leaves what failed: neither a person nor an answer is waited for.
    let gates = |wave: &Wave| if group.back.is_some() { Gates::default() } else { wave.gates.clone() };
    let limits = (max_concurrency, max_failures);
    let mut spec = RolloutSpec {
        operator: group.operator.into(),
        target: group.target.clone(),
        policy: group.policy.into(),
        sequence,
        order: policy.order,
        max_concurrency,
        max_failures,
        on_failure: if group.back.is_some() { OnFailure::Halt } else { policy.on_failure },
        rollback_of: group.back.map(str::to_owned),
        revision_history_limit: policy.revision_history_limit,
        unmatched: count,
        plan_hash: String::new(),
        waves: planned.map(|(wave, chosen)| plan(wave, gates(wave), &chosen, &members, limits)).collect(),
        suspend: false,
        abort: false,
        undo: false,
        skip: Vec::new(),
        additional_failures: 0,
    };
    spec.plan_hash = plan_hash(&name, &spec);
    Frozen { rollout: Some(Rollout::new(&name, spec)), left }
}

/// Digest of all that is frozen, wherever it is kept: whoever approves has seen this very plan. What people say in the run is
/// not in it.
#[must_use]
pub fn plan_hash(rollout: &str, spec: &RolloutSpec) -> String {
    let mut frozen = RolloutSpec {
        plan_hash: String::new(),
        suspend: false,
        abort: false,
        undo: false,
        skip: Vec::new(),
        additional_failures: 0,
        ..spec.clone()
    };
    for wave in &mut frozen.waves {
        (wave.slices, wave.count) = (Vec::new(), None);
    }
    digest::of(&(rollout, &frozen))
}

/// Whether any wave of the policy selects the tenant.
pub fn selected(policy: &PolicySpec, member: &Member) -> bool {
    policy.waves.iter().any(|wave| wave.selector.as_ref().is_none_or(|selector| selector.matches(&member.labels)))
}

/// Gives each wave the tenants that it selects and no earlier wave took, as indices into `members`; the rest at last.
fn allot<'w>(members: &[Candidate], waves: &'w [Wave]) -> (Vec<(&'w Wave, Vec<usize>)>, Vec<usize>) {
    let mut rest: Vec<usize> = (0..members.len()).collect();
    let mut allotted = Vec::with_capacity(waves.len());
    for wave in waves {
        let selects = |index: &usize| {
            let labels = members.get(*index).map(|candidate| &candidate.member.labels);
            wave.selector.as_ref().is_none_or(|selector| labels.is_some_and(|labels| selector.matches(labels)))
        };
        let (mut chosen, mut others): (Vec<usize>, Vec<usize>) = rest.into_iter().partition(selects);
        if let Some(take) = wave.take {
            others.extend(chosen.split_off((take.of(chosen.len()) as usize).min(chosen.len())));
            others.sort_unstable();
        }
        allotted.push((wave, chosen));
        rest = others;
    }
    (allotted, rest)
}

/// One wave in whole numbers. What it does not say for itself is the rollout's limit.
fn plan(
    wave: &Wave,
    gates: Gates,
    chosen: &[usize],
    members: &[Candidate],
    (concurrency, failures): (u32, u32),
) -> PlannedWave {
    let mut chosen = chosen.to_vec();
    chosen.sort_unstable();
    PlannedWave {
        name: wave.name.clone(),
        max_concurrency: wave.max_concurrency.map_or(concurrency, |amount| amount.of(chosen.len()).max(1)),
        max_failures: wave.max_failures.map_or(failures, |amount| amount.of(chosen.len())),
        progress_deadline: wave.progress_deadline,
        soak: wave.soak.duration,
        gates,
        members: chosen.iter().filter_map(|index| members.get(*index)).map(|candidate| candidate.name.into()).collect(),
        slices: Vec::new(),
        count: None,
    }
}

fn ordered<'a>(members: &[Candidate<'a>], order: Order, rollout: &str) -> Vec<Candidate<'a>> {
    let mut members = members.to_vec();
    match order {
        Order::Name => members.sort_by_key(|candidate| candidate.name),
        Order::Seed => members.sort_by_cached_key(|candidate| (seed(&candidate.member.uid, rollout), candidate.name)),
    }
    members
}

/// FNV-1a over tenant and rollout, then stirred (the finaliser of `SplitMix64`) so that similar names do not stay
/// neighbours: cheap, and the same on every machine and in every version.
fn seed(uid: &str, rollout: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let mut hash = uid.bytes().chain([0]).chain(rollout.bytes()).fold(0xcbf2_9ce4_8422_2325, fnv);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// `<operator>-<version>-<sequence>` as a DNS subdomain: `+` and capitals, legal in a version, are not legal in a name.
pub fn name(operator: &str, version: &str, sequence: i64) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    let version: String = version.chars().map(safe).collect();
    let labels: Vec<&str> = version.split('.').map(|label| label.trim_matches('-')).filter(|l| !l.is_empty()).collect();
    format!("{operator}-{}-{sequence}", labels.join("."))
}

/// The number of the operator's next run: above every run that is there, and above every one that a tenant was granted
/// by, so that a name is not used again although its Rollout was deleted.
pub fn next_sequence(fleet: &Fleet, operator: &str) -> i64 {
    let there = fleet.rollouts.values().filter(|rollout| rollout.spec.operator == operator);
    let granted = fleet.members.values().filter(|member| member.operator == operator);
    let names: BTreeSet<&str> = granted.filter_map(|member| member.granted.as_ref()?.rollout.as_deref()).collect();
    let counted = names.iter().filter_map(|name| sequence(fleet, name));
    there.map(|rollout| rollout.spec.sequence).chain(counted).max().unwrap_or(0).saturating_add(1)
}

/// The number of the run of that name, by its name if it is gone.
pub fn sequence(fleet: &Fleet, rollout: &str) -> Option<i64> {
    let there = fleet.rollouts.get(rollout).map(|rollout| rollout.spec.sequence);
    there.or_else(|| rollout.rsplit_once('-')?.1.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_subdomains() {
        assert_eq!(name("memcached", "1.4.2", 7), "memcached-1.4.2-7");
        assert_eq!(name("memcached", "1.4.2-RC.1+Build-.x", 7), "memcached-1.4.2-rc.1-build.x-7");
        assert_eq!(name("memcached", "1.0.0--", 1), "memcached-1.0.0-1");
    }

    #[test]
    fn the_seed_is_the_same_for_ever() {
        assert_eq!(seed("3f2a", "memcached-1.4.2-7"), seed("3f2a", "memcached-1.4.2-7"));
        assert_ne!(seed("3f2a", "memcached-1.4.2-7"), seed("3f2a", "memcached-1.4.2-8"));
        assert_ne!(seed("3f2a", "memcached-1.4.2-7"), seed("3f2b", "memcached-1.4.2-7"));
    }

    /// Of a plan that is kept in slices it is the hash that says whether it is whole. If one and the same plan came to another hash
    /// in a newer version, no such Rollout could be read any more after the upgrade, and its operator would stand still. So: a new
    /// field of the plan is not serialised where it says what was so before, and this hash stays.
    #[test]
    fn the_hash_of_a_plan_is_the_same_in_every_version() {
        let plan = r#"{
            "operator": "memcached", "target": {"version": "1.1.0", "digest": "0123456789abcdef"}, "policy": "default",
            "sequence": 7, "order": "Seed", "maxConcurrency": 5, "maxFailures": 2, "onFailure": "Rollback",
            "rollbackOf": "memcached-1.2.0-6", "revisionHistoryLimit": 10, "unmatched": 1, "planHash": "0000000000000000",
            "suspend": true, "abort": true, "undo": true, "skip": ["acme"], "additionalFailures": 3,
            "waves": [
                {"name": "canary", "members": ["acme"], "maxConcurrency": 1, "maxFailures": 0, "progressDeadline": "10m",
                 "soak": "1h", "gates": {"before": [{"name": "start", "approval": {}}], "after": [
                    {"name": "ready", "cel": {"expression": "size(objects) > 0", "interval": "1m", "deadline": "30m"}},
                    {"name": "errors", "prometheus": {"address": "http://p:9090", "query": "up", "max": "0.01"}}]}},
                {"name": "rest", "members": ["bolt", "coil"], "slices": ["a-0"], "count": 2, "maxConcurrency": 5,
                 "maxFailures": 2, "progressDeadline": "10m", "soak": "0s"}
            ]
        }"#;
        let spec: RolloutSpec = serde_json::from_str(plan).unwrap();
        assert_eq!(plan_hash("memcached-1.1.0-7", &spec), "05f2fdcdb1b5eae7");
        let plain = RolloutSpec { rollback_of: None, unmatched: 0, ..spec };
        assert_eq!(plan_hash("memcached-1.1.0-7", &plain), "74dfb3965e21f415");
    }
}
