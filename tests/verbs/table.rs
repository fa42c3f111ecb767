//! The table of the docs, cell by cell.
use super::{VERBS, copy, states, word};

const DOC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rollouts.md");

/// A row a state, a column a verb; `·` where the state stays what it was.
fn observed() -> String {
    let mut rows = vec![
        format!("| | {} |", VERBS.map(|(verb, _)| verb).join(" | ")),
        format!("|---|{}", "---|".repeat(VERBS.len())),
    ];
    for (state, reached, run) in states() {
        let cell = |n: usize| {
            let mut cluster = copy(&reached);
            let before = word(&cluster, run);
            VERBS[n].1(&mut cluster, run);
            cluster.settle();
            let after = word(&cluster, run);
            if before == after { "·".to_owned() } else { after }
        };
        let cells: Vec<String> = (0..VERBS.len()).map(cell).collect();
        rows.push(format!("| {state} | {} |", cells.join(" | ")));
    }
    rows.join("\n")
}

#[test]
fn the_table_in_the_docs_is_what_happens() {
    let (text, observed) = (std::fs::read_to_string(DOC).unwrap(), observed());
    assert!(text.contains(&observed), "docs/rollouts.md does not hold this table:\n{observed}");
}
