//! Watches every decision and says which invariant it breaks. It keeps a memory of its own, of what it has seen and for
//! how long, which the engine does not have.
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use leasehold::{
    api::{Phase, Rollout, RolloutSpec, RolloutStatus, RolloutTarget, WavePhase},
    domain::fleet::{Fleet, Health, Member, Standing},
    plan::rollout::{Decisions, GrantOrder},
};

use crate::{
    cluster::Write,
    rules::{self, World},
};

/// One look of the engine: what it was shown, and what it made of it.
pub struct Look<'a> {
    pub world: &'a World,
    pub view: &'a Fleet,
    pub now: Timestamp,
    /// Time that really passed since the schedule began, in milliseconds.
    pub real: i64,
    /// Milliseconds by which the engine's clock was put forward since the last look.
    pub forward: i64,
    pub decisions: &'a Decisions,
}

#[derive(Default)]
pub struct Oracle {
    soaks: BTreeMap<(String, usize), Soaked>,
    /// Runs that were recorded as halted, with their generation then.
    halted: BTreeMap<String, i64>,
    aborted: BTreeSet<String>,
    /// Tenants whose move a person aborted: to what, and in which run.
    stopped: BTreeMap<String, (RolloutTarget, String)>,
}

/// How long a wave has been seen well without a break.
#[derive(Default)]
struct Soaked {
    well: i64,
    /// `well` plus the time since the look before, as if nothing had been seen now.
    before: i64,
    seen: i64,
    counting: bool,
    failed: BTreeSet<String>,
}

type Finding = Result<(), String>;

fn require(holds: bool, invariant: u8, subject: &str, what: &str) -> Finding {
    if holds { Ok(()) } else { Err(format!("invariant {invariant}: {subject}: {what}")) }
}

impl Oracle {
    /// Judges one decision by the fleet that it was made from.
    pub fn judge(&mut self, look: &Look) -> Finding {
        self.watch_soaks(look);
        let mut tenants = BTreeSet::new();
        for order in &look.decisions.grants {
            require(tenants.insert(&order.tenant), 6, &order.tenant, "granted twice in one decision")?;
            self.grant(look, order)?;
        }
        concurrency(look)?;
        self.halts(look)?;
        for (name, status) in &look.decisions.status {
            self.status(look, name, status)?;
        }
        self.plans(look)?;
        waits(look)?;
        deletions(look)?;
        deadlines(look)
    }

    /// What was really written.
    pub fn written(&mut self, look: &Look, writes: &[Write], everything: bool) {
        for write in writes {
            let Write::Status(name, status) = write else { continue };
            let Some(rollout) = look.view.rollouts.get(name) else { continue };
            let generation = rollout.metadata.generation.unwrap_or(0);
            match &status.halted {
                Some(_) => drop(self.halted.entry(name.clone()).or_insert(generation)),
                None => drop(self.halted.remove(name)),
            }
            if status.phase == Phase::Aborted && self.aborted.insert(name.clone()) {
                for tenant in rollout.spec.waves.iter().flat_map(|wave| &wave.members) {
                    let wants = look
                        .view
                        .members
                        .get(tenant)
                        .is_some_and(|m| rules::wants(m, &rollout.spec) && m.wants_to_move());
                    if wants {
                        self.stopped.insert(tenant.clone(), (rollout.spec.target.clone(), name.clone()));
                    }
                }
            }
        }
        // What was seen and could not be recorded is unknown after a crash: a suspension may be counted as soaked, and a
        // tenant that fell back may be well again before anybody looks.
        for soaked in self.soaks.values_mut().filter(|_| !everything) {
            (soaked.counting, soaked.well) = (true, soaked.well.max(soaked.before));
        }
    }

    /// A person asked for something else on this tenant, or it is another one now.
    pub fn asked(&mut self, tenant: &str) {
        self.stopped.remove(tenant);
    }

    /// A Rollout is gone, or its status is.
    pub fn forgot(&mut self, rollout: &str) {
        self.halted.remove(rollout);
        self.stopped.retain(|_, (_, run)| run != rollout);
    }

    fn watch_soaks(&mut self, look: &Look) {
        let open = look.view.rollouts.iter().filter(|(_, rollout)| !rules::phase(rollout).ended());
        for (name, rollout) in open {
            let stopped = rollout.spec.suspend
                || self.unresumed(look, name, rollout)
                || rules::breached(look.view, &rollout.spec);
            for wave in 0..rollout.spec.waves.len() {
                let soaked = self.soaks.entry((name.clone(), wave)).or_default();
                let failed: BTreeSet<String> =
                    rules::failures(look.view, &rollout.spec, wave).map(str::to_owned).collect();
                let settled = rules::unsettled(look.world, look.view, &rollout.spec, wave) == 0;
                let fell = !failed.is_subset(&soaked.failed);
                let before = soaked.well + if soaked.counting { look.real - soaked.seen + look.forward } else { 0 };
                let well = if settled && !fell { before } else { 0 };
                *soaked = Soaked { well, before, seen: look.real, counting: settled && !stopped, failed };
            }
        }
    }

    fn grant(&self, look: &Look, order: &GrantOrder) -> Finding {
        let (view, tenant, run) = (look.view, &*order.tenant, &*order.rollout);
        let rollout = view.rollouts.get(run).ok_or("a grant by a rollout that is not there")?;
        let (spec, member) = (&rollout.spec, view.members.get(tenant).ok_or("a grant to nobody")?);
        require(member.uid == order.uid && member.operator == spec.operator, 6, tenant, "another tenant is meant")?;
        require(order.target == spec.target, 6, tenant, "two targets at once")?;
        require(!rules::phase(rollout).ended(), 6, run, "a finished run grants")?;
        require(rules::wants(member, spec), 9, tenant, "did not ask for this")?;
        require(!member.rejected.contains(&order.target.digest), 9, tenant, "granted what failed here before")?;
        require(member.standing == Standing::Active && member.blocked.is_none(), 8, tenant, "held back, granted")?;
        require(!spec.suspend && !spec.abort && !spec.skip.contains(&order.tenant), 8, run, "a person said no")?;
        let from = &member.granted.as_ref().ok_or("invariant 13: a tenant without a stack in a wave")?.target;
        require(rules::legal(look.world, &spec.operator, from, &order.target), 7, tenant, "an illegal step")?;
        require(rules::ready(view, &spec.operator, &order.target), 7, tenant, "the release is not ready")?;
        require(!self.halted.contains_key(run) || self.resumed(look, run, rollout), 3, run, "grants while halted")?;
        require(!rules::breached(view, spec), 3, run, "grants with a breached budget")?;
        require(!overdue(look, run, spec), 3, run, "grants although a deadline has passed")?;
        let wave = spec.waves.iter().position(|wave| wave.name == order.wave && wave.members.contains(&order.tenant));
        let wave = wave.ok_or_else(|| format!("invariant 4: {tenant}: not in the plan of wave {}", order.wave))?;
        let broken = rules::failed(member);
        require(order.broken_before || !broken, 9, tenant, "was broken before, and is charged")?;
        require(
            broken || !order.broken_before || member.health == Health::Regressed,
            9,
            tenant,
            "was well, and is not charged",
        )?;
        if broken { Ok(()) } else { self.turn(look, order, rollout, wave) }
    }

    /// Only one run of an operator grants in turn, and only from a wave whose predecessors are recorded as done.
    fn turn(&self, look: &Look, order: &GrantOrder, rollout: &Rollout, wave: usize) -> Finding {
        let done = |wave: usize| {
            let status = rollout.status.as_ref().and_then(|status| status.waves.get(wave));
            status.is_some_and(|status| status.phase == WavePhase::Done)
        };
        require((0..wave).all(done), 2, &order.tenant, "its wave starts before an earlier one is done")?;
        let others = rules::unfinished(look.view, &rollout.spec.operator).filter(|(name, _)| **name != order.rollout);
        let begun = others
            .filter(|(_, other)| rules::phase(other) != Phase::Queued && other.spec.sequence < rollout.spec.sequence);
        require(begun.count() == 0, 6, &order.rollout, "grants in turn while an older run is under way")?;
        let also = look.decisions.grants.iter().filter(|other| {
            other.rollout != order.rollout
                && look.view.rollouts[&other.rollout].spec.operator == rollout.spec.operator
                && !rules::failed(&look.view.members[&other.tenant])
        });
        require(also.count() == 0, 6, &order.rollout, "two runs of one operator grant in turn")
    }

    fn resumed(&self, look: &Look, run: &str, rollout: &Rollout) -> bool {
        let at = self.halted.get(run).copied().unwrap_or(i64::MAX);
        rollout.metadata.generation.unwrap_or(0) > at
            && !rollout.spec.suspend
            && !rules::breached(look.view, &rollout.spec)
    }

    fn halts(&self, look: &Look) -> Finding {
        for (name, rollout) in look.view.rollouts.iter().filter(|(_, rollout)| !rules::phase(rollout).ended()) {
            let stored = rollout.status.clone().unwrap_or_default();
            let next = look.decisions.status.get(name).unwrap_or(&stored);
            let stays = next.halted.is_some() || next.phase.ended();
            require(
                stays || !rules::breached(look.view, &rollout.spec),
                3,
                name,
                "a breached budget does not halt it",
            )?;
            let resumed = self.resumed(look, name, rollout);
            require(stays || !self.halted.contains_key(name) || resumed, 3, name, "goes on although nobody acted")?;
        }
        Ok(())
    }

    fn status(&self, look: &Look, name: &str, next: &RolloutStatus) -> Finding {
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
                moved_here(look.view, name, &spec.waves[index].name) == 0,
                2,
                name,
                "a wave is done with tenants in flight",
            )?;
            let due = i64::try_from(spec.waves[index].soak.get().as_millis()).unwrap();
            let watched = self.soaks.get(&(name.to_owned(), index)).map_or(0, |soaked| soaked.well);
            require(!anybody(look.view, rollout, index) || watched + 2 >= due, 5, name, "a soak was cut short")?;
            require(!spec.suspend && next.halted.is_none(), 5, name, "a wave passes while the run stands still")?;
        }
        if next.phase.ended() && !before.ended() {
            self.ending(look, name, rollout, next.phase)?;
        }
        Ok(())
    }

    fn ending(&self, look: &Look, name: &str, rollout: &Rollout, phase: Phase) -> Finding {
        let (view, spec) = (look.view, &rollout.spec);
        let members = || {
            spec.waves
                .iter()
                .flat_map(|wave| &wave.members)
                .filter_map(|tenant| Some((tenant, rules::present(view, spec, tenant)?)))
        };
        let busy = rules::moving(view, Some(name), None);
        match phase {
            Phase::Aborted => require(spec.abort, 8, name, "aborted, and nobody said so"),
            Phase::Succeeded => {
                require(
                    !spec.abort && !spec.suspend && !self.unresumed(look, name, rollout),
                    8,
                    name,
                    "succeeds against a person's word",
                )?;
                require(busy == 0, 4, name, "succeeds with tenants in flight")?;
                let closed = |wave: usize| {
                    rollout
                        .status
                        .as_ref()
                        .is_some_and(|s| s.waves.get(wave).is_some_and(|w| w.phase == WavePhase::Done))
                };
                let left: usize = (0..spec.waves.len())
                    .filter(|wave| !closed(*wave))
                    .map(|wave| rules::unsettled(look.world, view, spec, wave))
                    .sum();
                require(left == 0, 4, name, "succeeds with tenants that could still move")
            }
            _ => {
                require(!spec.abort, 8, name, "superseded although it is to be aborted")?;
                require(busy == 0, 4, name, "superseded with tenants in flight")?;
                let waiting = members().any(|(tenant, m)| {
                    !rules::on_target(m, spec)
                        && rules::wants(m, spec)
                        && rules::free(look.world, m)
                        && !spec.skip.contains(tenant)
                });
                let elsewhere = members().any(|(tenant, m)| !rules::wants(m, spec) && !spec.skip.contains(tenant));
                require(elsewhere, 4, name, "superseded, and nobody wants anything else")?;
                let higher = |m: &Member| {
                    m.desired.as_ref().is_some_and(|desired| {
                        desired.version > spec.target.version
                            || (desired.version == spec.target.version && *desired != spec.target)
                    })
                };
                let newer = members().any(|(_, m)| rules::free(look.world, m) && higher(m));
                let stopped = spec.suspend || self.unresumed(look, name, rollout);
                require(
                    !waiting || (newer && !stopped),
                    4,
                    name,
                    "ends although some wait for it and nobody wants anything newer",
                )
            }
        }
    }

    fn unresumed(&self, look: &Look, name: &str, rollout: &Rollout) -> bool {
        self.halted.contains_key(name) && !self.resumed(look, name, rollout)
    }

    fn plans(&self, look: &Look) -> Finding {
        for rollout in &look.decisions.create {
            let (name, spec) = (rollout.metadata.name.as_deref().unwrap_or(""), &rollout.spec);
            let dns = !name.is_empty()
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.');
            require(dns, 10, name, "is no DNS name")?;
            let mut seen = BTreeSet::new();
            let mut movable = false;
            for tenant in spec.waves.iter().flat_map(|wave| &wave.members) {
                require(seen.insert(tenant), 4, tenant, "planned twice")?;
                let member = rules::present(look.view, spec, tenant).ok_or("a plan with somebody who is not there")?;
                require(
                    rules::wants(member, spec) && member.wants_to_move(),
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
                movable |= rules::free(look.world, member);
                let same = rules::unfinished(look.view, &spec.operator).any(|(_, other)| {
                    other.spec.target == spec.target
                        && other.spec.waves.iter().any(|wave| wave.members.contains(tenant))
                });
                require(!same, 4, tenant, "is in an unfinished plan to the same target already")?;
            }
            require(movable, 12, name, "a run in which nobody can move")?;
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

fn moved_here(view: &Fleet, rollout: &str, wave: &str) -> usize {
    rules::moving(view, Some(rollout), Some(wave))
}

/// Whether anybody was moved in this wave, so that there is something to watch.
fn anybody(view: &Fleet, rollout: &Rollout, wave: usize) -> bool {
    let spec = &rollout.spec;
    let moved = |tenant: &String| {
        rules::present(view, spec, tenant).is_some_and(|m| {
            rules::on_target(m, spec)
                && !spec.skip.contains(tenant)
                && (rules::wants(m, spec) || m.health != Health::Regressed)
        })
    };
    spec.waves[wave].members.iter().any(moved)
}

/// Whether a tenant that the run granted should have been proven by now.
fn overdue(look: &Look, run: &str, spec: &RolloutSpec) -> bool {
    spec.waves.iter().any(|wave| {
        let late = |tenant: &String| {
            let member = rules::present(look.view, spec, tenant);
            let granted = member.filter(|m| m.health == Health::Moving).and_then(|m| m.granted.as_ref());
            granted.is_some_and(|granted| {
                let due =
                    granted.at.as_millisecond() + i64::try_from(wave.progress_deadline.get().as_millis()).unwrap();
                granted.rollout.as_deref() == Some(run) && look.now.as_millisecond() >= due
            })
        };
        wave.members.iter().any(late)
    })
}

fn concurrency(look: &Look) -> Finding {
    let (view, grants) = (look.view, &look.decisions.grants);
    if grants.is_empty() {
        return Ok(());
    }
    let total = rules::moving(view, None, None) + grants.len();
    require(total <= view.max_concurrency as usize, 1, "fleet", "more in flight than the ceiling")?;
    for name in grants.iter().map(|order| &order.rollout).collect::<BTreeSet<_>>() {
        let spec = &view.rollouts[name].spec;
        let mine = || grants.iter().filter(|order| order.rollout == *name);
        let all = rules::moving(view, Some(name), None) + mine().count();
        require(all <= spec.max_concurrency as usize, 1, name, "more in flight than the run allows")?;
        for wave in &spec.waves {
            let new = mine().filter(|order| order.wave == wave.name).count();
            let all = rules::moving(view, Some(name), Some(&wave.name)) + new;
            require(new == 0 || all <= wave.max_concurrency as usize, 1, name, "more in flight than the wave allows")?;
        }
    }
    Ok(())
}

/// Everybody who wants to move and is not on the way is told why, and nobody else.
fn waits(look: &Look) -> Finding {
    let granted: BTreeSet<&str> = look.decisions.grants.iter().map(|order| &*order.tenant).collect();
    for (tenant, member) in &look.view.members {
        let on_the_way =
            member.health == Health::Moving && member.granted.as_ref().is_some_and(|granted| granted.rollout.is_some());
        let waits = member.wants_to_move()
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

fn deletions(look: &Look) -> Finding {
    for name in &look.decisions.delete {
        let ended = look.view.rollouts.get(name).is_some_and(|rollout| rules::phase(rollout).ended());
        require(ended && rules::moving(look.view, Some(name), None) == 0, 4, name, "deleted before its time")?;
    }
    Ok(())
}

/// Who is overdue is said to have failed, at once; nobody else is.
fn deadlines(look: &Look) -> Finding {
    for (name, rollout) in look.view.rollouts.iter().filter(|(_, rollout)| !rules::phase(rollout).ended()) {
        for tenant in rollout.spec.waves.iter().flat_map(|wave| &wave.members) {
            let Some(member) = rules::present(look.view, &rollout.spec, tenant) else { continue };
            let Some(granted) =
                member.granted.as_ref().filter(|g| member.health == Health::Moving && g.rollout.as_ref() == Some(name))
            else {
                continue;
            };
            let wave = rollout.spec.waves.iter().find(|wave| granted.wave.as_ref() == Some(&wave.name));
            let Some(wave) = wave else { continue };
            let due = granted.at.as_millisecond() + i64::try_from(wave.progress_deadline.get().as_millis()).unwrap();
            let ordered = look.decisions.failures.iter().any(|(name, _)| name == tenant);
            require(ordered == (look.now.as_millisecond() >= due), 3, tenant, "its deadline is not what it should be")?;
        }
    }
    Ok(())
}
