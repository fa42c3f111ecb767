//! Gates that are asked, as the second look sees them: by what is recorded, worked out anew.
use jiff::Timestamp;

use super::Check;
use crate::{
    api::{GateVerdict, Rollout, Scope, When},
    domain::{
        analysis::{GateKey, Outcome},
        fleet::{Fleet, Health, Member, Standing},
    },
};

impl Check<'_> {
    /// Nobody goes through a gate that is asked, and no wave ends at one, but on a recorded pass that is young enough; after a
    /// wave, on one that was asked for after its last grant.
    pub(super) fn gates(&mut self, subject: &str, rollout: &Rollout, wave: usize, when: When) {
        let Some(plan) = rollout.spec.waves.get(wave) else { return };
        let stored = rollout.status.as_ref().and_then(|status| status.waves.get(wave));
        let grant = if when == When::After { last_grant(self.fleet, rollout, wave) } else { None };
        for (_, gate) in plan.gates.all().filter(|(moment, gate)| *moment == when && gate.pace().is_some()) {
            let recorded = stored.and_then(|s| s.gates.iter().find(|g| g.name == gate.name && g.when == when));
            let interval = gate.pace().map_or(0, |pace| pace.interval.get().as_millis());
            let run = gate.job.as_ref().map_or(0, |gate| gate.template.timeout.get().as_millis());
            let passed = recorded.filter(|gate| gate.verdict == GateVerdict::Passed);
            let times = passed.and_then(|gate| Some((gate.asked_at?.0, gate.at?.0)));
            let fresh = times.is_some_and(|(asked, at)| {
                let age = u128::try_from(self.now.as_millisecond() - asked.as_millisecond()).unwrap_or(u128::MAX);
                asked <= self.now
                    && at <= self.now
                    && age <= 2 * interval + run
                    && grant.is_none_or(|grant| asked > grant)
            });
            self.require(fresh, 2, subject, "passes a gate that is not open on fresh evidence");
            if when == When::Before && gate.scope() == Scope::Tenant {
                let rollout = rollout.metadata.name.clone().unwrap_or_default();
                let key = GateKey { rollout, wave: plan.name.clone(), when, gate: gate.name.clone() };
                let answer =
                    self.fleet.analyses.get(&key).and_then(|answers| answers.of.get(&Some(subject.to_owned())));
                let own = answer.is_some_and(|answer| answer.outcome == Outcome::Passed);
                self.require(own, 2, subject, "passes a gate that was asked about others only");
            }
        }
    }
}

/// The last grant of the wave by this run to somebody whom it still answers for.
fn last_grant(fleet: &Fleet, rollout: &Rollout, wave: usize) -> Option<Timestamp> {
    let plan = rollout.spec.waves.get(wave)?;
    let granted = |name: &String| {
        let member = fleet.members.get(name).filter(|member| counts(member, rollout))?;
        let granted = member.granted.as_ref()?;
        let here = granted.rollout == rollout.metadata.name && granted.wave.as_ref() == Some(&plan.name);
        (here && granted.target == rollout.spec.target).then_some(granted.at)
    };
    plan.members.iter().filter(|name| !rollout.spec.skip.contains(name)).filter_map(granted).max()
}

fn counts(member: &Member, rollout: &Rollout) -> bool {
    member.operator == rollout.spec.operator
        && member.standing != Standing::Deleting
        && matches!(member.health, Health::Proven | Health::Failed { .. })
}
