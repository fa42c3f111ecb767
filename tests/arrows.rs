//! The arrows of the house, held on the source itself: what the pure folders may use, and who writes.

use std::fs;
use std::path::{Path, PathBuf};

/// What has an effect or rolls dice.
const IMPURE: [&str; 10] =
    ["tokio", "kube::", "futures", "hyper", "std::net", "std::fs", "std::env", "rand::", "thread", "uuid::"];
/// What tells the time.
const CLOCKS: [&str; 3] = ["Timestamp::now", "SystemTime", "Instant::now"];

/// What only a writer of Kubernetes objects needs.
const WRITING: [&str; 5] = ["PostParams", "PatchParams", "DeleteParams", "Patch::", "EventType::"];

/// A file's code without comments and without its tests, and where each line was.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    let shipped = lines.take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"));
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    shipped.map(|(n, line)| (n, code(line))).filter(|(_, line)| !line.trim().is_empty()).collect()
}

/// The Rust files below `src/<folder>`; a folder may be a file.
fn files(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let (mut found, mut left) = (Vec::new(), vec![root.clone()]);
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    assert!(!found.is_empty(), "{} has no code: did the folder move?", root.display());
    found.sort();
    found
}

/// Fails with every line of the folder that holds one of `words`.
fn never(folder: &str, words: &[&str]) {
    let mut found = Vec::new();
    for path in files(folder) {
        for (line, code) in code(&path) {
            let word = words.iter().find(|word| occurs(&code, word));
            found.extend(word.map(|word| format!("{}:{line}: {word}: {}", path.display(), code.trim())));
        }
    }
    assert!(found.is_empty(), "src/{folder} must not use these:\n{}", found.join("\n"));
}

/// As a path or a word of its own: `tokio` is not in `tokionomy`, and `crate::act` not in `crate::action`.
fn occurs(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_some_and(part);
        let after = word.ends_with(part) && code[at + word.len()..].chars().next().is_some_and(part);
        !before && !after
    })
}

/// Fails with every use of another folder of the crate, also in a group: `use crate::{act::Writer, …}`.
fn never_names(folder: &str, others: &[&str]) {
    let mut found = Vec::new();
    for path in files(folder) {
        let uses: String = code(&path).into_iter().map(|(_, line)| line + "\n").collect();
        for statement in uses.split(';').filter(|statement| statement.contains("crate::")) {
            let from = &statement[statement.find("crate::").unwrap_or_default()..];
            let top = tops(from);
            found.extend(
                others.iter().filter(|other| top.iter().any(|top| top == *other)).map(|other| {
                    format!("{}: {other}: {}", path.display(), from.split_whitespace().collect::<String>())
                }),
            );
        }
    }
    assert!(found.is_empty(), "src/{folder} must not know of {others:?}:\n{}", found.join("\n"));
}

/// The folders that a path or a `use crate::{…}` begins at.
fn tops(statement: &str) -> Vec<String> {
    let mut tops = Vec::new();
    for (at, _) in statement.match_indices("crate::") {
        let rest = &statement[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            tops.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (n, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && c.is_alphabetic() => {
                    tops.push(word(&group[n..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    tops
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn plan_and_domain_are_pure() {
    for folder in ["plan", "domain"] {
        never(folder, &IMPURE);
        never(folder, &CLOCKS);
        never(folder, &["async fn", ".await", "async move", "unwrap", "expect"]);
    }
}

#[test]
fn no_arrow_inside_the_process_points_left() {
    never_names("domain", &["plan", "act", "observe", "run", "election", "cli"]);
    never_names("plan", &["act", "observe", "run", "election", "cli"]);
    never_names("api", &["domain", "plan", "act", "observe", "run", "election", "cli"]);
    never_names("observe", &["plan", "act", "run", "election", "cli"]);
    never_names("act", &["run", "cli"]);
}

#[test]
fn the_election_knows_nothing_of_the_rest() {
    never_names("election", &["api", "domain", "plan", "act", "observe", "run", "cli"]);
}

#[test]
fn the_election_core_is_pure() {
    never("election/core", &IMPURE);
    never("election/core", &CLOCKS);
    never("election/core", &["BootInstant::now", "async fn", ".await"]);
}

#[test]
fn only_act_writes_and_the_election_its_own_lease() {
    for folder in ["api", "domain", "observe", "plan", "run"] {
        never(folder, &WRITING);
    }
    for path in files("cli") {
        // A person's own words are written with that person's rights, in one file.
        let person = path.ends_with("person.rs");
        for (line, code) in code(&path).iter().filter(|_| !person) {
            let writes = WRITING.iter().find(|word| occurs(code, word));
            // An access review is created to be answered; the API server stores nothing of it.
            let asks = code.contains("PostParams::") && code.contains("AccessReview");
            let imports = code.trim_start().starts_with("api::{") || code.contains("use ");
            let harmless = writes == Some(&"PostParams") && (asks || imports);
            assert!(writes.is_none() || harmless, "{}:{line}: only act writes: {code}", path.display());
        }
    }
}

/// What a person writes is a spec: never a status, never an object of a stack, never in the operator's name.
#[test]
fn a_person_writes_no_status_and_no_stack() {
    never("cli/person.rs", &["replace_status", "patch_status", "Patch::Apply", "DynamicObject", "force", "namespaced"]);
}

#[test]
fn the_simulation_reaches_nothing() {
    never("simulate", &IMPURE);
    never("simulate", &CLOCKS);
    never("simulate", &["async fn", ".await"]);
    never_names("simulate", &["act", "observe", "run", "election", "cli"]);
}

#[test]
fn nothing_is_written_without_a_term() {
    let mut methods = 0;
    for path in files("act") {
        let text: String = code(&path).into_iter().map(|(_, line)| line + "\n").collect();
        for method in text.split("async fn ").skip(1) {
            let name = word(method);
            let signature = method.split(')').next().unwrap_or_default();
            // Events are best effort, and the one way out that needs no leadership.
            if path.ends_with("notices.rs") {
                continue;
            }
            methods += 1;
            assert!(signature.contains("term: &Term"), "{}: {name} takes no Term", path.display());
        }
    }
    assert!(methods > 10, "only {methods} methods found: is act still where the writing is?");
}

#[test]
fn the_words_are_found_in_every_form() {
    assert_eq!(tops("crate::{act::Writer, domain::{a, b}, plan}"), ["act", "domain", "plan"]);
    assert_eq!(tops("crate::act"), ["act"]);
    assert!(occurs("let a = tokio::spawn()", "tokio") && !occurs("tokionomy", "tokio"));
}
