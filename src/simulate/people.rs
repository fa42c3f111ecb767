//! What people, Git and bad luck do to a fleet: the events of a script, done to the model as the API server would.
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{cluster::Cluster, fate::Fate};
use crate::api::{
    ApprovalSpec, ChangeWindow, Decision, FleetPolicy, Hold, OperatorRelease, RolloutApproval, RolloutPolicy,
    RolloutSpec, Span, Tenant, Time, WindowAction, WindowSpec,
};

/// The name under which `stop` pulls the brake.
const BRAKE: &str = "brake";

/// An object of Leasehold's own kinds, as a file has it.
#[derive(Clone, Debug)]
pub enum Object {
    Tenant(Box<Tenant>),
    Release(Box<OperatorRelease>),
    Policy(Box<RolloutPolicy>),
    Fleet(Box<FleetPolicy>),
    Window(Box<ChangeWindow>),
    Approval(Box<RolloutApproval>),
}

/// Something that is done to the fleet.
#[derive(Clone, Debug)]
pub enum Act {
    /// Tenants ask for a version.
    Ask {
        tenants: BTreeSet<String>,
        version: String,
    },
    Apply(Vec<Object>),
    /// `Kind/name`.
    Delete(Vec<String>),
    /// A JSON merge patch of one object.
    Edit {
        object: String,
        merge: Value,
    },
    Hold {
        tenants: BTreeSet<String>,
        name: String,
        reason: String,
        until: Option<Timestamp>,
    },
    Release {
        tenants: BTreeSet<String>,
        name: String,
    },
    Suspend(String),
    Resume {
        rollout: String,
        additional_failures: Option<u32>,
    },
    Abort(String),
    Undo(String),
    Skip {
        rollout: String,
        tenants: Vec<String>,
    },
    Decide {
        rollout: String,
        wave: String,
        gate: String,
        decision: Decision,
        by: String,
        comment: String,
    },
    /// The emergency brake is pulled, and let go.
    Stop {
        reason: String,
    },
    Go,
    Fate(Fate),
    /// Leasehold's own leader gives its Lease back, and another replica takes it at once.
    NewLeader,
    /// Leasehold's leader dies after so many more writes; nobody leads for so long.
    Crash {
        after_writes: usize,
        leaderless: Span,
    },
}

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Cluster {
    /// Does it, as far as it is done to objects.
    ///
    /// # Errors
    /// An object that is not there, or that would not be one any more.
    pub fn act(&mut self, act: &Act) -> Result<(), Refused> {
        match act {
            Act::Ask { tenants, version } => self.each(tenants, |tenant| version.clone_into(&mut tenant.spec.version)),
            Act::Apply(objects) => {
                for object in objects {
                    self.put(object.clone());
                }
                Ok(())
            }
            Act::Delete(names) => names.iter().try_for_each(|name| self.delete_object(name)),
            Act::Edit { object, merge } => self.merge(object, merge),
            Act::Hold { tenants, name, reason, until } => self.each(tenants, |tenant| {
                let hold = Hold { name: name.clone(), reason: reason.clone(), until: until.map(Time) };
                tenant.spec.holds.retain(|old| old.name != *name);
                tenant.spec.holds.push(hold);
            }),
            Act::Release { tenants, name } => {
                self.each(tenants, |tenant| tenant.spec.holds.retain(|hold| hold.name != *name))
            }
            Act::Suspend(name) => self.edit_rollout(name, |spec| spec.suspend = true),
            Act::Resume { rollout, additional_failures } => self.edit_rollout(rollout, |spec| {
                spec.suspend = false;
                spec.additional_failures = additional_failures.unwrap_or(spec.additional_failures);
            }),
            Act::Abort(name) => self.edit_rollout(name, |spec| spec.abort = true),
            Act::Undo(name) => self.edit_rollout(name, |spec| spec.undo = true),
            Act::Skip { rollout, tenants } => {
                self.edit_rollout(rollout, |spec| spec.skip.extend(tenants.iter().cloned()))
            }
            Act::Decide { .. } => self.decide(act),
            Act::Stop { reason } => {
                self.put(Object::Window(Box::new(ChangeWindow::new(BRAKE, brake(reason)))));
                Ok(())
            }
            Act::Go => self.delete_object(&format!("ChangeWindow/{BRAKE}")),
            Act::Fate(fate) => {
                self.fare(fate.clone());
                Ok(())
            }
            Act::NewLeader => {
                self.take_over();
                Ok(())
            }
            // Counted by whoever carries writes out.
            Act::Crash { .. } => Ok(()),
        }
    }

    fn each(&mut self, names: &BTreeSet<String>, change: impl Fn(&mut Tenant)) -> Result<(), Refused> {
        for name in names {
            let Some(tenant) = self.world.tenants.get(name).and_then(|seen| seen.tenant.as_deref()) else {
                return Err(absent("Tenant", name, self.world.tenants.keys()));
            };
            let mut tenant = tenant.clone();
            change(&mut tenant);
            self.put_tenant(tenant);
        }
        Ok(())
    }

    /// A person edits a Rollout.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn edit_rollout(&mut self, name: &str, change: impl FnOnce(&mut RolloutSpec)) -> Result<(), Refused> {
        let Some(rollout) = self.world.rollouts.get_mut(name) else {
            return Err(absent("Rollout", name, self.world.rollouts.keys()));
        };
        let before = rollout.spec.clone();
        change(&mut rollout.spec);
        let generation = rollout.metadata.generation.unwrap_or(1) + i64::from(before != rollout.spec);
        rollout.metadata.generation = Some(generation);
        self.touch_rollout(name);
        Ok(())
    }

    fn decide(&mut self, act: &Act) -> Result<(), Refused> {
        let Act::Decide { rollout, wave, gate, decision, by, comment } = act else { return Ok(()) };
        let Some(run) = self.world.rollouts.get(rollout) else {
            return Err(absent("Rollout", rollout, self.world.rollouts.keys()));
        };
        let spec = ApprovalSpec {
            rollout: rollout.clone(),
            wave: wave.clone(),
            gate: gate.clone(),
            plan_hash: run.spec.plan_hash.clone(),
            decision: *decision,
            approver: by.clone(),
            comment: comment.clone(),
        };
        let name = format!("{rollout}-{wave}-{gate}-{by}");
        self.put(Object::Approval(Box::new(RolloutApproval::new(&name, spec))));
        Ok(())
    }
}

fn brake(reason: &str) -> WindowSpec {
    WindowSpec {
        action: WindowAction::Deny,
        reason: reason.into(),
        selector: None,
        operators: Vec::new(),
        schedule: None,
        until: None,
    }
}

pub(super) fn absent<'n>(kind: &str, name: &str, known: impl Iterator<Item = &'n String>) -> Refused {
    let known: Vec<&str> = known.map(String::as_str).take(5).collect();
    let known = if known.is_empty() { "there is none".to_owned() } else { format!("there is {}", known.join(", ")) };
    Refused(format!("there is no {kind} {name} at this time; {known}"))
}
