//! Words to a run.
use crate::{cluster, fails, rollout, says, stored};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_suspended_and_goes_on() {
    let cluster = cluster().await;
    rollout(&cluster, "goes-on", "Running").await;
    assert!(says(&cluster, &["rollout", "suspend", "goes-on", "--dry-run"]).contains("nothing was changed"));
    assert_ne!(stored(&cluster, "rollout", "goes-on")["spec"]["suspend"], true);
    assert!(says(&cluster, &["rollout", "suspend", "goes-on"]).starts_with("rollout.leasehold.dev/goes-on suspended"));
    assert_eq!(stored(&cluster, "rollout", "goes-on")["spec"]["suspend"], true);
    says(&cluster, &["rollout", "resume", "goes-on", "--additional-failures", "2"]);
    let spec = stored(&cluster, "rollout", "goes-on")["spec"].clone();
    assert_eq!((spec["suspend"].as_bool(), spec["additionalFailures"].as_u64()), (Some(false), Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn resuming_a_halt_is_an_edit_even_where_nothing_else_changes() {
    let cluster = cluster().await;
    rollout(&cluster, "halted", "Halted").await;
    let before = stored(&cluster, "rollout", "halted");
    says(&cluster, &["rollout", "resume", "halted"]);
    let after = stored(&cluster, "rollout", "halted");
    assert_ne!(after["spec"]["suspend"], true);
    assert!(after["metadata"]["generation"].as_i64() > before["metadata"]["generation"].as_i64());
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_skipped_and_taken_in_again() {
    let cluster = cluster().await;
    rollout(&cluster, "skips", "Running").await;
    says(&cluster, &["rollout", "skip", "skips", "acme", "bolt"]);
    says(&cluster, &["rollout", "skip", "skips", "acme", "--take-in"]);
    assert_eq!(stored(&cluster, "rollout", "skips")["spec"]["skip"], serde_json::json!(["bolt"]));
    assert!(fails(&cluster, &["rollout", "skip", "skips", "cern"]).contains("Tenant cern is not in the plan"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_back_is_said_once() {
    let cluster = cluster().await;
    rollout(&cluster, "ends", "Running").await;
    says(&cluster, &["rollout", "undo", "ends"]);
    says(&cluster, &["rollout", "abort", "ends"]);
    let spec = stored(&cluster, "rollout", "ends")["spec"].clone();
    assert_eq!((spec["undo"].as_bool(), spec["abort"].as_bool()), (Some(true), Some(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_not_there_is_named_with_those_that_are() {
    let cluster = cluster().await;
    rollout(&cluster, "known", "Running").await;
    let why = fails(&cluster, &["rollout", "suspend", "unknown"]);
    assert!(why.contains("there is no Rollout unknown; there is: "), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_where_every_run_is() {
    let cluster = cluster().await;
    rollout(&cluster, "listed", "Halted").await;
    let list = says(&cluster, &["rollout", "list"]);
    let line = list.lines().find(|line| line.starts_with("listed ")).unwrap_or_else(|| panic!("{list}"));
    assert!(line.contains("Halted") && line.contains("so it is"), "{line}");
    let json: serde_json::Value = serde_json::from_str(&says(&cluster, &["rollout", "list", "-o", "json"])).unwrap();
    assert!(json.as_array().unwrap().iter().any(|run| run["name"] == "listed" && run["phase"] == "Halted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_which_right_is_missing() {
    let cluster = cluster().await;
    rollout(&cluster, "guarded", "Running").await;
    let context = cluster.kubectl(&["create", "token", "default", "--namespace=default"]);
    let config = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    let mut config: serde_json::Value = serde_saphyr::from_str(&config).unwrap();
    for user in config["users"].as_array_mut().unwrap() {
        user["user"] = serde_json::json!({"token": context.trim()});
    }
    let path = cluster.dir().join("nobody");
    std::fs::write(&path, config.to_string()).unwrap();
    let why = fails(&cluster, &["rollout", "suspend", "guarded", "--kubeconfig", path.to_str().unwrap()]);
    assert!(why.contains("you lack the right to get rollouts.leasehold.dev"), "{why}");
    assert!(why.contains("docs/cli.md"), "{why}");
}
