//! Bounds that one decision must keep, whatever was decided before.
use std::collections::BTreeSet;

use leasehold::{
    api::{Phase, PlannedWave, Rollout, RolloutSpec, WavePhase},
    domain::fleet::{Granted, Standing},
    plan::rollout::GrantOrder,
};

use crate::{
    aim,
    oracle::{Finding, Look, require},
    rules,
};

/// Only one run of an operator grants in turn, and only from a wave whose predecessors are recorded as done.
pub fn turn(look: &Look, order: &GrantOrder, rollout: &Rollout, wave: usize) -> Finding {
    let done = |wave: usize| {
        let status = rollout.status.as_ref().and_then(|status| status.waves.get(wave));
        status.is_some_and(|status| status.phase == WavePhase::Done)
    };
    require((0..wave).all(done), 2, &order.tenant, "its wave starts before an earlier one is done")?;
    let others = rules::unfinished(look.view, &rollout.spec.operator).filter(|(name, _)| **name != order.rollout);
    let begun =
        others.filter(|(_, other)| rules::phase(other) != Phase::Queued && other.spec.sequence < rollout.spec.sequence);
    require(begun.count() == 0, 6, &order.rollout, "grants in turn while an older run is under way")?;
    let also = look.decisions.grants.iter().filter(|other| {
        other.rollout != order.rollout
            && look.view.rollouts[&other.rollout].spec.operator == rollout.spec.operator
            && !rules::failed(&look.view.members[&other.tenant])
    });
    require(also.count() == 0, 6, &order.rollout, "two runs of one operator grant in turn")
}

/// Whether a tenant that the run granted should have been proven by now.
pub fn overdue(look: &Look, run: &str, spec: &RolloutSpec) -> bool {
    spec.waves.iter().any(|wave| {
        let late = |tenant: &String| {
            let member = rules::present(look.view, spec, tenant);
            let granted = member
                .filter(|m| rules::on_the_way(m) && m.standing != Standing::Paused)
                .and_then(|m| m.granted.as_ref());
            granted.is_some_and(|granted| {
                granted.rollout.as_deref() == Some(run) && look.now.as_millisecond() >= due(granted, wave)
            })
        };
        wave.members.iter().any(late)
    })
}

/// When a tenant on its way has failed: the time for which it was paused is not its own.
fn due(granted: &Granted, wave: &PlannedWave) -> i64 {
    let allowed = i64::try_from(wave.progress_deadline.get().as_millis()).unwrap();
    granted.at.as_millisecond() + allowed + granted.paused
}

pub fn concurrency(look: &Look) -> Finding {
    let (view, grants) = (look.view, &look.decisions.grants);
    if grants.is_empty() {
        return Ok(());
    }
    let total = rules::moving(view, None, None) + grants.len();
    require(total <= view.max_concurrency as usize, 1, "fleet", "more in flight than the ceiling")?;
    for name in grants.iter().map(|order| &order.rollout).collect::<BTreeSet<_>>() {
        let spec = &view.rollouts[name].spec;
        let mine = || grants.iter().filter(|order| order.rollout == *name);
        let all = rules::moving_in(view, name, spec, None) + mine().count();
        require(all <= spec.max_concurrency as usize, 1, name, "more in flight than the run allows")?;
        for wave in &spec.waves {
            let new = mine().filter(|order| order.wave == wave.name).count();
            let all = rules::moving_in(view, name, spec, Some(&wave.name)) + new;
            require(new == 0 || all <= wave.max_concurrency as usize, 1, name, "more in flight than the wave allows")?;
        }
    }
    Ok(())
}

/// Everybody who wants to move and is not on the way is told why, and nobody else.
pub fn waits(look: &Look) -> Finding {
    let granted: BTreeSet<&str> = look.decisions.grants.iter().map(|order| &*order.tenant).collect();
    for (tenant, member) in &look.view.members {
        let on_the_way = rules::on_the_way(member);
        let waits = (member.wants_to_move() || aim::back(look.world, look.view, tenant).is_some())
            && member.standing != Standing::Deleting
            && !on_the_way
            && !granted.contains(&**tenant);
        let told = look.decisions.waits.get(tenant);
        require(waits == told.is_some(), 12, tenant, "waits without a reason, or is said to wait and does not")?;
        require(
            told.is_none_or(|(wait, note)| !note.is_empty() && wait.until.is_none_or(|until| until > look.now)),
            12,
            tenant,
            "waits for nothing, or for what is past",
        )?;
    }
    Ok(())
}

pub fn deletions(look: &Look) -> Finding {
    for name in &look.decisions.delete {
        let ended = look.view.rollouts.get(name).is_some_and(|rollout| rules::phase(rollout).ended());
        require(ended && rules::moving(look.view, Some(name), None) == 0, 4, name, "deleted before its time")?;
    }
    Ok(())
}

/// Who is overdue is said to have failed, at once; nobody else is.
pub fn deadlines(look: &Look) -> Finding {
    for (name, rollout) in look.view.rollouts.iter().filter(|(_, rollout)| !rules::phase(rollout).ended()) {
        for tenant in rollout.spec.waves.iter().flat_map(|wave| &wave.members) {
            let Some(member) = rules::present(look.view, &rollout.spec, tenant) else { continue };
            let Some(granted) =
                member.granted.as_ref().filter(|g| rules::on_the_way(member) && g.rollout.as_ref() == Some(name))
            else {
                continue;
            };
            let wave = rollout.spec.waves.iter().find(|wave| granted.wave.as_ref() == Some(&wave.name));
            let Some(wave) = wave else { continue };
            let late = look.now.as_millisecond() >= due(granted, wave) && member.standing != Standing::Paused;
            let ordered = look.decisions.failures.iter().any(|(name, _)| name == tenant);
            require(ordered == late, 3, tenant, "its deadline is not what it should be")?;
        }
    }
    Ok(())
}
