//! Definitions merged once and remembered: while a fleet moves it is planned many times a second, and nothing of this changes.
use std::{collections::BTreeMap, sync::Arc};

use super::{Finding, Findings, Stage, Verdict, Waivers, compare, merge};
use crate::domain::crd::Definition;

/// Merged definitions that are kept; then all are worked out again.
const MERGED: usize = 256;
/// The same of comparisons, of which a sentence is kept.
const COMPARED: usize = 16_384;

/// What a definition becomes at a stage.
#[derive(Debug)]
pub struct Merged {
    pub definition: Arc<Definition>,
    pub findings: Findings,
}

/// What was merged and compared before.
#[derive(Debug, Default)]
pub struct Merges {
    merged: BTreeMap<(String, String, Stage, Waivers), Arc<Merged>>,
    carried: BTreeMap<(String, String), Option<String>>,
}

impl Merges {
    /// What `live` becomes at that stage on the way to `target`.
    pub fn get(
        &mut self,
        live: &Arc<Definition>,
        target: &Arc<Definition>,
        stage: Stage,
        waivers: &Waivers,
    ) -> Arc<Merged> {
        if self.merged.len() > MERGED {
            self.merged.clear();
        }
        let key = (live.digest().to_owned(), target.digest().to_owned(), stage, waivers.clone());
        let merge = || {
            let super::Merged { definition, findings } = merge(live, target, stage, waivers);
            // Mostly nothing changes: then there is one definition in memory and not six.
            let same = definition.digest() == live.digest();
            Arc::new(Merged { definition: if same { live.clone() } else { Arc::new(definition) }, findings })
        };
        self.merged.entry(key).or_insert_with(merge).clone()
    }

    /// Why an operator made for `old` cannot work with `served`: nothing if it can.
    pub fn against(&mut self, old: &Definition, served: &Definition) -> Option<&str> {
        if self.carried.len() > COMPARED {
            self.carried.clear();
        }
        let key = (old.digest().to_owned(), served.digest().to_owned());
        let compare = || against(old, served);
        self.carried.entry(key).or_insert_with(compare).as_deref()
    }
}

/// The rule whose finding is about nobody who only reads and writes objects: all versions have all fields.
const STORAGE: &str = "storage-changed";

/// Why an operator made for `old` cannot work with `served`, if so: anything but what is safe at once.
fn against(old: &Definition, served: &Definition) -> Option<String> {
    let findings = compare(old, served, &Waivers::default());
    let harm = |finding: &&Finding| finding.verdict > Verdict::Ok && finding.rule != STORAGE;
    findings.all.iter().find(harm).map(ToString::to_string)
}
