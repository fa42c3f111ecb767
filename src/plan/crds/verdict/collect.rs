//! Findings as a walk makes them: where it is, what the release waives, how far a change may go now. Bounded in memory: of any
//! number of findings only the worst are kept.
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Stage,
    finding::{Finding, Findings, MOST_FINDINGS, MOST_WHY, Verdict},
    waivers::{PREFLIGHT, Waivers},
};

/// Findings held before all but the worst are let go.
const HELD: usize = 20 * MOST_FINDINGS;
/// Characters of a path at most; what is cut off is in no finding that could be waived.
const MOST_PATH: usize = 512;
/// Notes on waivers at most.
const MOST_NOTES: usize = 20;

pub(super) struct Collector<'a> {
    stage: Stage,
    waivers: BTreeMap<&'a str, BTreeMap<&'a str, Met>>,
    version: String,
    path: String,
    found: Vec<Finding>,
    omitted: usize,
    refused: bool,
}

/// What a waiver met.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Met {
    Nothing,
    Something,
    /// A finding that no one can answer for.
    Firm,
}

impl<'a> Collector<'a> {
    pub fn new(stage: Stage, waivers: &'a Waivers) -> Self {
        let mut by_path: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (path, rule) in waivers.iter().filter(|entry| *entry != PREFLIGHT) {
            by_path.entry(path).or_default().insert(rule, Met::Nothing);
        }
        let (version, path, found) = (String::new(), String::new(), Vec::new());
        Self { stage, waivers: by_path, version, path, found, omitted: 0, refused: false }
    }

    /// From here on findings are of that version, or of the definition itself.
    pub fn of_version(&mut self, version: &str) {
        version.clone_into(&mut self.version);
        self.path.clear();
    }

    /// Does something at a field below.
    pub fn at<T>(&mut self, step: &Step<'_>, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.path.len();
        step.push(&mut self.path);
        let done = act(self);
        self.path.truncate(before);
        done
    }

    /// Takes note of a finding; says whether its change may be taken at this stage.
    pub fn find(&mut self, rule: &'static str, verdict: Verdict, why: impl Into<String>) -> bool {
        let path = short(&self.path, MOST_PATH);
        let waived = self.waived(&path, rule, verdict);
        let why = short(&why.into(), MOST_WHY);
        let finding = Finding { path, version: self.version.clone(), rule, verdict, why, waived };
        self.refused |= finding.refuses();
        self.found.push(finding);
        if self.found.len() >= HELD {
            self.keep_the_worst();
        }
        match verdict {
            Verdict::Ok => true,
            Verdict::Gate => self.stage >= Stage::Unlock,
            Verdict::Scan => waived && self.stage >= Stage::Unlock,
            Verdict::Contract => self.stage >= Stage::Drop,
            Verdict::Convert | Verdict::No => false,
        }
    }

    fn waived(&mut self, path: &str, rule: &str, verdict: Verdict) -> bool {
        let Some(met) = self.waivers.get_mut(path).and_then(|rules| rules.get_mut(rule)) else { return false };
        let firm = matches!(verdict, Verdict::No | Verdict::Convert);
        *met = (*met).max(if firm { Met::Firm } else { Met::Something });
        verdict == Verdict::Scan
    }

    pub fn refused(&self) -> bool {
        self.refused
    }

    fn keep_the_worst(&mut self) {
        self.found.sort_by(|a, b| order(a).cmp(&order(b)));
        self.omitted += self.found.len().saturating_sub(MOST_FINDINGS);
        self.found.truncate(MOST_FINDINGS);
    }

    pub fn findings(mut self) -> Findings {
        self.keep_the_worst();
        let notes = self.notes();
        Findings { all: self.found, omitted: self.omitted, notes }
    }

    fn notes(&self) -> Vec<String> {
        let all = self.waivers.iter().flat_map(|(path, rules)| rules.iter().map(move |(rule, met)| (path, rule, met)));
        let notes = all.filter_map(|(path, rule, met)| match met {
            Met::Something => None,
            Met::Nothing => Some(format!("the waiver {path}={rule} matches no finding")),
            Met::Firm => Some(format!("the waiver {path}={rule} counts for nothing: that finding cannot be waived")),
        });
        let notes: BTreeSet<_> = notes.take(MOST_NOTES).map(|note| short(&note, MOST_WHY)).collect();
        notes.into_iter().collect()
    }
}

type Order<'a> = (Reverse<bool>, Reverse<Verdict>, &'a str, &'a str, &'a str, &'a str);

fn order(finding: &Finding) -> Order<'_> {
    let Finding { path, version, rule, verdict, why, waived: _ } = finding;
    (Reverse(finding.refuses()), Reverse(*verdict), version, path, rule, why)
}

/// One step down in an object.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Field(&'a str),
    Items,
    Values,
}

impl Step<'_> {
    fn push(self, path: &mut String) {
        match self {
            Step::Items => path.push_str("[*]"),
            Step::Values => path.push_str(if path.is_empty() { "*" } else { ".*" }),
            Step::Field(name) if plain(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            Step::Field(name) => path.extend(["[\"", name, "\"]"]),
        }
    }
}

/// A name that reads as one step of a path.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$'))
}

/// The first so many characters, the last of them an ellipsis if more were there.
pub(super) fn short(text: &str, most: usize) -> String {
    // Bytes are no fewer than characters: most texts need no count.
    if text.len() <= most || text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
