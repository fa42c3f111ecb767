//! Tenants whose wish no unfinished run covers, grouped into the runs that could be made of them.
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{clock, pass::Pass, wish::Wish};
use crate::{
    api::{Coalesce, RolloutTarget},
    domain::fleet::Member,
};

/// Tenants of one operator that want the same target by the same policy.
#[derive(Clone)]
pub struct Group<'a> {
    pub operator: &'a str,
    pub target: &'a RolloutTarget,
    pub policy: &'a str,
    /// The run that is undone, if they go back.
    pub back: Option<&'a str>,
    pub members: Vec<Candidate<'a>>,
}

/// A tenant that would be in the plan.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    pub name: &'a str,
    pub member: &'a Member,
    /// Whether it could be granted right now.
    pub movable: bool,
    /// Whether it is broken where it is.
    pub broken: bool,
}

/// All groups, the one whose first tenant has waited longest first.
pub fn groups<'a>(pass: &Pass<'a>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<_, Vec<Candidate>> = BTreeMap::new();
    let free = |name: &str, wish: &Wish| {
        wish.plannable() && !pass.places.contains_key(name) && pass.known.startable(name, wish.member)
    };
    for (name, wish) in pass.known.wishes.iter().filter(|(name, wish)| free(name, wish)) {
        // Going back comes first.
        let key = (&*wish.member.operator, wish.back.is_none(), wish.target, &*wish.member.policy, wish.back);
        let candidate = Candidate { name, member: wish.member, movable: wish.movable(), broken: wish.broken() };
        groups.entry(key).or_default().push(candidate);
    }
    let group = |((operator, _, target, policy, back), members)| Group { operator, target, policy, back, members };
    let mut groups: Vec<Group> = groups.into_iter().map(group).collect();
    groups.sort_by_key(|group| (group.back.is_none(), group.oldest()));
    groups
}

impl Group<'_> {
    fn oldest(&self) -> Option<Timestamp> {
        self.members.iter().map(|candidate| candidate.member.desired_since).min()
    }

    /// Until when the plan waits for more tenants; `None` when it has waited long enough. A wish from the future (the
    /// clock went back) is as old as can be. Who goes back is known, and waits for nobody.
    pub fn coalesces_until(&self, rule: &Coalesce, now: Timestamp) -> Option<Timestamp> {
        if self.back.is_some() {
            return None;
        }
        let since = self.members.iter().map(|candidate| candidate.member.desired_since).filter(|since| *since <= now);
        let (first, last) = (since.clone().min()?, since.max()?);
        let until = clock::after(last, rule.quiet_period).min(clock::after(first, rule.max_wait));
        clock::to_come(until, now)
    }
}
