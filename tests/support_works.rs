//! The harness itself: the cluster, the fault proxy, the hollow node.

mod support;

use support::{Cluster, Node};

#[tokio::test]
async fn a_cluster_serves_and_is_gone_afterwards() {
    let cluster = Cluster::start(Node::None).await;
    let dir = cluster.dir().to_owned();
    let version = cluster.client().apiserver_version().await.unwrap();
    assert_eq!(version.major, "1");
    drop(cluster);
    assert!(!dir.exists());
}
