//! Findings, as they are shown: in rows, in numbers, and what each verdict asks for.
use crate::{
    cli::table::{Cell, Tone},
    plan::crds::{Finding, Findings, Verdict},
};

/// From worst to best.
const VERDICTS: [Verdict; 6] =
    [Verdict::No, Verdict::Convert, Verdict::Scan, Verdict::Contract, Verdict::Gate, Verdict::Ok];

/// What becomes of a change with that verdict.
const fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "taken at once",
        Verdict::Gate => "taken once every tenant runs a release that has it",
        Verdict::Contract => {
            "kept until every tenant runs a release that says `contract: true`, and then taken after a clean scan"
        }
        Verdict::Scan => "refused, unless it is waived by <path>=<rule>; then taken once every stored object passes",
        Verdict::Convert => "refused: it needs a conversion; add a field, or a version with the fields of both",
        Verdict::No => "refused",
    }
}

/// The verdict of a finding as a cell.
#[must_use]
pub fn cell(finding: &Finding) -> Cell {
    let Finding { verdict, waived, .. } = finding;
    let text = if *waived { format!("{verdict} (waived)") } else { verdict.to_string() };
    let tone = match finding.verdict {
        _ if finding.refuses() => Tone::Bad,
        Verdict::Ok => Tone::Good,
        _ => Tone::Busy,
    };
    Cell::new(text).toned(tone)
}

/// `1 No, 2 Gate, 4 Ok`, the worst first.
#[must_use]
pub fn counts<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let found: Vec<Verdict> = findings.map(|finding| finding.verdict).collect();
    let of = |verdict: &Verdict| {
        let count = found.iter().filter(|found| *found == verdict).count();
        (count > 0).then(|| format!("{count} {verdict}"))
    };
    VERDICTS.iter().filter_map(of).collect::<Vec<_>>().join(", ")
}

/// What is to be said of the waivers. One that meets nothing in one definition may be meant for another one: that is said where
/// it meets nothing at all.
#[must_use]
pub fn notes(compared: &[(&str, &Findings)]) -> Vec<String> {
    let everywhere = |note: &String| compared.iter().all(|(_, findings)| findings.notes.contains(note));
    let mut said = Vec::new();
    for (name, findings) in compared {
        let met = |note: &String| {
            let waiver = |finding: &Finding| format!("{}={} ", finding.path, finding.rule);
            findings.all.iter().any(|finding| note.contains(&waiver(finding)))
        };
        for note in &findings.notes {
            if met(note) {
                said.push(format!("{name}: {note}"));
            } else if everywhere(note) && !said.contains(note) {
                said.push(note.clone());
            }
        }
    }
    said
}

/// What the verdicts among these mean, a line each.
#[must_use]
pub fn legend<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<String> {
    let found: Vec<Verdict> = findings.map(|finding| finding.verdict).collect();
    VERDICTS
        .iter()
        .filter(|verdict| found.contains(verdict))
        .map(|verdict| format!("{verdict}: {}", meaning(*verdict)))
        .collect()
}
