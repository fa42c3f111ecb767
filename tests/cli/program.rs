//! The program itself: help that teaches, exit codes, errors that say what to do. None of this needs a cluster.
use std::process::{Command, Output};

use leasehold::observe::Source;
use serde_json::Value;

pub fn leasehold(arguments: &[&str]) -> Output {
    let empty = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_leasehold"))
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env("HOME", empty.path())
        .output()
        .unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn every_verb_for_people_teaches_by_example() {
    for verb in [
        "status",
        "explain",
        "plan",
        "render",
        "simulate",
        "rollout",
        "hold",
        "release",
        "release new",
        "stop",
        "go",
        "crds",
        "crds diff",
        "crds plan",
    ] {
        let words: Vec<&str> = verb.split(' ').chain(["--help"]).collect();
        let help = leasehold(&words);
        assert!(help.status.success(), "{verb}");
        let help = out(&help);
        let examples =
            help.split_once("Examples:").unwrap_or_else(|| panic!("{verb} --help has no examples:\n{help}")).1;
        assert!(examples.contains(&format!("\n  leasehold {verb}")), "{help}");
        assert!(examples.contains("Exit code: 0"), "{help}");
    }
}

#[test]
fn the_plugin_speaks_of_itself_as_kubectl_leasehold() {
    let help = Command::new(env!("CARGO_BIN_EXE_kubectl-leasehold")).args(["status", "--help"]).output().unwrap();
    let help = out(&help);
    assert!(help.contains("Usage: kubectl leasehold status"), "{help}");
    assert!(help.contains("\n  kubectl leasehold status --watch"), "{help}");
    let help = Command::new(env!("CARGO_BIN_EXE_kubectl-leasehold")).args(["crds", "diff", "--help"]).output().unwrap();
    assert!(out(&help).contains("\n  kubectl leasehold crds diff old/crds"), "{}", out(&help));
}

#[test]
fn a_verb_that_does_not_exist_is_an_error_of_usage() {
    let unknown = leasehold(&["stauts"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(err(&unknown).contains("status"), "{}", err(&unknown));
}

#[test]
fn without_a_kubeconfig_it_says_how_to_give_one() {
    let lost = leasehold(&["status"]);
    assert_eq!(lost.status.code(), Some(1));
    assert!(err(&lost).contains("--kubeconfig FILE"), "{}", err(&lost));
}

#[test]
fn a_context_that_is_not_there_is_named_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let config = "{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}], \
                  users: [{name: u, user: {}}], contexts: [{name: staging, context: {cluster: c, user: u}}], current-context: staging}";
    std::fs::write(&path, config).unwrap();
    let path = path.to_str().unwrap();
    let wrong = leasehold(&["plan", "--kubeconfig", path, "--context", "stagging"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(err(&wrong).contains("no context `stagging`; it has: staging"), "{}", err(&wrong));
    // Port 1 refuses at once: nothing listens there.
    let down = leasehold(&["status", "--kubeconfig", path]);
    assert_eq!(down.status.code(), Some(1));
    assert!(err(&down).contains("cannot reach https://127.0.0.1:1"), "{}", err(&down));
}

#[test]
fn the_documented_rights_cover_all_that_is_read() {
    let reference = include_str!("../../docs/cli.md");
    let role = reference.split("```yaml\n").find(|block| block.contains("name: leasehold-planner")).unwrap();
    let role: Value = serde_saphyr::from_str(role.split("```").next().unwrap()).unwrap();
    let holds = |list: &Value, wanted: &str| list.as_array().unwrap().iter().any(|item| item == wanted);
    let granted = |group: &str, resource: &str, verb: &str| {
        let covers = |rule: &Value| {
            holds(&rule["apiGroups"], group) && holds(&rule["resources"], resource) && holds(&rule["verbs"], verb)
        };
        role["rules"].as_array().unwrap().iter().any(covers)
    };
    let read = Source::all(|_| true).into_iter().map(Source::api_resource).map(|r| (r.group, r.plural));
    for (group, resource) in read.chain([("coordination.k8s.io".to_owned(), "leases".to_owned())]) {
        for verb in ["list", "watch"] {
            assert!(granted(&group, &resource, verb), "{verb} {resource}.{group} is not in docs/cli.md");
        }
    }
}
