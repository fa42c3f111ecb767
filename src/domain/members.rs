//! The members of a fleet by name, and which of them are restless: of ten thousand at rest the wave engine has nothing to ask.
//! Must never: leave one out that may be on its way or want to move; one too many costs a look.
use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    ops::Deref,
};

use super::fleet::Member;

/// From which share of all members on they are many.
const MANY: usize = 16;

/// All members. They are read as the map that they are.
#[derive(Clone, Debug, Default)]
pub struct Members {
    by_name: BTreeMap<String, Member>,
    /// Those that were on their way or wanted to move when they came, or that somebody may have changed since.
    restless: BTreeSet<String>,
    /// Counts what may have changed of who is where.
    moves: u64,
}

impl Members {
    /// Those that may be on their way or want to move, in the order of their names; all others are not and do not.
    pub fn restless(&self) -> impl Iterator<Item = (&String, &Member)> {
        // Where many are, walking over all is cheaper than searching for each.
        let many = self.restless.len() > self.by_name.len() / MANY;
        let all = many.then(|| self.by_name.iter()).into_iter().flatten();
        let few = (!many).then(|| self.restless.iter()).into_iter().flatten();
        all.chain(few.filter_map(|name| self.by_name.get_key_value(name)))
    }

    pub fn insert(&mut self, name: String, member: Member) -> Option<Member> {
        if member.in_flight() || member.wants_to_move() {
            self.restless.insert(name.clone());
        } else {
            self.restless.remove(&name);
        }
        let moved = self.by_name.get(&name).is_none_or(|before| place(before) != place(&member));
        self.moves += u64::from(moved);
        self.by_name.insert(name, member)
    }

    pub fn remove(&mut self, name: &str) -> Option<Member> {
        self.restless.remove(name);
        self.moves += 1;
        self.by_name.remove(name)
    }

    /// Counts what may have changed of who is where: granted, asked for, proven, able to move at all, and over which versions.
    #[must_use]
    pub const fn moves(&self) -> u64 {
        self.moves
    }

    /// A member, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Member> {
        let member = self.by_name.get_mut(name)?;
        self.moves += 1;
        if !self.restless.contains(name) {
            self.restless.insert(name.to_owned());
        }
        Some(member)
    }

    /// All members, to be changed.
    pub fn iter_mut(&mut self) -> btree_map::IterMut<'_, String, Member> {
        self.restless.extend(self.by_name.keys().cloned());
        self.moves += 1;
        self.by_name.iter_mut()
    }
}

/// Where a member is, as far as others go by it.
fn place(member: &Member) -> impl PartialEq {
    let granted = member.granted.as_ref().map(|granted| &granted.target.version);
    let desired = member.desired.as_ref().map(|desired| &desired.version);
    (&member.operator, granted, desired, &member.standing, &member.health, &member.blocked, &member.rejected)
}

impl Deref for Members {
    type Target = BTreeMap<String, Member>;

    fn deref(&self) -> &Self::Target {
        &self.by_name
    }
}

impl<'a> IntoIterator for &'a Members {
    type Item = (&'a String, &'a Member);
    type IntoIter = btree_map::Iter<'a, String, Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_name.iter()
    }
}

impl<'a> IntoIterator for &'a mut Members {
    type Item = (&'a String, &'a mut Member);
    type IntoIter = btree_map::IterMut<'a, String, Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}
