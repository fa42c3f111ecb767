//! What became of one page of stored objects. The record of a whole pass is the sum of its pages.

/// How many failures of one page are told by name; the rest is only counted.
pub const NAMED: usize = 10;

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
        if self.failures.len() < NAMED {
            self.failures.push(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_counts_and_the_first_ten_have_names() {
        let mut page = PageDone::default();
        for n in 0..25 {
            page.count((n % 2 == 0).then(|| PageFailure::new(format!("a/{n}"), &"é".repeat(600))));
        }
        assert_eq!((page.seen, page.done, page.failed), (25, 12, 13));
        assert_eq!(page.failures.len(), NAMED);
        assert_eq!(page.failures.last().map(|failure| failure.object.as_str()), Some("a/18"));
        assert!(page.failures.iter().all(|failure| failure.why.chars().count() == WHY));
    }
}
