//! What the cluster has and what a release brings of one definition → the steps between the two, each with what it writes,
//! which findings it takes, and what it waits for. Pure: the stages are worked out as the operator works them out, all at once.
use std::collections::BTreeSet;

use serde::Serialize;

use super::findings;
use crate::{
    domain::crd::Definition,
    plan::crds::{Finding, Findings, Stage, Verdict, Waivers, compare, merge},
};

/// The stages beyond the first, each with its step.
const STAGES: [(Stage, Step); 5] = [
    (Stage::Unlock, Step::Unlock),
    (Stage::Flip, Step::Flip),
    (Stage::Deprecate, Step::Contract),
    (Stage::Unserve, Step::Contract),
    (Stage::Drop, Step::Contract),
];

/// One step of nine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Step {
    Preflight,
    Expand,
    Waves,
    Barrier,
    Unlock,
    Flip,
    Migrate,
    Verify,
    Contract,
}

/// What a step of one definition comes to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leg {
    pub step: Step,
    /// What it does, in words.
    pub does: String,
    /// Writes of the definition's spec. Each closes all watches on its objects.
    pub writes: usize,
    /// Findings that are taken here.
    pub findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
}

/// The whole way of one definition.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Course {
    pub crd: String,
    /// The change is refused: nothing is written, and nobody is granted the release.
    pub refused: bool,
    pub steps: Vec<Leg>,
    /// In total.
    pub writes: usize,
    /// What stays because the release does not contract.
    pub kept: Vec<Finding>,
    pub findings: Findings,
}

/// What is known of both ends.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// What the cluster has; `None`: nothing of that name.
    pub live: Option<&'a Definition>,
    /// Versions that objects may be stored at, by the cluster's word.
    pub stored: &'a [String],
    pub target: &'a Definition,
    pub waivers: &'a Waivers,
    /// The release ends what earlier ones had.
    pub contract: bool,
    /// The release, as `memcached 2.0.0`.
    pub release: &'a str,
}

impl Step {
    /// Its number and name.
    #[must_use]
    pub fn name(self) -> String {
        format!("P{} {self:?}", self as u8)
    }
}

impl Course {
    /// The way from the one to the other.
    #[must_use]
    pub fn new(ends: &Ends) -> Self {
        let crd = ends.target.name().to_owned();
        let mut course =
            Self { crd, refused: false, steps: Vec::new(), writes: 0, kept: Vec::new(), findings: Findings::default() };
        match ends.live {
            None => course.create(),
            Some(live) => course.change(live, ends),
        }
        course.writes = course.steps.iter().map(|leg| leg.writes).sum();
        course
    }

    fn leg(&mut self, step: Step, does: impl Into<String>) -> &mut Leg {
        let leg = Leg { step, does: does.into(), writes: 0, findings: Vec::new(), waits_for: None };
        self.steps.push(leg);
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    fn create(&mut self) {
        self.leg(Step::Preflight, "nothing of that name is there");
        self.leg(Step::Expand, "creates it").writes = 1;
    }

    fn change(&mut self, live: &Definition, ends: &Ends) {
        let Ends { target, waivers, contract, .. } = *ends;
        let expanded = merge(live, target, Stage::Expand, waivers);
        self.findings = expanded.findings;
        self.refused = self.findings.refusing().next().is_some();
        let counts = findings::counts(self.findings.all.iter());
        let found = if counts.is_empty() { "no difference".to_owned() } else { counts };
        self.leg(Step::Preflight, format!("compares ({found}), asks the API server"));
        if self.refused {
            return;
        }
        let mut left = Left(self.findings.all.clone());
        if expanded.definition != *live {
            self.write(Step::Expand, live, &expanded.definition, left.taken_by(&expanded.definition, ends));
        }
        if self.findings.needs_scan() || ends.migrates(live) {
            self.steps[0].does.push_str(", looks at every object");
        }
        let waves = self.steps.len();
        let mut last = expanded.definition;
        for (stage, step) in STAGES {
            if step == Step::Contract && !contract {
                break;
            }
            let next = merge(live, target, stage, waivers).definition;
            if next != last {
                let taken = left.taken_by(&next, ends);
                self.write(step, &last, &next, taken);
            }
            if stage == Stage::Flip && ends.stored.iter().any(|version| version != next.storage()) {
                self.migrate(next.storage());
            }
            last = next;
        }
        let gated = self.steps.len() > waves;
        self.kept = left.0.into_iter().filter(|finding| finding.verdict == Verdict::Contract && !contract).collect();
        if gated || waves > 1 || !self.kept.is_empty() {
            self.tenants_move(waves, ends.release, gated);
        }
        if !self.kept.is_empty() {
            let leg = self.leg(Step::Contract, "keeps what the release no longer has");
            leg.waits_for = Some("a later release that says `contract: true`".into());
        }
    }

    fn write(&mut self, step: Step, before: &Definition, after: &Definition, taken: Vec<Finding>) {
        let scanned = step == Step::Unlock && taken.iter().any(|finding| finding.verdict == Verdict::Scan);
        let leg = self.leg(step, written(before, after));
        leg.writes = 1;
        leg.findings = taken;
        leg.waits_for = match step {
            Step::Unlock if scanned => Some("every stored object passes".into()),
            Step::Flip => Some("a soak".into()),
            Step::Contract if gone(before, after) => Some("no object has any of it: a last clean scan".into()),
            _ => None,
        };
    }

    fn migrate(&mut self, storage: &str) {
        let leg =
            self.leg(Step::Migrate, format!("writes every object once, unchanged: it is then stored at {storage}"));
        leg.waits_for = Some("a soak".into());
        self.leg(
            Step::Verify,
            format!("writes every object once more, then says in the status that all are at {storage}"),
        );
    }

    /// The fleet moves behind what is safe for all, and before what is not.
    fn tenants_move(&mut self, at: usize, release: &str, gated: bool) {
        let leg =
            |step, does: &str, waits_for| Leg { step, does: does.into(), writes: 0, findings: Vec::new(), waits_for };
        let mut legs = vec![leg(Step::Waves, "tenants move, wave by wave", None)];
        if gated {
            let all = format!("every tenant runs {release} or later, paused and held ones too");
            legs.push(leg(Step::Barrier, "waits, and names who is missing", Some(all)));
        }
        self.steps.splice(at..at, legs);
    }
}

impl Ends<'_> {
    /// Whether objects will be written anew.
    fn migrates(&self, live: &Definition) -> bool {
        let drops = live.versions().any(|version| self.target.version(version.name).is_none());
        live.storage() != self.target.storage() || self.contract && drops
    }
}

/// Findings that are not taken yet.
struct Left(Vec<Finding>);

impl Left {
    /// Those that no longer lie between a definition and the target: what was written has taken them.
    fn taken_by(&mut self, written: &Definition, ends: &Ends) -> Vec<Finding> {
        let still = compare(written, ends.target, ends.waivers);
        let key = |finding: &Finding| (finding.path.clone(), finding.version.clone(), finding.rule);
        let still: BTreeSet<_> = still.all.iter().map(key).collect();
        let (left, taken) = std::mem::take(&mut self.0).into_iter().partition(|finding| still.contains(&key(finding)));
        self.0 = left;
        taken
    }
}

/// Whether something that objects may have is there no longer.
fn gone(before: &Definition, after: &Definition) -> bool {
    let drops_version = before.versions().any(|version| after.version(version.name).is_none());
    let flags = |definition: &Definition| -> Vec<(String, bool, bool)> {
        definition.versions().map(|v| (v.name.to_owned(), v.served, v.deprecated)).collect()
    };
    drops_version || flags(before) == flags(after)
}

/// What one write changes, in words.
fn written(before: &Definition, after: &Definition) -> String {
    let mut said = Vec::new();
    for version in after.versions() {
        let name = version.name;
        match before.version(name) {
            None => said.push(format!("adds version {name}")),
            Some(old) => {
                if old.schema != version.schema {
                    said.push(format!("changes the schema of {name}"));
                }
                if version.deprecated && !old.deprecated {
                    said.push(format!("marks {name} as deprecated"));
                }
                if old.served != version.served {
                    said.push(format!("{} {name}", if version.served { "serves" } else { "no longer serves" }));
                }
            }
        }
    }
    let dropped = before.versions().filter(|version| after.version(version.name).is_none());
    said.extend(dropped.map(|version| format!("drops version {}", version.name)));
    if before.storage() != after.storage() {
        said.push(format!("stores at {}, no longer at {}", after.storage(), before.storage()));
    }
    if said.is_empty() { "changes names, columns, texts".to_owned() } else { said.join(", ") }
}
