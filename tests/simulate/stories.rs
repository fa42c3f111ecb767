//! Each script and its transcript.
use std::{collections::BTreeSet, fs, path::PathBuf};

use leasehold::cli::simulate::tell;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn told(story: &str) -> String {
    let script = fs::read_to_string(folder().join(story).with_extension("yaml")).unwrap();
    tell(story, &script).unwrap_or_else(|why| panic!("{why}"))
}

/// Holds a story against its transcript.
pub fn hold_to(story: &str, transcript: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(story, transcript));
}

macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        const STORIES: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            hold_to(stringify!($name), &told(stringify!($name)));
        })*
    };
}

stories!(
    happy_path,
    halt_and_fix_forward,
    supersede_in_the_middle,
    freeze_on_friday,
    joiner_and_leaver,
    regression_in_the_soak,
    paused_tenant,
    two_rollouts_one_budget,
    abort_in_each_state,
    leader_change,
    hop_chain,
    approvals_and_the_brake,
    taken_back,
);

#[test]
fn every_script_is_told() {
    let stem = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let scripts: BTreeSet<String> =
        files.filter(|path| path.extension().is_some_and(|e| e == "yaml")).filter_map(stem).collect();
    let stories: BTreeSet<String> = STORIES.iter().map(|story| (*story).to_owned()).collect();
    assert_eq!(scripts, stories);
}

#[test]
fn a_story_is_the_same_each_time_it_is_told() {
    assert_eq!(told("halt_and_fix_forward"), told("halt_and_fix_forward"));
}
