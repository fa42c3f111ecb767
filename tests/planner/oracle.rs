//! Watches every decision and says which invariant it breaks. It keeps a memory of its own, of what it has seen and for
//! how long, which the engine does not have.
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use leasehold::{
    api::{Phase, Rollout, RolloutTarget, When},
    domain::fleet::{Fleet, Health, Member, Standing},
    plan::rollout::{Decisions, GrantOrder},
};

use crate::{
    aim, asked, bounds,
    cluster::Write,
    people,
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
    pub soaks: BTreeMap<(String, usize), Soaked>,
    /// Runs that were recorded as halted, with their generation then.
    halted: BTreeMap<String, i64>,
    aborted: BTreeSet<String>,
    /// Tenants whose move a person aborted: to what, and in which run.
    pub stopped: BTreeMap<String, (RolloutTarget, String)>,
}

/// What the tenant asks for in the end, where this grant is only a step.
fn towards(member: &Member, order: &GrantOrder) -> Option<RolloutTarget> {
    member.desired.clone().filter(|desired| *desired != order.target && order.reject.is_none())
}

/// How long a wave has been seen well without a break.
#[derive(Default)]
pub struct Soaked {
    pub well: i64,
    /// `well` plus the time since the look before, as if nothing had been seen now.
    before: i64,
    seen: i64,
    counting: bool,
    failed: BTreeSet<String>,
    /// Those of the look before.
    known: BTreeSet<String>,
}

pub type Finding = Result<(), String>;

pub fn require(holds: bool, invariant: u8, subject: &str, what: &str) -> Finding {
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
        bounds::concurrency(look)?;
        self.halts(look)?;
        for (name, status) in &look.decisions.status {
            self.status(look, name, status)?;
            asked::honest(look, name, status)?;
        }
        self.plans(look)?;
        bounds::waits(look)?;
        bounds::deletions(look)?;
        bounds::deadlines(look)
    }

    /// What was really written.
    pub fn written(&mut self, look: &Look, writes: &[Write], everything: bool) {
        for write in writes {
            if let Write::Create(rollout) = write {
                self.another(look, rollout.metadata.name.as_deref().unwrap_or_default());
            }
            if let Write::Grant(order) = write {
                // Who is taken back remembers that himself.
                let of = look.view.rollouts.get(&order.rollout).and_then(|by| by.spec.rollback_of.as_ref());
                self.stopped.retain(|tenant, (_, run)| *tenant != order.tenant || Some(&*run) != of);
            }
            let Write::Status(name, status) = write else { continue };
            let Some(rollout) = look.view.rollouts.get(name) else { continue };
            let generation = rollout.metadata.generation.unwrap_or(0);
            match &status.halted {
                Some(_) => drop(self.halted.entry(name.clone()).or_insert(generation)),
                None => drop(self.halted.remove(name)),
            }
            if matches!(status.phase, Phase::Aborted | Phase::RolledBack) && self.aborted.insert(name.clone()) {
                for tenant in rollout.spec.waves.iter().flat_map(|wave| &wave.members) {
                    // The plan has names: a tenant of another operator that was made anew by that name was not meant.
                    let member = rules::present(look.view, &rollout.spec, tenant);
                    // Who was taken back remembers that himself; the end of a run whose status was lost is recorded once more.
                    let by = member.and_then(|m| look.view.rollouts.get(m.granted.as_ref()?.rollout.as_ref()?));
                    let back = by.is_some_and(|by| by.spec.rollback_of.as_ref() == Some(name));
                    let moves = !back && member.is_some_and(|m| !rules::on_target(m, &rollout.spec));
                    let wants = moves && aim::wants(look.world, look.view, tenant, &rollout.spec);
                    if wants {
                        self.stopped.insert(tenant.clone(), (rollout.spec.target.clone(), name.clone()));
                    }
                }
            }
        }
        // What was seen and could not be recorded is unknown after a crash: a suspension may be counted as soaked, and a
        // tenant that fell back may be well again before anybody looks; who failed before has not failed since.
        for soaked in self.soaks.values_mut().filter(|_| !everything) {
            (soaked.counting, soaked.well) = (true, soaked.well.max(soaked.before));
            soaked.failed.append(&mut soaked.known);
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

    /// A Rollout is made whose name one had that is gone: what that one did is not its own.
    fn another(&mut self, look: &Look, name: &str) {
        if !look.view.rollouts.contains_key(name) {
            self.halted.remove(name);
            self.aborted.remove(name);
            self.soaks.retain(|(rollout, _), _| rollout != name);
        }
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
                let known = std::mem::take(&mut soaked.failed);
                *soaked = Soaked { well, before, seen: look.real, counting: settled && !stopped, failed, known };
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
        require(aim::wants(look.world, view, tenant, spec), 9, tenant, "did not ask for this")?;
        require(!member.rejected.contains(&order.target.digest), 9, tenant, "granted what failed here before")?;
        require(member.standing == Standing::Active && member.blocked.is_none(), 8, tenant, "held back, granted")?;
        let fits = member.refused.as_ref().is_none_or(|(target, _)| *target != order.target);
        require(fits, 8, tenant, "granted what does not fit it")?;
        require(order.towards == towards(member, order), 9, tenant, "is told another end of its way")?;
        let from = member.granted.as_ref().map(|granted| granted.target.clone());
        let back = aim::back(look.world, view, tenant).is_some();
        require(order.reject == from.filter(|_| back), 9, tenant, "what it is taken back from is not remembered")?;
        require(!people::shut(view, member, look.now), 8, tenant, "granted outside its change window")?;
        let at = spec.waves.iter().position(|wave| wave.name == order.wave).unwrap_or(0);
        let opened = people::opened(view, run, spec, at, &spec.waves[at].gates.before);
        require(opened, 8, tenant, "granted through a gate that nobody opened")?;
        if !rules::failed(member) {
            asked::open(look, run, rollout, at, When::Before)?;
            asked::own(look, tenant, run, rollout, at)?;
        }
        require(!spec.undo, 8, run, "grants although it is undone")?;
        require(!spec.suspend && !spec.abort && !spec.skip.contains(&order.tenant), 8, run, "a person said no")?;
        let from = &member.granted.as_ref().ok_or("invariant 13: a tenant without a stack in a wave")?.target;
        require(rules::legal(look.world, &spec.operator, from, &order.target), 7, tenant, "an illegal step")?;
        require(rules::ready(view, &spec.operator, &order.target), 7, tenant, "the release is not ready")?;
        require(!self.halted.contains_key(run) || self.resumed(look, run, rollout), 3, run, "grants while halted")?;
        require(!rules::breached(view, spec), 3, run, "grants with a breached budget")?;
        require(!bounds::overdue(look, run, spec), 3, run, "grants although a deadline has passed")?;
        let fails = look.decisions.failures.iter().any(|(name, _)| name == tenant);
        require(!fails, 9, tenant, "granted in the breath in which it fails, as one who is well")?;
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
        if broken { Ok(()) } else { bounds::turn(look, order, rollout, wave) }
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

    pub fn unresumed(&self, look: &Look, name: &str, rollout: &Rollout) -> bool {
        self.halted.contains_key(name) && !self.resumed(look, name, rollout)
    }
}
