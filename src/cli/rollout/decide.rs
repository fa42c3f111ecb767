//! A person's yes or no to a gate: a RolloutApproval, bound to the plan that was looked at.
use std::process::ExitCode;

use clap::Args;

use super::super::{
    connect::{Trouble, listed},
    output,
    person::Saying,
};
use crate::{
    api::{ApprovalSpec, Decision, Gate, Rollout, RolloutApproval, WavePhase},
    domain::digest,
};

/// Open a gate of a rollout: the one that it waits at, or the one that is named.
#[derive(Debug, Args)]
pub struct Approve {
    #[command(flatten)]
    gate: AtGate,
}

/// Say no at a gate of a rollout: it halts.
#[derive(Debug, Args)]
pub struct Reject {
    #[command(flatten)]
    gate: AtGate,
}

#[derive(Debug, Args)]
struct AtGate {
    /// Name of the Rollout
    rollout: String,
    /// Name of the wave; default: the one under way
    #[arg(long)]
    wave: Option<String>,
    /// Name of the gate; default: the one that the wave waits at
    #[arg(long)]
    gate: Option<String>,
    /// Why, for the record
    #[arg(long, default_value_t)]
    comment: String,
    #[command(flatten)]
    saying: Saying,
}

impl Approve {
    pub async fn run(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        self.gate.decide(Decision::Approve).await
    }
}

impl Reject {
    pub async fn run(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        self.gate.decide(Decision::Reject).await
    }
}

impl AtGate {
    async fn decide(self, decision: Decision) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let person = self.saying.person().await?;
        let rollout: Rollout = person.get(&self.rollout).await?;
        let (wave, gate) = meant(&rollout, self.wave.as_deref(), self.gate.as_deref())?;
        let approver = person.name().await?;
        let name = format!("{}-{wave}-{gate}-{}", self.rollout, digest::short(approver.as_bytes()));
        let spec = ApprovalSpec {
            rollout: self.rollout,
            wave: wave.clone(),
            gate: gate.clone(),
            plan_hash: rollout.spec.plan_hash.clone(),
            decision,
            approver: approver.clone(),
            comment: self.comment,
        };
        if person.create(&RolloutApproval::new(&name, spec.clone())).await?.is_none() {
            let old: RolloutApproval = person.get(&name).await?;
            if let Some(why) = in_the_way(&old.spec, &spec) {
                let why = format!("{why}\n  Take it back first: kubectl delete rolloutapproval {name}");
                return Err(Trouble::Unclear(why).into());
            }
        }
        let what = if decision == Decision::Approve { "approves" } else { "rejects" };
        output::print(&format!(
            "rolloutapproval.leasehold.dev/{name}: {approver} {what} gate {gate} of wave {wave}{}\n",
            person.truly()
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Why a decision that is there already is not the one that is being made. One about another plan counts for nothing.
fn in_the_way(old: &ApprovalSpec, new: &ApprovalSpec) -> Option<String> {
    if old.decision != new.decision {
        return Some(format!("you said {:?} at this gate before, and a decision is immutable", old.decision));
    }
    let (was, is) = (&old.plan_hash, &new.plan_hash);
    (was != is).then(|| {
        format!("what you said at this gate was about another plan ({was}; now it is {is}), and counts for nothing")
    })
}

/// Which gate is meant: the named one, or the only one that the wave under way waits at.
fn meant(rollout: &Rollout, wave: Option<&str>, gate: Option<&str>) -> Result<(String, String), Trouble> {
    let status = rollout.status.clone().unwrap_or_default();
    let unclear = |why: String| Err(Trouble::Unclear(why));
    let Some(wave) = wave.or(status.current_wave.as_deref()) else {
        return unclear("no wave is under way: name one with --wave".into());
    };
    let Some(plan) = rollout.spec.waves.iter().find(|planned| planned.name == wave) else {
        let known: Vec<&str> = rollout.spec.waves.iter().map(|wave| wave.name.as_str()).collect();
        return unclear(format!("the rollout has no wave {wave}; it has: {}", listed(&known)));
    };
    let phase =
        status.waves.iter().find(|status| status.name == wave).map_or(WavePhase::Pending, |status| status.phase);
    let begun = !matches!(phase, WavePhase::Pending | WavePhase::Running);
    let ours = |gate: &&Gate| gate.approval.is_some();
    let names = |gates: &[Gate]| gates.iter().filter(ours).map(|gate| gate.name.clone()).collect::<Vec<_>>();
    let all = [names(&plan.gates.before), names(&plan.gates.after)].concat();
    let at = match gate {
        Some(gate) => all.iter().filter(|name| *name == gate).cloned().collect(),
        None => names(if begun { &plan.gates.after } else { &plan.gates.before }),
    };
    match at.as_slice() {
        [one] => Ok((wave.to_owned(), one.clone())),
        [] if gate.is_some() => unclear(format!("wave {wave} has no gate of that name; it has: {}", listed(&all))),
        [] => unclear(format!("wave {wave} waits at no gate now; it has: {}", listed(&all))),
        several => unclear(format!("wave {wave} waits at several gates; name one with --gate: {}", listed(several))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A run whose one wave is in that phase, with these gates before and after.
    fn run(phase: &str, before: &[&str], after: &[&str]) -> Rollout {
        let gates = |names: &[&str]| names.iter().map(|name| json!({"name": name, "approval": {}})).collect::<Vec<_>>();
        serde_json::from_value(json!({
            "apiVersion": "leasehold.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "r"},
            "spec": {
                "operator": "memcached", "target": {"version": "1.1.0", "digest": "d"}, "policy": "default", "sequence": 1,
                "order": "Name", "maxConcurrency": 1, "maxFailures": 0, "revisionHistoryLimit": 10,
                "waves": [{"name": "all", "members": ["acme"], "maxConcurrency": 1, "maxFailures": 0,
                    "progressDeadline": "10m", "soak": "1m", "gates": {"before": gates(before), "after": gates(after)}}],
            },
            "status": {"currentWave": "all", "waves": [{"name": "all", "phase": phase}]},
        }))
        .unwrap()
    }

    fn at(rollout: &Rollout, gate: Option<&str>) -> Result<String, String> {
        meant(rollout, None, gate).map(|(_, gate)| gate).map_err(|why| why.to_string())
    }

    #[test]
    fn the_gate_that_the_wave_waits_at_is_meant() {
        assert_eq!(at(&run("Pending", &["start"], &["look"]), None).as_deref(), Ok("start"));
        assert_eq!(at(&run("Soaking", &["start"], &["look"]), None).as_deref(), Ok("look"));
        assert_eq!(at(&run("Pending", &["start"], &["look"]), Some("look")).as_deref(), Ok("look"), "the named one");
    }

    #[test]
    fn a_decision_about_another_plan_or_another_one_is_in_the_way() {
        let said = |hash: &str, decision| ApprovalSpec {
            rollout: "r".into(),
            wave: "all".into(),
            gate: "look".into(),
            plan_hash: hash.into(),
            decision,
            approver: "ann".into(),
            comment: String::new(),
        };
        let new = said("b", Decision::Approve);
        assert_eq!(in_the_way(&said("b", Decision::Approve), &new), None);
        assert!(in_the_way(&said("b", Decision::Reject), &new).unwrap().contains("you said Reject"));
        assert!(
            in_the_way(&said("a", Decision::Approve), &new).unwrap().contains("about another plan (a; now it is b)")
        );
    }

    #[test]
    fn what_is_unclear_is_asked_and_not_guessed() {
        assert!(at(&run("Pending", &["a", "b"], &[]), None).unwrap_err().contains("name one with --gate: a, b"));
        assert!(at(&run("Soaking", &["a"], &[]), None).unwrap_err().contains("waits at no gate now; it has: a"));
        assert!(at(&run("Pending", &["a"], &[]), Some("c")).unwrap_err().contains("no gate of that name"));
        let why = meant(&run("Pending", &["a"], &[]), Some("none"), None).unwrap_err().to_string();
        assert!(why.contains("no wave none; it has: all"), "{why}");
    }
}
