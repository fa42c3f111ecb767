//! The harness itself: the cluster, the fault proxy, the hollow node.

mod support;

#[path = "support_works/hollow.rs"]
mod hollow;
#[path = "support_works/proxy.rs"]
mod proxy;

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use support::{Cluster, Guardian, Node, eventually};

/// For what takes a second or two, on a machine that may be busy with something else.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_guardian_ends_what_is_left_and_keeps_only_the_logs_of_a_failure() {
    for failed in [false, true] {
        let dir = tempfile::tempdir().unwrap().keep();
        let guardian = Guardian::over(&dir);
        let sleep = || std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let (mut left, mut forgotten) = (sleep(), sleep());
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
        assert!(!reaper.join().unwrap().success());
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
