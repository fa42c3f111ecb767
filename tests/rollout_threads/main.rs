//! What went wrong elsewhere, each by the thread that tells of it. The table in docs/rollouts.md names them.
#[allow(dead_code, reason = "shared with the suite `planner`, each of which uses a part")]
#[path = "../planner/cluster.rs"]
mod cluster;

mod evidence;
mod fleets;
mod people;
mod versions;

use cluster::{Cluster, policy, wave};
use leasehold::{
    api::{WindowAction, WindowSpec},
    domain::window::Window,
};

const FIRST: &str = "memcached-1.1.0-1";
const SECOND: &str = "memcached-1.2.0-2";

/// A canary and two others, all asked for 1.1.0, the canary on its way.
fn begun() -> Cluster {
    let policy = policy(&[wave("canary"), wave("rest")]);
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

/// A Deny without a schedule: the emergency brake.
fn brake() -> Window {
    Window::new(WindowSpec {
        action: WindowAction::Deny,
        reason: "incident".into(),
        selector: None,
        operators: Vec::new(),
        schedule: None,
        until: None,
    })
}

/// Every test that the docs name is there, and every thread that a test is named after is in the docs.
#[test]
fn the_table_in_the_docs_names_these_tests() {
    let docs = include_str!("../../docs/rollouts.md");
    let section = docs.split("## What broke elsewhere").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    let named: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert!(named.len() >= 14, "{named:?}");
    let sources = [
        include_str!("evidence.rs"),
        include_str!("fleets.rs"),
        include_str!("people.rs"),
        include_str!("versions.rs"),
    ];
    let tests = sources.iter().flat_map(|source| source.split("#[test]\nfn ").skip(1));
    let tests: Vec<&str> = tests.filter_map(|rest| rest.split('(').next()).collect();
    for name in &named {
        assert!(tests.contains(name), "docs/rollouts.md names {name}, and there is no such test");
    }
    for test in &tests {
        assert!(named.contains(test), "{test} is not in the table of docs/rollouts.md");
    }
}
