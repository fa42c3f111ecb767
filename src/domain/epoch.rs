//! In which term of Leasehold's own election something was written.
use std::{cmp::Ordering, fmt, sync::Arc};

/// One term: the Lease, by its UID, and its `leaseTransitions`. Written as `<uid>/<transitions>`.
///
/// A Lease that is deleted and made anew counts from 0 again, so terms of different Leases are not ordered: neither is
/// newer. That is safe, because a deleted Lease ends its holder's term, and nobody makes a new one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epoch(Option<(Arc<str>, i64)>);

impl Epoch {
    #[must_use]
    pub fn new(lease: &str, transitions: i64) -> Self {
        Self(Some((lease.into(), transitions)))
    }

    /// Reads a mark; anything else than what [`Epoch`] writes is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (lease, transitions) = text.rsplit_once('/')?;
        let transitions = transitions.parse().ok().filter(|n| *n >= 0)?;
        (!lease.is_empty()).then(|| Self::new(lease, transitions))
    }

    /// UID of the Lease; `None` without leader election.
    #[must_use]
    pub fn lease(&self) -> Option<&str> {
        self.0.as_ref().map(|(lease, _)| &**lease)
    }

    /// `leaseTransitions`; 0 without leader election.
    #[must_use]
    pub fn transitions(&self) -> i64 {
        self.0.as_ref().map_or(0, |(_, transitions)| *transitions)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some((lease, transitions)) => write!(f, "{lease}/{transitions}"),
            None => f.write_str("none"),
        }
    }
}

impl PartialOrd for Epoch {
    /// Of one Lease the higher transitions are newer; between Leases, and without one, nothing is.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (&self.0, &other.0) {
            (Some((lease, n)), Some((same, m))) if lease == same => Some(n.cmp(m)),
            (None, None) => Some(Ordering::Equal),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Epoch;

    #[test]
    fn terms_are_ordered_within_one_lease_only() {
        let (old, new, anew) = (Epoch::new("a", 7), Epoch::new("a", 8), Epoch::new("b", 0));
        assert!(new > old);
        assert!(old < new);
        for other in [&old, &new, &Epoch::default()] {
            assert_eq!(anew.partial_cmp(other), None, "{other}");
        }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_and_nothing_else_is_one() {
        let epoch = Epoch::new("5f0e-1", 12);
        assert_eq!(Epoch::parse(&epoch.to_string()), Some(epoch));
        for text in ["", "none", "3", "/3", "a/", "a/-1", "a/b", "a/99999999999999999999"] {
            assert_eq!(Epoch::parse(text), None, "{text}");
        }
    }
}
