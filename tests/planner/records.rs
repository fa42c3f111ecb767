//! What a run's next status, and a new run's plan, may say.
use std::collections::BTreeSet;

use leasehold::{
    api::{OnFailure, Phase, Rollout, RolloutSpec, RolloutStatus, RolloutTarget, WavePhase},
    domain::fleet::{Fleet, Health, Member},
};

use crate::{
    aim, asked,
    oracle::{Finding, Look, Oracle, require},
    people, rules,
};

impl Oracle {
    pub fn status(&self, look: &Look, name: &str, next: &RolloutStatus) -> Finding {
        let rollout = look.view.rollouts.get(name).ok_or("a status for a rollout that is not there")?;
        let (spec, before) = (&rollout.spec, rules::phase(rollout));
        require(!before.ended() || next.phase == before, 6, name, "comes back to life")?;
        require(next.waves.len() == spec.waves.len(), 4, name, "has other waves than its plan")?;
        let open = |wave: usize| rules::unsettled(look.world, look.view, spec, wave);
        let stored =
            |wave: usize| rollout.status.as_ref().and_then(|status| status.waves.get(wave)).map(|wave| wave.phase);
        for (index, _) in next.waves.iter().enumerate().filter(|(_, wave)| wave.phase == WavePhase::Done) {
            if stored(index) == Some(WavePhase::Done) {
                continue;
            }
            require(open(index) == 0, 2, name, "a wave is done that is not proven throughout")?;
            require(
                rules::moving_in(look.view, name, spec, Some(&spec.waves[index].name)) == 0,
                2,
                name,
                "a wave is done with tenants in flight",
            )?;
            let due = i64::try_from(spec.waves[index].soak.get().as_millis()).unwrap();
            let watched = self.soaks.get(&(name.to_owned(), index)).map_or(0, |soaked| soaked.well);
            require(!anybody(look, rollout, index) || watched + 2 >= due, 5, name, "a soak was cut short")?;
            let waiting = (0..spec.waves.len()).any(|wave| waits_for_it(look, spec, wave));
            let silent = index + 1 < spec.waves.len() && rules::says_nothing(look.view, spec, index) && waiting;
            let opened = people::opened(look.view, name, spec, index, &spec.waves[index].gates.after);
            require(opened || !anybody(look, rollout, index), 8, name, "a wave is done whose gate nobody opened")?;
            require(!silent, 2, name, "a wave is done that proves nothing")?;
            require(!spec.suspend && next.halted.is_none(), 5, name, "a wave passes while the run stands still")?;
        }
        if next.phase.ended() && !before.ended() {
            self.ending(look, name, rollout, next.phase)?;
        }
        Ok(())
    }

    fn ending(&self, look: &Look, name: &str, rollout: &Rollout, phase: Phase) -> Finding {
        let spec = &rollout.spec;
        match phase {
            Phase::Aborted => return require(spec.abort, 8, name, "aborted, and nobody said so"),
            Phase::RolledBack => self.taken_back(look, name, rollout)?,
            Phase::Succeeded => self.succeeded(look, name, rollout)?,
            _ => self.superseded(look, name, rollout)?,
        }
        require(rules::moving_in(look.view, name, spec, None) == 0, 4, name, "ends with tenants in flight")
    }

    fn taken_back(&self, look: &Look, name: &str, rollout: &Rollout) -> Finding {
        let (view, spec) = (look.view, &rollout.spec);
        let asked = spec.on_failure == OnFailure::Rollback && !spec.suspend;
        let why = spec.undo
            || (asked
                && (rules::breached(view, spec)
                    || people::refused(view, name, spec)
                    || asked::gave_up(look, name, rollout)
                    || self.unresumed(look, name, rollout)));
        require(why && !spec.abort, 9, name, "is taken back, and nobody asked for it")
    }

    fn succeeded(&self, look: &Look, name: &str, rollout: &Rollout) -> Finding {
        let spec = &rollout.spec;
        let stopped = spec.abort || spec.suspend || self.unresumed(look, name, rollout);
        require(!stopped, 8, name, "succeeds against a person's word")?;
        let waves = rollout.status.as_ref().map(|status| &status.waves);
        let closed = |wave: usize| waves.and_then(|all| all.get(wave)).is_some_and(|w| w.phase == WavePhase::Done);
        let open = (0..spec.waves.len()).filter(|wave| !closed(*wave));
        let left: usize = open.map(|wave| rules::unsettled(look.world, look.view, spec, wave)).sum();
        require(left == 0, 4, name, "succeeds with tenants that could still move")
    }

    fn superseded(&self, look: &Look, name: &str, rollout: &Rollout) -> Finding {
        let (view, spec) = (look.view, &rollout.spec);
        let all = || spec.waves.iter().flat_map(|wave| &wave.members);
        let members = || all().filter_map(|tenant| Some((tenant, rules::present(view, spec, tenant)?)));
        require(!spec.abort, 8, name, "superseded although it is to be aborted")?;
        let wants = |tenant: &String| aim::wants(look.world, view, tenant, spec);
        let free = |tenant: &String| aim::free(look.world, view, tenant);
        let waiting = members().any(|(tenant, m)| {
            !rules::on_target(m, spec) && wants(tenant) && free(tenant) && !spec.skip.contains(tenant)
        });
        let elsewhere = members().any(|(tenant, _)| !wants(tenant) && !spec.skip.contains(tenant));
        require(elsewhere, 4, name, "superseded, and nobody wants anything else")?;
        let higher = |m: &Member| {
            m.desired.as_ref().is_some_and(|desired| {
                desired.version > spec.target.version
                    || (desired.version == spec.target.version && *desired != spec.target)
            })
        };
        let newer = members().any(|(tenant, m)| free(tenant) && higher(m));
        let stopped = spec.suspend || self.unresumed(look, name, rollout);
        let right = !waiting || (newer && !stopped);
        require(right, 4, name, "ends although some wait for it and nobody wants anything newer")
    }

    pub fn plans(&self, look: &Look) -> Finding {
        for rollout in &look.decisions.create {
            let (name, spec) = (rollout.metadata.name.as_deref().unwrap_or(""), &rollout.spec);
            let dns = !name.is_empty()
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.');
            require(dns, 10, name, "is no DNS name")?;
            let gated = spec.waves.iter().any(|wave| !wave.gates.is_empty());
            require(spec.rollback_of.is_none() || !gated, 9, name, "goes back through a gate")?;
            let mut seen = BTreeSet::new();
            let mut movable = false;
            for tenant in spec.waves.iter().flat_map(|wave| &wave.members) {
                require(seen.insert(tenant), 4, tenant, "planned twice")?;
                let member = rules::present(look.view, spec, tenant).ok_or("a plan with somebody who is not there")?;
                require(
                    aim::wants(look.world, look.view, tenant, spec) && !rules::on_target(member, spec),
                    9,
                    tenant,
                    "planned for what it does not ask",
                )?;
                require(!member.rejected.contains(&spec.target.digest), 9, tenant, "planned for what failed here")?;
                let from = &member.granted.as_ref().ok_or("a plan with a tenant without a stack")?.target;
                require(
                    rules::legal(look.world, &spec.operator, from, &spec.target),
                    7,
                    tenant,
                    "planned an illegal step",
                )?;
                let no = self.stopped.get(tenant).is_some_and(|(target, _)| *target == spec.target);
                require(!no, 8, tenant, "planned again for what a person aborted")?;
                let back = taken_back(look.view, member) == Some(&spec.target);
                require(!back, 9, tenant, "planned for what others are still being taken back from with it")?;
                movable |= aim::free(look.world, look.view, tenant);
                let undoes = member.granted.as_ref().and_then(|granted| granted.rollout.as_ref());
                let back = aim::back(look.world, look.view, tenant).is_some();
                require(
                    spec.rollback_of.as_ref() == undoes.filter(|_| back),
                    9,
                    tenant,
                    "goes back in another run's name",
                )?;
                let same = rules::unfinished(look.view, &spec.operator).any(|(_, other)| {
                    other.spec.target == spec.target
                        && other.spec.waves.iter().any(|wave| wave.members.contains(tenant))
                });
                require(!same, 4, tenant, "is in an unfinished plan to the same target already")?;
            }
            require(movable, 12, name, "a run in which nobody can move")?;
            let stopped = rules::unfinished(look.view, &spec.operator).any(|(other, run)| {
                let next = look.decisions.status.get(other).map_or(rules::phase(run), |status| status.phase);
                let stops = |phase| matches!(phase, Phase::Halted | Phase::Suspended);
                run.spec.target == spec.target && (stops(next) || stops(rules::phase(run)))
            });
            require(spec.rollback_of.is_some() || !stopped, 3, name, "leads to what another run has stopped at")?;
            require(
                spec.max_concurrency > 0 && spec.waves.iter().all(|w| w.max_concurrency > 0 && !w.members.is_empty()),
                4,
                name,
                "a plan with nothing in it",
            )?;
        }
        Ok(())
    }
}

/// What the tenant was taken back from by a run that goes on.
fn taken_back<'a>(view: &'a Fleet, member: &Member) -> Option<&'a RolloutTarget> {
    let by = view.rollouts.get(member.granted.as_ref()?.rollout.as_ref()?)?;
    let of = by.spec.rollback_of.as_ref().filter(|_| !rules::phase(by).ended())?;
    view.rollouts.get(of).filter(|of| aim::undone(of)).map(|of| &of.spec.target)
}

/// Whether anybody in that wave still wants the target and could have it one day.
fn waits_for_it(look: &Look, spec: &RolloutSpec, wave: usize) -> bool {
    let waits = |tenant: &String| {
        rules::present(look.view, spec, tenant).is_some_and(|m| {
            !rules::on_target(m, spec)
                && aim::wants(look.world, look.view, tenant, spec)
                && aim::free(look.world, look.view, tenant)
                && !spec.skip.contains(tenant)
        })
    };
    spec.waves[wave].members.iter().any(waits)
}

/// Whether anybody was moved in this wave, so that there is something to watch.
fn anybody(look: &Look, rollout: &Rollout, wave: usize) -> bool {
    let (view, spec) = (look.view, &rollout.spec);
    let moved = |tenant: &String| {
        rules::present(view, spec, tenant).is_some_and(|m| {
            rules::on_target(m, spec)
                && !spec.skip.contains(tenant)
                && (aim::wants(look.world, view, tenant, spec) || m.health != Health::Regressed)
        })
    };
    spec.waves[wave].members.iter().any(moved)
}
