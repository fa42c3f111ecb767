//! The rules of rollouts, said once more for the oracle: from the facts of a fleet, without a line of the engine.
use std::collections::BTreeMap;

use leasehold::{
    api::{Phase, Rollout, RolloutSpec, RolloutTarget},
    domain::fleet::{Fleet, Granted, Health, Member, OwnEdit, Standing},
};

use crate::aim;

/// What the releases 1.0.0 to 1.4.0 of one operator allow, as plain numbers.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The lowest minor version from which each may be reached.
    pub lowest: [u32; 5],
    /// The lowest minor version to which each may go back.
    pub back: [Option<u32>; 5],
}

pub type World = BTreeMap<String, Paths>;

pub fn minor(target: &RolloutTarget) -> usize {
    target.version.split('.').nth(1).and_then(|n| n.parse().ok()).expect("versions are 1.N.0")
}

pub fn legal(world: &World, operator: &str, from: &RolloutTarget, to: &RolloutTarget) -> bool {
    let paths = &world[operator];
    let (from, to) = (minor(from), minor(to));
    match to.cmp(&from) {
        std::cmp::Ordering::Equal => true,
        std::cmp::Ordering::Greater => from >= paths.lowest[to] as usize,
        std::cmp::Ordering::Less => paths.back[from].is_some_and(|lowest| to >= lowest as usize),
    }
}

pub fn ready(fleet: &Fleet, operator: &str, target: &RolloutTarget) -> bool {
    let facts = fleet.releases.get(&(operator.to_owned(), target.version.clone()));
    facts.is_some_and(|facts| facts.target.digest == target.digest && facts.not_ready.is_none())
}

/// The tenant as a member of that run: there, of that operator, not on its way out.
pub fn present<'a>(fleet: &'a Fleet, spec: &RolloutSpec, tenant: &str) -> Option<&'a Member> {
    fleet.members.get(tenant).filter(|m| m.operator == spec.operator && m.standing != Standing::Deleting)
}

pub fn on_target(member: &Member, spec: &RolloutSpec) -> bool {
    member.granted.as_ref().is_some_and(|granted| granted.target == spec.target)
}

pub fn failed(member: &Member) -> bool {
    matches!(member.health, Health::Failed { .. })
}

/// A verdict on what a run granted is in: what the tenant did to itself since is another matter.
pub fn settled(granted: &Granted) -> bool {
    granted.own_edit == OwnEdit::AfterProof
}

/// On the way by a run's grant.
pub fn on_the_way(member: &Member) -> bool {
    let by_run = |granted: &Granted| granted.rollout.is_some() && !settled(granted);
    member.health == Health::Moving && member.granted.as_ref().is_some_and(by_run)
}

/// Granted by that run (and wave) and not yet proven.
pub fn moving(fleet: &Fleet, rollout: Option<&str>, wave: Option<&str>) -> usize {
    let by = |member: &&Member| {
        on_the_way(member)
            && member.standing != Standing::Deleting
            && member.granted.as_ref().is_some_and(|granted| {
                (rollout.is_none() || granted.rollout.as_deref() == rollout)
                    && (wave.is_none() || granted.wave.as_deref() == wave)
            })
    };
    fleet.members.values().filter(by).count()
}

/// The same, of those in its plan: who is not was granted by a run of that name that is gone.
pub fn moving_in(fleet: &Fleet, rollout: &str, spec: &RolloutSpec, wave: Option<&str>) -> usize {
    let by = |tenant: &&String| {
        let member = present(fleet, spec, tenant).filter(|member| on_the_way(member));
        member.and_then(|member| member.granted.as_ref()).is_some_and(|granted| {
            granted.rollout.as_deref() == Some(rollout) && (wave.is_none() || granted.wave.as_deref() == wave)
        })
    };
    spec.waves.iter().flat_map(|wave| &wave.members).filter(by).count()
}

/// Tenants of the wave that keep it open: on their way, fallen back, or still to go.
pub fn unsettled(world: &World, fleet: &Fleet, spec: &RolloutSpec, wave: usize) -> usize {
    let open = |tenant: &&String| {
        let Some(member) = present(fleet, spec, tenant) else { return false };
        let skipped = spec.skip.contains(tenant);
        if on_target(member, spec) {
            let fell_back = member.health == Health::Regressed && aim::wants(world, fleet, tenant, spec) && !skipped;
            let own = member.granted.as_ref().is_some_and(settled);
            (member.health == Health::Moving && !own) || fell_back
        } else {
            aim::wants(world, fleet, tenant, spec) && aim::free(world, fleet, tenant) && !skipped
        }
    };
    spec.waves[wave].members.iter().filter(open).count()
}

/// Names of those in the wave who failed on the target, and not by what they did to themselves after its proof.
pub fn failures<'a>(fleet: &Fleet, spec: &'a RolloutSpec, wave: usize) -> impl Iterator<Item = &'a str> {
    let failed = |tenant: &&String| {
        let own = |m: &Member| m.granted.as_ref().is_some_and(settled);
        present(fleet, spec, tenant)
            .is_some_and(|m| on_target(m, spec) && failed(m) && !own(m) && !spec.skip.contains(tenant))
    };
    spec.waves[wave].members.iter().filter(failed).map(String::as_str).collect::<Vec<_>>().into_iter()
}

fn answered_for(fleet: &Fleet, tenant: &str) -> bool {
    let excused = |granted: &Granted| granted.broken_before || granted.own_edit != OwnEdit::No;
    !fleet.members[tenant].granted.as_ref().is_some_and(excused)
}

/// Whether a wave says nothing: nobody is well on the target, somebody failed, and none of the failures is the run's.
pub fn says_nothing(fleet: &Fleet, spec: &RolloutSpec, wave: usize) -> bool {
    let well = |tenant: &&String| {
        let well = |m: &Member| match &m.granted {
            Some(granted) if settled(granted) => m.health != Health::Regressed,
            _ => m.health == Health::Proven,
        };
        present(fleet, spec, tenant).is_some_and(|m| on_target(m, spec) && well(m) && !spec.skip.contains(tenant))
    };
    let failed: Vec<&str> = failures(fleet, spec, wave).collect();
    !failed.is_empty()
        && !failed.iter().any(|tenant| answered_for(fleet, tenant))
        && !spec.waves[wave].members.iter().any(|tenant| well(&tenant))
}

/// Whether a failure budget is breached: of a wave, or of the run.
pub fn breached(fleet: &Fleet, spec: &RolloutSpec) -> bool {
    let charged = |wave: usize| failures(fleet, spec, wave).filter(|tenant| answered_for(fleet, tenant)).count() as u64;
    let extra = u64::from(spec.additional_failures);
    let counts: Vec<u64> = (0..spec.waves.len()).map(charged).collect();
    counts.iter().sum::<u64>() > u64::from(spec.max_failures) + extra
        || spec.waves.iter().zip(&counts).any(|(wave, count)| *count > u64::from(wave.max_failures) + extra)
}

pub fn phase(rollout: &Rollout) -> Phase {
    rollout.status.as_ref().map_or(Phase::Queued, |status| status.phase)
}

/// Unfinished runs of an operator.
pub fn unfinished<'a>(fleet: &'a Fleet, operator: &'a str) -> impl Iterator<Item = (&'a String, &'a Rollout)> {
    fleet.rollouts.iter().filter(move |(_, rollout)| rollout.spec.operator == operator && !phase(rollout).ended())
}
