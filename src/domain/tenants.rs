//! The tenants by name, and a record of which of them changed when. Whoever changes one leaves a trace in it, so that a plan
//! looks at those only and not at ten thousand. Must never: give a tenant away for a change that leaves no trace.
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Deref,
    sync::Arc,
};

use super::{object::ObjectKey, world::TenantSeen};

/// Changes that are remembered at least, however few tenants there are: more than come between two plans.
const REMEMBERED: usize = 1024;

/// The tenants of a World. They are read as the map that they are.
#[derive(Debug, Default)]
pub struct Tenants {
    by_name: BTreeMap<String, TenantSeen>,
    /// The names of those that changed last, the latest at the end: at most as many as there are tenants, or [`REMEMBERED`].
    touched: VecDeque<String>,
    changes: u64,
    /// Which list this is. Of another one, a copy included, the numbers mean nothing.
    list: Arc<()>,
}

/// The number of a tenant's last change. Only [`Tenants`] gives one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version(u64);

/// How far somebody has read.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    list: Arc<()>,
    changes: u64,
}

/// What changed since a [`Mark`].
#[derive(Debug, PartialEq, Eq)]
pub enum Changed<'a> {
    /// Tenants of these names are new, gone, or may be otherwise than before.
    Only(BTreeSet<&'a str>),
    /// It was too much to be remembered: anybody may have changed.
    Anybody,
    /// This is another list: nothing that is known of the one before holds.
    Everything,
}

impl Tenants {
    /// A tenant, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut TenantSeen> {
        let count = self.by_name.len();
        let seen = self.by_name.get_mut(name)?;
        seen.version = trace(&mut self.changes, &mut self.touched, count, name);
        Some(seen)
    }

    /// A tenant, to be changed; one of which nothing was seen yet where there is none of that name.
    pub fn entry(&mut self, name: &str) -> &mut TenantSeen {
        let count = self.by_name.len();
        let seen = self.by_name.entry(name.to_owned()).or_default();
        seen.version = trace(&mut self.changes, &mut self.touched, count, name);
        seen
    }

    pub fn insert(&mut self, name: &str, seen: TenantSeen) {
        let place = self.entry(name);
        *place = TenantSeen { version: place.version, ..seen };
    }

    pub fn remove(&mut self, name: &str) -> Option<TenantSeen> {
        let seen = self.by_name.remove(name)?;
        trace(&mut self.changes, &mut self.touched, self.by_name.len(), name);
        Some(seen)
    }

    /// Takes in that an object of a tenant has another version and is the same otherwise, which is no change.
    pub fn renumber(&mut self, name: &str, key: &ObjectKey, version: String) {
        if let Some(seen) = self.by_name.get_mut(name) {
            seen.objects.renumber(key, version);
        }
    }

    /// Where the record ends now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { list: self.list.clone(), changes: self.changes }
    }

    /// What changed since then.
    #[must_use]
    pub fn since(&self, mark: &Mark) -> Changed<'_> {
        if !Arc::ptr_eq(&self.list, &mark.list) {
            return Changed::Everything;
        }
        let count = usize::try_from(self.changes - mark.changes).unwrap_or(usize::MAX);
        match self.touched.len().checked_sub(count) {
            Some(read) => Changed::Only(self.touched.range(read..).map(String::as_str).collect()),
            None => Changed::Anybody,
        }
    }
}

/// Notes a change. Returns its number.
fn trace(changes: &mut u64, touched: &mut VecDeque<String>, count: usize, name: &str) -> Version {
    *changes += 1;
    touched.push_back(name.to_owned());
    while touched.len() > count.max(REMEMBERED) {
        touched.pop_front();
    }
    Version(*changes)
}

impl Deref for Tenants {
    type Target = BTreeMap<String, TenantSeen>;

    fn deref(&self) -> &Self::Target {
        &self.by_name
    }
}

impl<'a> IntoIterator for &'a Tenants {
    type Item = (&'a String, &'a TenantSeen);
    type IntoIter = std::collections::btree_map::Iter<'a, String, TenantSeen>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_name.iter()
    }
}

/// A copy goes its own way from here on.
impl Clone for Tenants {
    fn clone(&self) -> Self {
        Self { by_name: self.by_name.clone(), ..Self::default() }
    }
}

impl<const N: usize> From<[(String, TenantSeen); N]> for Tenants {
    fn from(tenants: [(String, TenantSeen); N]) -> Self {
        let mut list = Self::default();
        for (name, seen) in tenants {
            list.insert(&name, seen);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only<'a>(names: &[&'a str]) -> Changed<'a> {
        Changed::Only(names.iter().copied().collect())
    }

    #[test]
    fn whoever_changes_a_tenant_leaves_a_trace() {
        let mut tenants = Tenants::from([("a".into(), TenantSeen::default()), ("b".into(), TenantSeen::default())]);
        let begin = tenants.mark();
        assert_eq!(tenants.since(&begin), only(&[]));
        assert!(tenants.get_mut("nobody").is_none() && tenants.remove("nobody").is_none());
        assert_eq!(tenants.since(&begin), only(&[]));
        tenants.get_mut("b").unwrap();
        tenants.entry("c");
        assert_eq!(tenants.since(&begin), only(&["b", "c"]));
        let later = tenants.mark();
        tenants.remove("a").unwrap();
        tenants.insert("d", TenantSeen::default());
        assert_eq!(tenants.since(&later), only(&["a", "d"]));
        assert_eq!(tenants.since(&begin), only(&["a", "b", "c", "d"]));
    }

    #[test]
    fn a_number_comes_once_also_when_a_tenant_is_made_anew() {
        let mut tenants = Tenants::from([("a".into(), TenantSeen::default())]);
        let first = tenants["a"].version;
        let old = tenants.remove("a").unwrap();
        tenants.insert("a", old);
        let second = tenants["a"].version;
        tenants.get_mut("a").unwrap();
        assert!(first != second && second != tenants["a"].version);
    }

    #[test]
    fn what_is_no_longer_remembered_may_have_been_anybody() {
        let mut tenants = Tenants::from([("a".into(), TenantSeen::default())]);
        let begin = tenants.mark();
        for _ in 0..REMEMBERED {
            tenants.get_mut("a");
        }
        assert_eq!(tenants.since(&begin), only(&["a"]));
        tenants.get_mut("a").unwrap();
        assert_eq!(tenants.since(&begin), Changed::Anybody);
        assert_eq!(tenants.touched.len(), REMEMBERED);
    }

    #[test]
    fn a_copy_is_another_list() {
        let tenants = Tenants::from([("a".into(), TenantSeen::default())]);
        assert_eq!(tenants.clone().since(&tenants.mark()), Changed::Everything);
        assert_eq!(tenants.since(&Mark::default()), Changed::Everything);
    }
}
