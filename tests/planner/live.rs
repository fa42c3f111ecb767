//! When nothing happens any more, everything comes to rest: each run ends, or waits for a person who is named.
use jiff::{SignedDuration, Timestamp};
use leasehold::{
    api::{OnFailure, Phase, Rollout},
    domain::{
        fleet::{Fleet, Health, Standing},
        report::WaitingOn,
    },
    plan::rollout::{Decisions, decide},
};

use crate::{aim, cluster::writes, people, rules, schedule::Schedule};

/// Far more looks than any schedule needs.
const LOOKS: usize = 4_000;

impl Schedule {
    /// Lets time pass and the engine work until nothing is left to do, then asks whether that is right.
    pub fn come_to_rest(&mut self) -> Result<(), String> {
        self.no_more_clocks();
        for _ in 0..LOOKS {
            let decisions = self.look(None, false, false)?;
            if !writes(&decisions).is_empty() {
                continue;
            }
            let wake = decisions.wake.map(|wake| (wake.as_millisecond() - self.cluster.now.as_millisecond()).max(1));
            let due = self.next_due().map(|at| at - self.real);
            let Some(step) = [wake, due].into_iter().flatten().min() else {
                return self.at_rest(&decisions);
            };
            if self.ticks.is_multiple_of(4) {
                self.sleeps_well(step)?;
            }
            self.pass(step);
        }
        Err("liveness: it never comes to rest".into())
    }

    /// Between two wakes time alone changes nothing.
    fn sleeps_well(&self, step: i64) -> Result<(), String> {
        let just_before = self.cluster.now + SignedDuration::from_millis(step - 1);
        let writes = writes(&decide(&self.cluster.fleet, just_before));
        if writes.is_empty() { Ok(()) } else { Err(format!("invariant 12: it should have woken for {writes:?}")) }
    }

    fn at_rest(&self, decisions: &Decisions) -> Result<(), String> {
        let fleet = &self.cluster.fleet;
        let later: Timestamp = self.cluster.now + SignedDuration::from_hours(24 * 3650);
        if !writes(&decide(fleet, later)).is_empty() {
            return Err("liveness: time alone changes something, and nobody is woken for it".into());
        }
        for (name, rollout) in fleet.rollouts.iter().filter(|(_, rollout)| !rules::phase(rollout).ended()) {
            let waits = stopped(fleet, rollout)
                || rules::unfinished(fleet, &rollout.spec.operator)
                    .any(|(other, o)| other != name && stopped(fleet, o));
            if !waits {
                return Err(format!("liveness: rollout {name} neither ends nor waits for anybody"));
            }
        }
        self.goes_back(fleet)?;
        for (tenant, member) in &fleet.members {
            if rules::on_the_way(member) && !matches!(member.standing, Standing::Deleting | Standing::Paused) {
                return Err(format!("liveness: {tenant} is in flight for ever"));
            }
            let Some((wait, note)) = decisions.waits.get(tenant) else { continue };
            let named = match wait.on {
                WaitingOn::Hold
                | WaitingOn::Paused
                | WaitingOn::PathBlocked
                | WaitingOn::CrdReady
                | WaitingOn::Suspended
                | WaitingOn::Budget
                | WaitingOn::Approval
                | WaitingOn::Inconclusive => true,
                WaitingOn::Window => wait.until.is_none(),
                WaitingOn::Queued | WaitingOn::PriorWave | WaitingOn::Concurrency | WaitingOn::Evidence => {
                    rules::unfinished(fleet, &member.operator).any(|(_, rollout)| stopped(fleet, rollout))
                }
                _ => false,
            };
            let kept =
                rules::unfinished(fleet, &member.operator).all(|(_, rollout)| !stopped_by_itself(fleet, rollout));
            if wait.on == WaitingOn::Concurrency && kept && !note.contains("is paused on its way and keeps its slot") {
                return Err(format!("liveness: {tenant} waits for a slot, and is not told who keeps it: {note}"));
            }
            if !named {
                return Err(format!("liveness: {tenant} waits for ever on {}: {note}", wait.on));
            }
            self.fix_is_taken(tenant, wait.on)?;
        }
        Ok(())
    }

    /// A run that failed by a policy that says so does not stand still while somebody could go back.
    fn goes_back(&self, fleet: &Fleet) -> Result<(), String> {
        for (name, rollout) in &fleet.rollouts {
            let spec = &rollout.spec;
            let could = |tenant: &String| {
                let Some(member) = rules::present(fleet, spec, tenant) else { return false };
                let Some(granted) = member.granted.as_ref().filter(|g| g.rollout.as_ref() == Some(name)) else {
                    return false;
                };
                let from = granted.from.as_ref().filter(|from| **from != granted.target);
                let way = from.is_some_and(|from| {
                    rules::legal(&self.world, &spec.operator, &granted.target, from)
                        && rules::ready(fleet, &spec.operator, from)
                });
                way && granted.target == spec.target && !granted.broken_before && !spec.skip.contains(tenant)
            };
            let policy = spec.on_failure == OnFailure::Rollback && spec.rollback_of.is_none() && !spec.suspend;
            let members = || spec.waves.iter().flat_map(|wave| &wave.members);
            if rules::phase(rollout) == Phase::Halted
                && policy
                && rules::moving(fleet, Some(name), None) == 0
                && members().any(could)
                && !members().any(|tenant| fleet.members.get(tenant).is_some_and(rules::on_the_way))
            {
                return Err(format!("liveness: {name} stands halted although it could go back"));
            }
        }
        Ok(())
    }

    /// Invariant 9: a broken tenant that asks for a fix has got it, unless a person or the fix itself stands in the way.
    fn fix_is_taken(&self, tenant: &str, on: WaitingOn) -> Result<(), String> {
        let fleet = &self.cluster.fleet;
        let member = &fleet.members[tenant];
        let aim = aim::aim(&self.world, fleet, tenant);
        let Some(desired) = aim.filter(|_| rules::failed(member) && aim::free(&self.world, fleet, tenant)) else {
            return Ok(());
        };
        // On a step of its way it waits for the others: nobody has asked for anything else.
        if aim::hop(member) {
            return Ok(());
        }
        let excused = matches!(
            on,
            WaitingOn::Window
                | WaitingOn::Approval
                | WaitingOn::Suspended
                | WaitingOn::Budget
                | WaitingOn::Inconclusive
                | WaitingOn::CrdReady
        );
        let same =
            rules::unfinished(fleet, &member.operator).any(|(_, o)| o.spec.target == desired && stopped(fleet, o));
        if excused || same { Ok(()) } else { Err(format!("invariant 9: {tenant} is broken and never gets its fix")) }
    }
}

/// Waits for a person, be it that one who paused a tenant on its way keeps its slot, also of the fleet's.
fn stopped(fleet: &Fleet, rollout: &Rollout) -> bool {
    let full = rules::moving(fleet, None, None) >= fleet.max_concurrency as usize;
    let kept = || fleet.members.values().any(|m| m.standing == Standing::Paused && rules::on_the_way(m));
    stopped_by_itself(fleet, rollout) || (full && kept())
}

/// Waits for a person: to resume it, to make its release ready, to go on with a tenant that was paused on its way, or to
/// mend or skip a wave's only tenants.
fn stopped_by_itself(fleet: &Fleet, rollout: &Rollout) -> bool {
    let (spec, name) = (&rollout.spec, rollout.metadata.name.as_deref().unwrap_or_default());
    let shut = |tenant: &String| {
        // Only brakes are left, and they are on at any time.
        let member = rules::present(fleet, spec, tenant).filter(|m| !rules::on_target(m, spec));
        member.is_some_and(|m| people::shut(fleet, m, Timestamp::UNIX_EPOCH))
    };
    let paused = |tenant: &String| {
        rules::present(fleet, spec, tenant).is_some_and(|m| {
            m.standing == Standing::Paused
                && rules::on_target(m, spec)
                && (m.health == Health::Moving || m.health == Health::Regressed)
        })
    };
    // At rest whoever is on the way is paused, and holds a place of the fleet.
    let full = rules::moving(fleet, None, None) >= fleet.max_concurrency as usize;
    full || matches!(rules::phase(rollout), Phase::Halted | Phase::Suspended)
        || spec.waves.iter().any(|wave| wave.members.iter().any(|tenant| paused(tenant) || shut(tenant)))
        || people::gated(fleet, name, spec)
        || (0..spec.waves.len()).any(|wave| rules::says_nothing(fleet, spec, wave))
        || !rules::ready(fleet, &rollout.spec.operator, &rollout.spec.target)
}
