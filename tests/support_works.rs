//! The harness itself: the cluster, the fault proxy, the hollow node.

mod support;

#[path = "support_works/hollow.rs"]
mod hollow;
#[path = "support_works/proxy.rs"]
mod proxy;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Api;
use support::{Cluster, Guardian, Leasehold, Node, eventually, watch_until};

/// For what takes a second or two, on a machine that may be busy with something else.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_guardian_ends_what_is_left_and_keeps_only_the_logs_of_a_failure() {
    for failed in [false, true] {
        let dir = tempfile::tempdir().unwrap().keep();
        let guardian = Guardian::over(&dir);
        let mut forgotten = Command::new("sleep").arg("600").spawn().unwrap();
        let polite = "trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done";
        let mut left = Command::new("sh").args(["-c", polite]).stdout(Stdio::piped()).spawn().unwrap();
        BufReader::new(left.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        guardian.watch(forgotten.id());
        guardian.watch(left.id());
        guardian.forget(forgotten.id());
        std::fs::create_dir_all(dir.join("pods/empty")).unwrap();
        for file in ["a.log", "pods/b.log", "data"] {
            std::fs::write(dir.join(file), "").unwrap();
        }
        if failed {
            std::fs::write(dir.join("keep"), "").unwrap();
        }
        // Reaped at once, as a process is whose parent is gone.
        let reaper = std::thread::spawn(move || left.wait().unwrap());
        drop(guardian);
        assert_eq!(reaper.join().unwrap().code(), Some(3), "it was asked to end");
        assert!(forgotten.try_wait().unwrap().is_none());
        forgotten.kill().unwrap();
        forgotten.wait().unwrap();
        let kept = ["a.log", "pods/b.log", "data", "keep", "pods/empty"].map(|path| dir.join(path).exists());
        assert_eq!(kept, [failed, failed, false, false, false]);
        assert_eq!(dir.exists(), failed);
        let _ = std::fs::remove_dir_all(dir);
    }
}

#[tokio::test]
async fn a_cluster_of_ones_own_is_gone_afterwards() {
    let cluster = Cluster::start(Node::None).await;
    let dir = cluster.dir().to_owned();
    assert_eq!(cluster.client().apiserver_version().await.unwrap().major, "1");
    drop(cluster);
    assert!(!dir.exists());
}

#[tokio::test]
async fn a_process_is_asked_paused_continued_and_killed() {
    let cluster = Cluster::shared(Node::Hollow).await;
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        cluster.spawn("shell", command)
    };
    let polite = shell("trap 'echo asked; exit 7' TERM; echo up; while :; do sleep 0.02; done");
    polite.log_line("it is up", SOON, |line| line == "up").await;
    polite.pause();
    polite.stop();
    assert!(polite.status().is_none());
    polite.cont();
    assert_eq!(polite.wait(SOON).await.code(), Some(7));
    assert_eq!(polite.log(), "up\nasked\n");
    polite.kill();

    let stubborn = shell("trap '' TERM; echo up; while :; do sleep 0.02; done");
    stubborn.log_line("it is up", SOON, |line| line == "up").await;
    stubborn.stop();
    stubborn.kill();
    assert_eq!(stubborn.wait(SOON).await.code(), None);
    assert_ne!(polite.log_path(), stubborn.log_path());

    let leasehold = Leasehold::on(&cluster).pod("here", "leasehold-x").args(&["--help"]).start();
    assert_eq!((leasehold.pod.as_str(), leasehold.wait(SOON).await.code()), ("leasehold-x", Some(0)));
}

#[tokio::test]
async fn what_is_applied_waits_for_its_kind_and_a_refusal_is_handed_back() {
    let cluster = Cluster::shared(Node::Hollow).await;
    let applied = cluster
        .apply_yaml(
            "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: geese.test.leasehold.dev}
spec:
  group: test.leasehold.dev
  scope: Cluster
  names: {kind: Goose, plural: geese}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
---
# the plural is not what one would guess
{apiVersion: test.leasehold.dev/v1, kind: Goose, metadata: {name: one}}
",
        )
        .await;
    assert_eq!(applied[0].metadata.managed_fields.as_ref().unwrap()[0].manager.as_deref(), Some("test"));
    let kubectl = cluster.kubectl(&["get", "geese", "-o", "name"]);
    assert_eq!(kubectl, "goose.test.leasehold.dev/one\n");
    let refused = cluster.try_apply_yaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: UPPER}}").await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 422));
}

#[tokio::test]
async fn a_local_program_runs_as_a_real_pod() {
    let cluster = Cluster::start(Node::Containers).await;
    if !cluster.runs_local_programs() {
        return;
    }
    cluster.load_image("example.com/sleep:1", Path::new("/bin/sleep"));
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: real}, spec: {containers: [
        {name: sleep, image: 'example.com/sleep:1', args: ['600'], imagePullPolicy: Never}]}}";
    cluster.apply_yaml(pod).await;
    let pods: Api<Pod> = Api::default_namespaced(cluster.client());
    let runs = |pod: &Pod| pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
    watch_until(&pods, "real", "it runs", SOON, |pod| pod.is_some_and(runs)).await;
}

#[tokio::test]
async fn the_audit_log_says_who_asked_for_what() {
    let cluster = Cluster::shared(Node::Hollow).await;
    if !cluster.has_audit_log() {
        return;
    }
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    assert!(maps.get_opt("audited").await.unwrap().is_none());
    let found = async || cluster.requests(|request| request.name == "audited").first().cloned();
    let request = eventually("the request is in the audit log", SOON, found).await;
    assert_eq!((request.user.as_str(), request.verb.as_str(), request.code), ("admin", "get", 404));
    assert_eq!((request.resource.as_str(), request.namespace.as_str()), ("configmaps", "default"));
}
