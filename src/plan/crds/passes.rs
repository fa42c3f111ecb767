//! Passes over all stored objects, one after the other, and their next page.
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    next::{Case, Next, Wait},
    step::What,
    sweeps::{self, Progress},
};
use crate::{
    api::{CrdPhase, Purpose, Sweep},
    domain::crd::Definition,
};

/// A pass and what is done in it, with the version that it goes through.
pub(super) type Pass<'a> = (Purpose, &'a dyn Fn(&str) -> What);

/// The version that a pass goes through, and the digest of what it is for.
pub(super) type Through<'a> = (&'a str, &'a str);

impl Case<'_> {
    /// The next page of these passes, one after the other: nothing once all are through. What came before the one that is under way
    /// was passed.
    pub(super) fn passes(
        &self,
        phase: CrdPhase,
        through: Through,
        since: Option<Timestamp>,
        passes: &[Pass],
    ) -> Option<Next> {
        let of = |sweep: &&Sweep| sweep.against == through.1 && since.is_none_or(|since| sweep.began.0 >= since);
        let current = self.sweep.filter(of).map(|sweep| sweep.purpose);
        let at = passes.iter().position(|(purpose, _)| Some(*purpose) == current).unwrap_or_default();
        passes.iter().skip(at).find_map(|pass| self.pass(phase, through, since, pass))
    }

    fn pass(
        &self,
        phase: CrdPhase,
        (version, against): Through,
        since: Option<Timestamp>,
        (purpose, what): &Pass,
    ) -> Option<Next> {
        let phase = if *purpose == Purpose::Verify { CrdPhase::Verify } else { phase };
        match sweeps::progress(self.sweep, *purpose, against, since, self.now) {
            Progress::Passed => None,
            Progress::Failed { sweep, again } => Some(Next::Wait(Wait {
                phase,
                message: format!(
                    "{}. Mend or delete them; after a while all are looked at again",
                    sweeps::spoken(&sweep)
                ),
                until: Some(again),
                stuck: true,
            })),
            Progress::Page(sweep) => {
                Some(Next::Page { phase, sweep, version: version.to_owned(), what: what(version) })
            }
        }
    }
}

/// The schema of that version, or of the storage version where it is gone.
pub(super) fn schema(definition: &Definition, version: &str) -> Arc<Value> {
    let version = definition.version(version).or_else(|| definition.version(definition.storage()));
    version.map(|version| Arc::new(version.schema.clone())).unwrap_or_default()
}
