//! Words at gates.
use crate::{cluster, fails, rollout, says};

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_is_opened_in_the_name_of_whoever_says_so() {
    let cluster = cluster().await;
    rollout(&cluster, "gated", "Running").await;
    let said = says(&cluster, &["rollout", "approve", "gated", "--comment", "looks well"]);
    assert!(said.contains("approves gate start of wave all"), "{said}");
    let all = cluster.kubectl(&["get", "rolloutapprovals", "-o", "json"]);
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    let found = all["items"].as_array().unwrap().iter().find(|approval| approval["spec"]["rollout"] == "gated");
    let spec = &found.unwrap_or_else(|| panic!("{all}"))["spec"];
    assert_eq!((&spec["gate"], &spec["wave"], &spec["decision"]), (&"start".into(), &"all".into(), &"Approve".into()));
    assert_eq!((&spec["planHash"], &spec["comment"]), (&"0123456789abcdef".into(), &"looks well".into()));
    let me = cluster.kubectl(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
    assert_eq!(spec["approver"], me.trim());
    // Said twice it is the same word; said otherwise it must be taken back first.
    says(&cluster, &["rollout", "approve", "gated"]);
    let why = fails(&cluster, &["rollout", "reject", "gated"]);
    assert!(
        why.contains("you said Approve at this gate before") && why.contains("kubectl delete rolloutapproval"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_there_is_not_is_named() {
    let cluster = cluster().await;
    rollout(&cluster, "gateless", "Running").await;
    let why = fails(&cluster, &["rollout", "approve", "gateless", "--gate", "look"]);
    assert!(why.contains("no gate of that name; it has: start"), "{why}");
}
