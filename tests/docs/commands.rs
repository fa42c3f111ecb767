//! Every `leasehold …` that a user reads somewhere is one that the program understands.

use clap::{CommandFactory, Parser, error::ErrorKind};
use leasehold::cli::Cli;

use crate::blocks;

/// The simple commands of a shell line: words, quotes taken off, comments left out.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut command, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '|' | ';' | '&' | '(' | ')' | '<' | '>') => {
                command.extend(word.take());
                all.push(std::mem::take(&mut command));
            }
            (None, _) if c.is_whitespace() => command.extend(word.take()),
            (Some(_) | None, _) => word.get_or_insert_default().push(c),
        }
    }
    command.extend(word);
    all.push(command);
    all.into_iter().filter(|command| !command.is_empty()).collect()
}

/// The arguments, program's name included, if this is a call of ours.
fn ours(command: &[String]) -> Option<Vec<String>> {
    match command {
        [first, ..] if first == "leasehold" => Some(command.to_vec()),
        [first, second, ..] if first == "kubectl" && second == "leasehold" => Some(command[1..].to_vec()),
        _ => None,
    }
}

fn understood(place: &str, line: &str) -> usize {
    let calls: Vec<_> = commands(line).iter().filter_map(|command| ours(command)).collect();
    for call in &calls {
        match Cli::try_parse_from(call).map_err(|error| (error.kind(), error)) {
            Ok(_) | Err((ErrorKind::DisplayHelp | ErrorKind::DisplayVersion, _)) => {}
            // A verb that is only named.
            Err((ErrorKind::MissingRequiredArgument, _))
                if call.len() == 2 || (call.len() == 3 && ["rollout", "crds", "release"].contains(&&*call[1])) => {}
            Err((ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, _)) if call.len() <= 2 => {}
            Err((_, error)) => panic!("{place}: {line}\n{error}"),
        }
    }
    calls.len()
}

#[test]
fn the_splitting_is_that_of_a_shell() {
    let line = "kubectl get t -o yaml | leasehold render -f - # and so on\n";
    assert_eq!(commands(line), [vec!["kubectl", "get", "t", "-o", "yaml"], vec!["leasehold", "render", "-f", "-"]]);
    let line = "diff <(leasehold plan) <(a 'b c' \"d#e\")";
    assert_eq!(commands(line), [vec!["diff"], vec!["leasehold", "plan"], vec!["a", "b c", "d#e"]]);
}

#[test]
fn every_command_line_in_the_documentation_is_understood() {
    let mut found = 0;
    for block in blocks::all("sh") {
        let lines = block.text.replace("\\\n", " ");
        found += lines.lines().map(|line| understood(&block.place, line)).sum::<usize>();
    }
    for (path, text) in blocks::documents() {
        found += blocks::spans(&text).iter().map(|span| understood(&path, span)).sum::<usize>();
    }
    assert!(found >= 20, "only {found} were found: are they written in another way now?");
}

#[test]
fn every_example_in_the_help_is_understood() {
    for verb in verbs(&Cli::command()) {
        let examples = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        let found = examples.lines().map(|line| understood(verb.get_name(), line.trim())).sum::<usize>();
        assert!(found > 0 || examples.is_empty(), "{} has no example of itself", verb.get_name());
    }
}

/// Every verb, and the verbs below it.
fn verbs(command: &clap::Command) -> Vec<clap::Command> {
    let here = command.get_subcommands();
    here.flat_map(|verb| [vec![verb.clone()], verbs(verb)].concat()).collect()
}

#[test]
fn the_reference_names_every_verb_and_every_option() {
    let reference = include_str!("../../docs/cli.md");
    for verb in Cli::command().get_subcommands() {
        let name = verb.get_name();
        assert!(reference.contains(&format!("`{name}")), "docs/cli.md does not name {name}");
    }
    let both = reference.to_owned() + include_str!("../../docs/crds.md");
    for verb in verbs(&Cli::command()) {
        for option in verb.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(both.contains(&format!("--{option}")), "neither page names --{option} of {}", verb.get_name());
        }
    }
}

#[test]
fn the_chart_sets_only_options_that_there_are() {
    let template = include_str!("../../charts/leasehold/templates/deployment.yaml");
    let run = Cli::command().find_subcommand("run").expect("there is `run`").clone();
    let known: Vec<&str> = run.get_arguments().filter_map(clap::Arg::get_long).collect();
    let set =
        template.lines().filter_map(|line| line.trim().strip_prefix("- --")?.split_once('=')).map(|(name, _)| name);
    let set: Vec<&str> = set.collect();
    assert!(set.len() >= 7, "only {set:?} were found");
    for option in set {
        assert!(known.contains(&option), "the chart sets --{option}, and `run` has {known:?}");
    }
}
