//! Scripts that are wrong: the line, and what to do.
use clap::CommandFactory;
use leasehold::cli::simulate::{read, tell};

const GOOD: &str = "kind: Simulation
title: A story
start: 2026-03-02T09:00:00Z
releases:
- {operator: memcached, versions: [1.0.0, 1.1.0]}
tenants:
- {names: [acme], operator: memcached, version: 1.0.0}
events:
- {at: 1m, ask: {version: 1.1.0}}
";

/// The script with one text in place of another, and what is wrong with it.
fn wrong(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    tell("story.yaml", &GOOD.replace(from, to)).unwrap_err()
}

#[test]
fn a_script_that_is_well_is_read() {
    let script = read(GOOD).unwrap();
    assert_eq!((script.objects.len(), script.events.len(), script.events[0].line), (3, 1, 9));
}

#[test]
fn what_is_no_yaml_is_named_with_its_line() {
    let why = wrong("tenants:", "tenants: [");
    assert!(why.starts_with("story.yaml: line "), "{why}");
}

#[test]
fn a_field_that_there_is_not_is_named_with_its_line() {
    let why = wrong("title: A story", "titel: A story");
    assert!(why.starts_with("story.yaml: line 2: ") && why.contains("titel"), "{why}");
    let why = wrong("ask: {version: 1.1.0}", "bump: {version: 1.1.0}");
    assert!(why.starts_with("story.yaml: line 9: ") && why.contains("bump"), "{why}");
}

#[test]
fn an_object_that_the_api_server_would_refuse_is_named_with_its_line() {
    let policy =
        "---\nkind: RolloutPolicy\nmetadata: {name: default}\nspec: {waves: [{name: a, soak: {duration: long}}]}\n";
    let why = tell("story.yaml", &format!("{GOOD}{policy}")).unwrap_err();
    assert!(why.starts_with("story.yaml: line 11: RolloutPolicy default: spec.waves"), "{why}");
    let why = tell("story.yaml", &format!("{GOOD}---\nkind: Pod\nmetadata: {{name: a}}\n")).unwrap_err();
    assert!(why.contains("`Pod` has no place in a script"), "{why}");
    let why = wrong("version: 1.0.0}", "version: one}");
    assert!(why.contains("line 7") && why.contains("spec.version"), "{why}");
}

#[test]
fn an_event_that_cannot_be_is_named_with_its_line() {
    let cases = [
        ("ask: {version: 1.1.0}", "ask: {version: 1.1.0, tenants: [bolt]}", "line 9: no Tenant is named bolt"),
        ("ask: {version: 1.1.0}", "ask: {version: 1.1.0, matchLabels: {ring: canary}}", "line 9: nobody is asked"),
        ("at: 1m, ask: {version: 1.1.0}", "at: 1m", "line 9: nothing happens"),
        ("ask: {version: 1.1.0}", "ask: {version: 1.1.0}, go: {}", "line 9: one thing an event"),
        ("at: 1m", "at: soon", "line 9: `soon` is no time"),
        ("at: 1m", "at: 2026-03-01T09:00:00Z", "line 9: 2026-03-01T09:00:00Z is before the start"),
        (
            "ask: {version: 1.1.0}",
            "suspend: memcached-1.1.0-1",
            "line 9: there is no Rollout memcached-1.1.0-1 at this time",
        ),
        ("ask: {version: 1.1.0}", "delete: Tenant/bolt", "line 9: there is no Tenant bolt at this time; there is acme"),
        (
            "ask: {version: 1.1.0}",
            "edit: {object: Tenant/acme, merge: {spec: {mode: Asleep}}}",
            "line 9: the API server would refuse",
        ),
    ];
    for (from, to, expected) in cases {
        let why = wrong(from, to);
        assert!(why.contains(expected), "{to}: {why}");
    }
}

/// The script that the help shows.
#[test]
fn the_example_of_the_help_can_be_told() {
    let command = leasehold::cli::Cli::command();
    let help = command.find_subcommand("simulate").unwrap().get_after_help().unwrap().to_string();
    let example =
        help.lines().skip_while(|line| !line.starts_with("  kind: Simulation")).take_while(|line| !line.is_empty());
    let transcript = tell("help", &example.collect::<Vec<_>>().join("\n")).unwrap();
    assert!(
        transcript.contains("WaveHalted") && transcript.contains("bolt is skipped in memcached-1.1.0-1"),
        "{transcript}"
    );
}

#[test]
fn a_range_has_an_end() {
    let why = wrong("names: [acme]", "names: 't-{1..4000000000}'");
    assert!(why.contains("line 7") && why.contains("100000 names"), "{why}");
}

#[test]
fn a_script_needs_one_simulation() {
    assert!(
        tell("s", "kind: Tenant\nmetadata: {name: a}\nspec: {operator: o, version: 1.0.0}\n")
            .unwrap_err()
            .contains("no document of kind Simulation")
    );
    assert!(tell("s", &format!("{GOOD}---\n{GOOD}")).unwrap_err().contains("line 11: a script has one document"));
}
