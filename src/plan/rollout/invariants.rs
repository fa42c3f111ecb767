//! A second look at decisions before they are acted on: are they within the rules, whoever made them? Written from the
//! rules and not from the engine, so that one mistake does not hide in both. The shell refuses decisions that violate.
mod facts;
mod gates;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;

use self::facts::{asks, begun, granted_by, moving, over_budget, unread};
use super::{Decisions, GrantOrder, path::Releases};
use crate::{
    api::{Phase, Rollout, RolloutStatus, WavePhase, When},
    domain::fleet::{Fleet, Health, Member, Standing},
};

/// A rule that the decisions would break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Number of the invariant.
    pub invariant: u8,
    /// The tenant or the rollout.
    pub subject: String,
    pub note: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {}: {}: {}", self.invariant, self.subject, self.note)
    }
}

/// Checks invariants 1 to 4, 6 to 9 and 13 as far as one decision can show them. Empty: nothing is wrong.
#[must_use]
pub fn check(fleet: &Fleet, decisions: &Decisions, now: Timestamp) -> Vec<Violation> {
    let concerned = decisions.grants.iter().map(|order| &order.rollout).chain(decisions.status.keys());
    let concerned = concerned.filter_map(|name| fleet.rollouts.get_key_value(name)).collect::<BTreeMap<_, _>>();
    let over = concerned.into_iter().filter(|(_, rollout)| over_budget(fleet, &rollout.spec)).map(|(name, _)| &**name);
    let mut check =
        Check { fleet, now, decisions, releases: Releases::new(fleet), over: over.collect(), found: Vec::new() };
    let mut tenants = BTreeSet::new();
    for order in &decisions.grants {
        if !tenants.insert(&order.tenant) {
            check.report(6, &order.tenant, "is granted twice");
        }
        check.grant(order);
    }
    check.concurrency();
    for (name, status) in &decisions.status {
        check.status(name, status);
    }
    check.plans();
    check.deletions();
    check.deadlines(now);
    check.found
}

struct Check<'a> {
    fleet: &'a Fleet,
    now: Timestamp,
    decisions: &'a Decisions,
    releases: Releases<'a>,
    /// Rollouts whose failure budget is breached.
    over: BTreeSet<&'a str>,
    found: Vec<Violation>,
}

impl Check<'_> {
    fn report(&mut self, invariant: u8, subject: &str, note: &'static str) {
        self.found.push(Violation { invariant, subject: subject.to_owned(), note });
    }

    fn require(&mut self, holds: bool, invariant: u8, subject: &str, note: &'static str) {
        if !holds {
            self.report(invariant, subject, note);
        }
    }

    fn grant(&mut self, order: &GrantOrder) {
        let (fleet, tenant) = (self.fleet, &*order.tenant);
        let (Some(member), Some(rollout)) = (fleet.members.get(tenant), fleet.rollouts.get(&order.rollout)) else {
            return self.report(6, tenant, "is granted, but the tenant or the rollout is not there");
        };
        let spec = &rollout.spec;
        self.whole(&spec.operator, &order.rollout);
        self.require(member.uid == order.uid, 6, tenant, "is another one than the order means");
        self.require(order.target == spec.target, 6, tenant, "is granted something else than its rollout's target");
        let back = order.reject.as_ref().and(member.granted.as_ref()).and_then(|granted| granted.rollout.as_deref());
        let asked = asks(fleet, member, &order.target, back) && (back.is_some() == order.reject.is_some());
        self.require(asked, 9, tenant, "did not ask for this");
        self.require(!member.rejected.contains(&order.target.digest), 9, tenant, "is granted what failed there before");
        self.require(
            member.standing == Standing::Active && member.blocked.is_none(),
            8,
            tenant,
            "is held back or blocked",
        );
        self.require(member.refused_note(&order.target).is_none(), 8, tenant, "is granted what does not fit it");
        let windows = || fleet.windows.values().filter(|w| w.selects(&spec.operator, &member.labels));
        let (mut denies, mut allows) = windows().partition::<Vec<_>, _>(|window| window.denies());
        let some = !allows.is_empty();
        denies.retain(|window| window.at(self.now).open);
        allows.retain(|window| window.at(self.now).open);
        self.require(denies.is_empty() && (!some || !allows.is_empty()), 8, tenant, "is outside its change window");
        let stopped = spec.suspend || spec.abort || spec.undo;
        self.require(!stopped, 8, &order.rollout, "grants although suspended, aborted or undone");
        self.require(!spec.skip.contains(&order.tenant), 8, tenant, "is to be skipped");
        let step = member
            .granted
            .as_ref()
            .map(|granted| self.releases.illegal(&spec.operator, &granted.target, &order.target));
        self.require(step == Some(None), 7, tenant, "has no legal step to this, or no stack yet");
        let ready = self.releases.not_ready(&spec.operator, &order.target).is_none();
        self.require(ready, 7, tenant, "is granted a release that is not ready");
        self.turn(order, rollout, member);
    }

    /// Nothing is granted or planned while a plan of that operator cannot be read.
    fn whole(&mut self, operator: &str, subject: &str) {
        let unread = unread(self.fleet, operator);
        self.require(!unread, 4, subject, "goes on while a plan of its operator cannot be read");
    }

    /// Whether the run may grant at all, and whether it is this wave's turn.
    fn turn(&mut self, order: &GrantOrder, rollout: &Rollout, member: &Member) {
        let (name, fresh) = (&*order.rollout, RolloutStatus::default());
        let stored = rollout.status.as_ref().unwrap_or(&fresh);
        let next = self.decisions.status.get(name).unwrap_or(stored);
        let halted = stored.halted.is_some() || next.halted.is_some() || self.over.contains(name);
        self.require(!halted, 3, name, "grants although it is halted or its failure budget is breached");
        self.require(!stored.phase.ended() && !next.phase.ended(), 6, name, "grants although it has ended");
        let waves = &rollout.spec.waves;
        let Some(index) = waves.iter().position(|wave| wave.name == order.wave && wave.members.contains(&order.tenant))
        else {
            return self.report(4, &order.tenant, "is not in the plan of this wave");
        };
        let broken = matches!(member.health, Health::Failed { .. });
        self.require(
            order.broken_before || !broken,
            9,
            &order.tenant,
            "was broken before, and the order does not say so",
        );
        // Invariant 9: no answer keeps a broken tenant from the fix.
        if broken {
            return;
        }
        self.gates(&order.tenant, rollout, index, When::Before);
        let phase = |index: usize| stored.waves.get(index).map(|wave| wave.phase);
        let before = (0..index).all(|earlier| phase(earlier) == Some(WavePhase::Done));
        let open = matches!(phase(index), Some(WavePhase::Running | WavePhase::Soaking | WavePhase::Halted));
        self.require(before && open, 2, &order.tenant, "is granted before its wave was recorded as open");
        let alone = !self.fleet.rollouts.iter().any(|(other, run)| other != name && begun(run, &rollout.spec));
        self.require(
            stored.phase == Phase::Running && alone,
            6,
            name,
            "grants while another run of its operator is active",
        );
    }

    fn concurrency(&mut self) {
        let mut per_run: BTreeMap<&str, Vec<&GrantOrder>> = BTreeMap::new();
        for order in &self.decisions.grants {
            per_run.entry(&order.rollout).or_default().push(order);
        }
        if per_run.is_empty() {
            return;
        }
        let taken = self.fleet.members.values().filter(|member| member.in_flight()).count();
        let total = taken + self.decisions.grants.len();
        self.require(
            total <= self.fleet.max_concurrency as usize,
            1,
            "fleet",
            "has more grants in flight than its ceiling",
        );
        for (name, orders) in per_run {
            let Some(rollout) = self.fleet.rollouts.get(name) else { continue };
            let moving = |wave: Option<&str>| moving(self.fleet, (name, &rollout.spec), wave);
            let all = moving(None) + orders.len() <= rollout.spec.max_concurrency as usize;
            let crowded = |wave: &&crate::api::PlannedWave| {
                let new = orders.iter().filter(|order| order.wave == wave.name).count();
                new > 0 && moving(Some(&wave.name)) + new > wave.max_concurrency as usize
            };
            let waves = !rollout.spec.waves.iter().any(|wave| crowded(&wave));
            self.require(all && waves, 1, name, "has more tenants in flight than its plan allows");
        }
    }

    fn status(&mut self, name: &str, next: &RolloutStatus) {
        let Some(rollout) = self.fleet.rollouts.get(name) else {
            return self.report(6, name, "gets a status, but is not there");
        };
        let fresh = RolloutStatus::default();
        let stored = rollout.status.as_ref().unwrap_or(&fresh);
        if unread(self.fleet, &rollout.spec.operator) {
            let same = next.phase == stored.phase && next.halted == stored.halted && next.waves == stored.waves;
            return self.require(same || stored.phase.ended(), 4, name, "goes on, and who is in it is not known");
        }
        let over = self.over.contains(name);
        if let (Some(halt), None) = (&stored.halted, &next.halted) {
            let acted = rollout.metadata.generation.unwrap_or(0) > halt.generation && !rollout.spec.suspend;
            self.require(acted && !over, 3, name, "goes on after a halt without a person's act");
        }
        self.require(
            !over || next.halted.is_some() || next.phase.ended(),
            3,
            name,
            "has breached its budget and does not halt",
        );
        self.require(!stored.phase.ended() || next.phase == stored.phase, 6, name, "comes back to life");
        for (index, (wave, after)) in rollout.spec.waves.iter().zip(&next.waves).enumerate() {
            let before = stored.waves.iter().find(|before| before.name == wave.name).map(|before| before.phase);
            let closes = after.phase == WavePhase::Done && before != Some(WavePhase::Done);
            let busy = moving(self.fleet, (name, &rollout.spec), Some(&wave.name)) > 0;
            self.require(!(closes && busy), 2, name, "closes a wave with tenants in flight");
            // Where nobody was moved there is nothing to ask about.
            if closes && after.proven + after.failed > 0 {
                self.gates(name, rollout, index, When::After);
            }
        }
    }

    fn plans(&mut self) {
        for rollout in &self.decisions.create {
            let name = rollout.metadata.name.as_deref().unwrap_or_default();
            self.require(!self.fleet.rollouts.contains_key(name), 4, name, "is there already");
            self.whole(&rollout.spec.operator, name);
            let members: Vec<&String> = rollout.spec.waves.iter().flat_map(|wave| &wave.members).collect();
            let once = members.iter().collect::<BTreeSet<_>>().len() == members.len();
            self.require(once, 4, name, "plans for a tenant twice");
            let back = rollout.spec.rollback_of.as_deref();
            let asked = |tenant: &&String| {
                let member = self.fleet.members.get(*tenant).filter(|member| member.granted.is_some());
                member.is_some_and(|member| asks(self.fleet, member, &rollout.spec.target, back))
            };
            self.require(members.iter().all(asked), 9, name, "plans for a tenant that did not ask");
            let gated = rollout.spec.waves.iter().any(|wave| !wave.gates.is_empty());
            self.require(back.is_none() || !gated, 9, name, "goes back through a gate");
            let positive =
                rollout.spec.max_concurrency > 0 && rollout.spec.waves.iter().all(|wave| wave.max_concurrency > 0);
            self.require(positive, 1, name, "could never move anybody");
        }
    }

    fn deletions(&mut self) {
        for name in &self.decisions.delete {
            let ended = self
                .fleet
                .rollouts
                .get(name)
                .and_then(|run| run.status.as_ref())
                .is_some_and(|status| status.phase.ended());
            self.require(ended, 4, name, "is deleted before it has ended");
            let moving = self.fleet.members.values().any(|member| member.in_flight() && granted_by(member, name));
            self.require(!moving, 4, name, "is deleted with tenants in flight");
        }
    }

    fn deadlines(&mut self, now: Timestamp) {
        for (tenant, order) in &self.decisions.failures {
            let member = self.fleet.members.get(tenant);
            let granted = member.and_then(|member| member.granted.as_ref());
            let meant = member.is_some_and(|member| member.uid == order.uid)
                && granted.is_some_and(|granted| granted.target == order.target);
            self.require(meant, 6, tenant, "fails by its deadline, but is not the one that was granted");
            let unproven = member.is_some_and(|member| match member.health {
                Health::Moving => granted.is_some_and(|granted| granted.at <= now),
                Health::Regressed => true,
                Health::Proven | Health::Failed { .. } => false,
            });
            self.require(unproven, 3, tenant, "fails by its deadline, but is proven or has failed already");
            let awake = member.is_none_or(|member| member.standing != Standing::Paused);
            self.require(awake, 5, tenant, "fails by its deadline while it is paused");
        }
    }
}
