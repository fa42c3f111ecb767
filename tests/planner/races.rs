//! What the engine is shown that is not so any more, and what becomes of its writes then: an old look at the fleet, two
//! leaders for a tick, and a grant of a former leader that lands late.
use jiff::Timestamp;
use leasehold::{
    api::Rollout,
    domain::fleet::{Fleet, Health, Member},
    plan::rollout::{Decisions, GrantOrder},
};

use crate::{
    cluster::Write,
    oracle::{Finding, require},
    rng::Rng,
    rules,
    schedule::Schedule,
};

/// A grant that was sent by a leader whose process died, and has not landed when the next one plans.
pub struct Late {
    order: GrantOrder,
    /// When, by its clock: that is in the grant.
    at: Timestamp,
    /// The tenant as that leader saw it.
    seen: Member,
}

impl Late {
    /// The first of the grants of which a dead leader got no answer.
    pub fn of(decisions: &Decisions, landed: &[Write], (view, at): (&Fleet, Timestamp)) -> Option<Self> {
        let there =
            |order: &GrantOrder| landed.iter().any(|write| matches!(write, Write::Grant(other) if other == order));
        let order = decisions.grants.iter().find(|order| !there(order))?.clone();
        Some(Self { at, seen: view.members.get(&order.tenant)?.clone(), order })
    }
}

impl Schedule {
    /// A late grant lands when the next leader has planned, before that one's writes or after them, if the tenant is still as it was
    /// seen: the write carries the resourceVersion that it was decided on. Nothing else keeps it off (fencing by epoch is for what
    /// is not a status), so it may be one more than the budgets allow; from then on it counts. Whether one landed.
    pub fn land(&mut self) -> bool {
        let Some(Late { order, at, seen }) = self.late.take() else { return false };
        if self.cluster.fleet.members.get(&order.tenant) != Some(&seen) {
            return false;
        }
        *self.seen.entry("LateGrant".into()).or_default() += 1;
        if self.told {
            println!("  * late grant {} by {}", order.tenant, order.rollout);
        }
        let tenant = order.tenant.clone();
        self.cluster.apply(Write::Grant(order));
        if let Some(granted) = &mut self.cluster.member(&tenant).granted {
            granted.at = at;
        }
        true
    }
}

/// An old look at the fleet: what users and tenants did since is not seen. What the engine itself wrote is: the shell
/// does not decide on a snapshot that is older than its own last write.
pub fn overlaid(mut old: Fleet, now: &Fleet) -> Fleet {
    for (name, member) in &mut old.members {
        let Some(current) = now.members.get(name).filter(|current| current.uid == member.uid) else { continue };
        let ours = matches!(&current.health, Health::Failed { reason, .. } if reason == "DeadlineExceeded");
        if current.health == Health::Moving || current.granted != member.granted || ours {
            member.health = current.health.clone();
        }
        if member.granted != current.granted && current.health != Health::Moving {
            // What it is taken back from is remembered in the write that takes it back. The shell knows that grant as soon
            // as it is sent, and the rest of the write when it is answered.
            member.rejected.clone_from(&current.rejected);
        }
        member.granted.clone_from(&current.granted);
    }
    // Answers are in our own memory.
    old.analyses.clone_from(&now.analyses);
    old.rollouts.retain(|name, _| now.rollouts.contains_key(name));
    for (name, rollout) in &now.rollouts {
        let seen = old.rollouts.entry(name.clone()).or_insert_with(|| rollout.clone());
        if seen.spec.waves == rollout.spec.waves {
            seen.status.clone_from(&rollout.status);
        } else {
            // Another one of the same name, made since.
            seen.clone_from(rollout);
        }
    }
    old
}

/// A write to an object that changed since it was looked at is refused by the API server. `guarded`: a status of a Rollout
/// is, too; a look that is merely old has seen what the engine itself wrote there.
pub fn overtaken(write: &Write, seen: &Fleet, now: &Fleet, guarded: bool) -> bool {
    match write {
        Write::Grant(order) => seen.members.get(&order.tenant) != now.members.get(&order.tenant),
        Write::Fail(name, _) => seen.members.get(name) != now.members.get(name),
        Write::Delete(name) => seen.rollouts.get(name) != now.rollouts.get(name),
        Write::Status(name, _) => guarded && seen.rollouts.get(name) != now.rollouts.get(name),
        Write::Create(_) => false,
    }
}

/// The writes of two leaders that have decided on one and the same look, as they arrive: each keeps its own order.
pub fn interleaved(rng: &mut Rng, one: Vec<Write>) -> Vec<Write> {
    let mut other = one.clone().into_iter().peekable();
    let mut all = Vec::new();
    for write in one {
        while other.peek().is_some() && rng.percent(40) {
            all.extend(other.next());
        }
        all.push(write);
    }
    all.extend(other);
    all
}

/// What both have done together keeps the budgets that each of them kept, and one tenant has one grant.
pub fn kept_together(before: &Fleet, after: &Fleet) -> Finding {
    let within = |run: Option<&Rollout>, wave: Option<&str>, limit: u32, subject: &str| {
        let moving = |fleet| match run {
            Some(run) => rules::moving_in(fleet, subject, &run.spec, wave),
            None => rules::moving(fleet, None, None),
        };
        let most = moving(before).max(limit as usize);
        require(moving(after) <= most, 1, subject, "two leaders moved more than one may")
    };
    within(None, None, after.max_concurrency, "fleet")?;
    for (name, rollout) in &after.rollouts {
        within(Some(rollout), None, rollout.spec.max_concurrency, name)?;
        for wave in &rollout.spec.waves {
            within(Some(rollout), Some(&wave.name), wave.max_concurrency, name)?;
        }
    }
    Ok(())
}
