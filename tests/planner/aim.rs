//! What a tenant wants next, said for the oracle: what it asks for, a step on the way there, or what it had before a run
//! that was taken back. Worked out from plain numbers, without a line of the engine.
use leasehold::{
    api::{Phase, Rollout, RolloutSpec, RolloutTarget},
    domain::fleet::{Fleet, Member, Standing},
};

use crate::rules::{self, World, legal, minor};

/// Whether those that the run moved go back.
pub fn undone(rollout: &Rollout) -> bool {
    let phase = rules::phase(rollout);
    phase == Phase::RolledBack || (phase.ended() && rollout.spec.undo)
}

/// What it had before, if it goes back there.
pub fn back(world: &World, fleet: &Fleet, tenant: &str) -> Option<RolloutTarget> {
    let member = fleet.members.get(tenant)?;
    let granted = member.granted.as_ref()?;
    let rollout = fleet.rollouts.get(granted.rollout.as_ref()?).filter(|rollout| undone(rollout))?;
    let from = granted.from.clone()?;
    let still = member.desired.as_ref().is_none_or(|desired| *desired == rollout.spec.target) || hop(member);
    let meant = granted.target == rollout.spec.target
        && !granted.broken_before
        && !rollout.spec.skip.iter().any(|s| s == tenant);
    let way = from != granted.target && legal(world, &member.operator, &granted.target, &from);
    (still && meant && way && !member.rejected.contains(&from.digest)).then_some(from)
}

/// It has reached a step on the way to what it still asks for.
pub fn hop(member: &Member) -> bool {
    member.granted.as_ref().is_some_and(|granted| granted.towards.is_some() && granted.towards == member.desired)
}

/// Where it goes next; where it is, if nowhere.
pub fn aim(world: &World, fleet: &Fleet, tenant: &str) -> Option<RolloutTarget> {
    let member = fleet.members.get(tenant)?;
    let granted = &member.granted.as_ref()?.target;
    if let Some(from) = back(world, fleet, tenant) {
        return Some(from);
    }
    let desired = member.desired.clone()?;
    if member.rejected.contains(&desired.digest) {
        return Some(granted.clone());
    }
    Some(next(world, fleet, member, granted, &desired).unwrap_or(desired))
}

/// The first step of a shortest way, the furthest of them: by trying all ways.
fn next(
    world: &World,
    fleet: &Fleet,
    member: &Member,
    from: &RolloutTarget,
    to: &RolloutTarget,
) -> Option<RolloutTarget> {
    if legal(world, &member.operator, from, to) {
        return Some(to.clone());
    }
    let at = |minor: usize| {
        let facts = &fleet.releases[&(member.operator.clone(), format!("1.{minor}.0"))];
        (!member.rejected.contains(&facts.target.digest)).then(|| facts.target.clone())
    };
    let (start, end) = (minor(from), minor(to));
    let steps: Vec<(usize, RolloutTarget)> = (start + 1..end).filter_map(|over| Some((over, at(over)?))).collect();
    let length = |first: &RolloutTarget| distance(world, &member.operator, first, to, &steps);
    let firsts = steps.iter().filter(|(_, over)| legal(world, &member.operator, from, over));
    let ways = firsts.filter_map(|(over, target)| Some((length(target)?, std::cmp::Reverse(*over), target.clone())));
    ways.min_by_key(|(length, over, _)| (*length, *over)).map(|(_, _, target)| target)
}

fn distance(
    world: &World,
    operator: &str,
    from: &RolloutTarget,
    to: &RolloutTarget,
    steps: &[(usize, RolloutTarget)],
) -> Option<usize> {
    if legal(world, operator, from, to) {
        return Some(1);
    }
    let onward = steps.iter().filter(|(over, target)| *over > minor(from) && legal(world, operator, from, target));
    onward.filter_map(|(_, target)| distance(world, operator, target, to, steps)).min().map(|least| least + 1)
}

/// Whether the tenant wants what the run does with it: to go there, or to be there.
pub fn wants(world: &World, fleet: &Fleet, tenant: &str, spec: &RolloutSpec) -> bool {
    let Some(member) = fleet.members.get(tenant) else { return false };
    if rules::on_target(member, spec) {
        let rejected = member.desired.as_ref().is_some_and(|desired| member.rejected.contains(&desired.digest));
        return member.desired.as_ref() == Some(&spec.target) || rejected || hop(member);
    }
    member.standing != Standing::Deleting && aim(world, fleet, tenant).as_ref() == Some(&spec.target)
}

/// Wants to be somewhere else, and nothing about the tenant itself stands in the way.
pub fn free(world: &World, fleet: &Fleet, tenant: &str) -> bool {
    let Some(member) = fleet.members.get(tenant) else { return false };
    let (Some(granted), Some(aim)) = (&member.granted, aim(world, fleet, tenant)) else { return false };
    aim != granted.target
        && member.standing == Standing::Active
        && member.blocked.is_none()
        && member.refused.as_ref().is_none_or(|(refused, _)| *refused != aim)
        && legal(world, &member.operator, &granted.target, &aim)
}
