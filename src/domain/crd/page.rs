//! What became of one page of stored objects. The record of a whole pass is the sum of its pages.

/// How many failures of one page are told by name; the rest is only counted.
pub const NAMED: usize = 10;

/// And how many of these may be of one namespace.
const OF_ONE: usize = 3;

/// How many characters of why an object failed are kept.
const WHY: usize = 500;

/// One page of at most 500 objects, judged or written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageDone {
    /// Objects that the page held.
    pub seen: u64,
    /// Of these: as they should be now, or gone. `seen == done + failed`.
    pub done: u64,
    /// Where the next page begins; none when this was the last.
    pub continue_: Option<String>,
    /// About how many objects come after this page, where the API server says so.
    pub remaining: Option<i64>,
    /// The first [`NAMED`] that failed.
    pub failures: Vec<PageFailure>,
    /// How many failed in all.
    pub failed: u64,
    /// The list's snapshot had expired (410) and the pages go on from where they were, as the objects are now. What was created
    /// meanwhile may be left out: nobody reads "all" off such a pass but with another one after it.
    pub restarted: bool,
}

/// An object that a pass could not bring to where it should be, until somebody changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageFailure {
    /// `namespace/name`, or the name alone where the kind has no namespaces.
    pub object: String,
    /// What the API server, or the validation, said; at most 500 characters.
    pub why: String,
}

/// Keeps a failure by name, if there is room: one tenant's objects must not hide all others'.
pub fn name<T>(named: &mut Vec<T>, failure: T, object: impl Fn(&T) -> &str) {
    let namespace = |failure: &T| object(failure).split_once('/').map(|(namespace, _)| namespace.to_owned());
    let own = namespace(&failure);
    let same = named.iter().filter(|other| own.is_some() && namespace(other) == own).count();
    if named.len() < NAMED && same < OF_ONE {
        named.push(failure);
    }
}

impl PageFailure {
    #[must_use]
    pub fn new(object: impl Into<String>, why: &str) -> Self {
        Self { object: object.into(), why: why.chars().take(WHY).collect() }
    }
}

impl PageDone {
    /// Counts an object as it should be, or as one that is not.
    pub fn count(&mut self, failure: Option<PageFailure>) {
        self.seen += 1;
        let Some(failure) = failure else {
            self.done += 1;
            return;
        };
        self.failed += 1;
        name(&mut self.failures, failure, |failure| &failure.object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_counts_and_the_first_ten_have_names() {
        let mut page = PageDone::default();
        for n in 0..25 {
            page.count((n % 2 == 0).then(|| PageFailure::new(format!("{n}/a"), &"é".repeat(600))));
        }
        assert_eq!((page.seen, page.done, page.failed), (25, 12, 13));
        assert_eq!(page.failures.len(), NAMED);
        assert_eq!(page.failures.last().map(|failure| failure.object.as_str()), Some("18/a"));
        assert!(page.failures.iter().all(|failure| failure.why.chars().count() == WHY));
    }

    #[test]
    fn one_namespace_does_not_hide_the_others() {
        let mut page = PageDone::default();
        for object in ["a/1", "a/2", "a/3", "a/4", "b/1", "whole", "wide"] {
            page.count(Some(PageFailure::new(object, "no")));
        }
        let named: Vec<&str> = page.failures.iter().map(|failure| &*failure.object).collect();
        assert_eq!((page.failed, named), (7, vec!["a/1", "a/2", "a/3", "b/1", "whole", "wide"]));
    }
}
