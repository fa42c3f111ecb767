//! What the engine is shown that is not so any more, and what becomes of its writes then: an old look at the fleet, and two
//! leaders for a tick.
use leasehold::domain::fleet::{Fleet, Health};

use crate::{
    cluster::Write,
    oracle::{Finding, require},
    rng::Rng,
    rules,
};

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
    let within = |rollout: Option<&str>, wave: Option<&str>, limit: u32, subject: &str| {
        let moving = |fleet| rules::moving(fleet, rollout, wave);
        let most = moving(before).max(limit as usize);
        require(moving(after) <= most, 1, subject, "two leaders moved more than one may")
    };
    within(None, None, after.max_concurrency, "fleet")?;
    for (name, rollout) in &after.rollouts {
        within(Some(name), None, rollout.spec.max_concurrency, name)?;
        for wave in &rollout.spec.waves {
            within(Some(name), Some(&wave.name), wave.max_concurrency, name)?;
        }
    }
    Ok(())
}
