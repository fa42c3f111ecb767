//! What a release's author answers for: single findings, by path and rule, in the annotation `leasehold.dev/waive`.
use std::collections::BTreeSet;

/// Not a finding, but the look at every stored object before any tenant moves.
pub const PREFLIGHT: (&str, &str) = ("", "preflight");

/// Findings that a release waives.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waivers(BTreeSet<(String, String)>);

impl Waivers {
    /// Reads `<path>=<rule>,…`. The path is empty for the definition itself; a comma in a path is part of what stands before
    /// the last `=` of an entry, so a field whose name holds a comma cannot be waived.
    ///
    /// # Errors
    /// The first entry that has no `=`, or no rule.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let entries = entries.map(|entry| {
            let (path, rule) = entry.rsplit_once('=').ok_or_else(|| format!("{entry:?} is no <path>=<rule>"))?;
            let (path, rule) = (path.trim(), rule.trim());
            if rule.is_empty() { Err(format!("{entry:?} names no rule")) } else { Ok((path.into(), rule.into())) }
        });
        entries.collect::<Result<_, _>>().map(Self)
    }

    /// Whether tenants move whatever is stored: `=preflight`.
    #[must_use]
    pub fn preflight(&self) -> bool {
        self.iter().any(|entry| entry == PREFLIGHT)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, rule)| (&**path, &**rule))
    }
}
