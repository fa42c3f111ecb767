//! Facts that the second look needs, said from the rules.
use crate::{
    api::{Phase, Rollout, RolloutSpec, RolloutTarget},
    domain::fleet::{Fleet, Health, Member, OwnEdit, Standing},
};

/// Whether the target is what the tenant asks for, lies on the way there, or is what it had before the run that is undone.
pub(super) fn asks(fleet: &Fleet, member: &Member, target: &RolloutTarget, back: Option<&str>) -> bool {
    let Some(granted) = &member.granted else { return false };
    if let Some(run) = back {
        let undone = fleet.rollouts.get(run).is_some_and(|rollout| {
            let phase = rollout.status.as_ref().map_or(Phase::Queued, |status| status.phase);
            phase == Phase::RolledBack || (phase.ended() && rollout.spec.undo)
        });
        return undone && granted.rollout.as_deref() == Some(run) && granted.from.as_ref() == Some(target);
    }
    let Some(desired) = &member.desired else { return false };
    let between = || {
        let parse = |target: &RolloutTarget| semver::Version::parse(&target.version).ok();
        let (from, over, to) = (parse(&granted.target), parse(target), parse(desired));
        from < over && over < to && from.is_some() && !member.asks_for_rejected()
    };
    desired == target || between()
}

/// Whether the plan of some run of that operator is not known.
pub(super) fn unread(fleet: &Fleet, operator: &str) -> bool {
    fleet.unread.keys().any(|name| fleet.rollouts.get(name).is_some_and(|run| run.spec.operator == operator))
}

/// Tenants in flight that are in the plan: who is not was granted by a run of that name that is gone.
pub(super) fn moving(fleet: &Fleet, (rollout, spec): (&str, &RolloutSpec), wave: Option<&str>) -> usize {
    let here = |(name, member): &(&String, &Member)| {
        let of_wave = member.granted.as_ref().is_some_and(|granted| wave.is_none() || granted.wave.as_deref() == wave);
        of_wave && granted_by(member, rollout) && spec.waves.iter().any(|wave| wave.members.contains(*name))
    };
    fleet.members.iter().filter(|(_, member)| member.in_flight()).filter(here).count()
}

/// Whether a run of that name moved the tenant last.
pub(super) fn granted_by(member: &Member, rollout: &str) -> bool {
    member.granted.as_ref().and_then(|granted| granted.rollout.as_deref()) == Some(rollout)
}

pub(super) fn over_budget(fleet: &Fleet, spec: &RolloutSpec) -> bool {
    let charged = |tenant: &&String| {
        let Some(member) = fleet.members.get(*tenant) else { return false };
        let answers = member.granted.as_ref().is_some_and(|granted| {
            granted.target == spec.target && !granted.broken_before && granted.own_edit == OwnEdit::No
        });
        let here = member.operator == spec.operator && member.standing != Standing::Deleting;
        here && answers && matches!(member.health, Health::Failed { .. }) && !spec.skip.contains(tenant)
    };
    let over = |failed: usize, budget: u32| failed > budget.saturating_add(spec.additional_failures) as usize;
    let failed: Vec<usize> = spec.waves.iter().map(|wave| wave.members.iter().filter(charged).count()).collect();
    over(failed.iter().sum(), spec.max_failures)
        || spec.waves.iter().zip(&failed).any(|(wave, failed)| over(*failed, wave.max_failures))
}

/// Whether that is another unfinished run of the operator that has begun.
pub(super) fn begun(run: &Rollout, spec: &RolloutSpec) -> bool {
    let phase = run.status.as_ref().map(|status| status.phase);
    run.spec.operator == spec.operator
        && run.spec.sequence < spec.sequence
        && matches!(phase, Some(Phase::Running | Phase::Halted | Phase::Suspended))
}
