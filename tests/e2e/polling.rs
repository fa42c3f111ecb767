//! An operator that elects as most do, with client-go, whose standbys poll: in an upgrade the leader's pod goes first,
//! leadership changes hands once, and the time without a leader is measured.

use leasehold::api::Phase;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::support::beside_cluster_program;
use crate::support::proxy::Request;
use crate::waves::reached;

const IMAGE: &str = "example.com/clientgo-operator:dev";
/// A standby that sleeps looks again after one to 2.2 of these. Leader last, every upgrade would wait for that.
const RETRY_PERIOD: i64 = 10_000;

fn clientgo(spec: &mut Value) {
    let example: Value = serde_saphyr::from_str(include_str!("../../examples/memcached/clientgo-1.0.0.yaml")).unwrap();
    let mut own = example["spec"].clone();
    for field in ["operator", "version"] {
        own[field] = spec[field].take();
    }
    assert_eq!((&own["image"], &own["leaderElection"]["standbys"]), (&json!(IMAGE), &json!("Poll")));
    *spec = own;
}

#[tokio::test]
async fn an_upgrade_of_polling_standbys_hands_over_once() {
    let fleet = Fleet::shared("polling").await;
    if !fleet.has_real_pods() {
        eprintln!("nothing is measured here: client-go's elector needs real pods");
        return;
    }
    fleet.cluster.load_image(IMAGE, &beside_cluster_program("clientgo"));
    fleet.release_with("1.0.0", clientgo).await;
    fleet.release_with("1.1.0", clientgo).await;
    fleet.policy(json!([{"name": "all", "soak": {"duration": "0s"}}])).await;
    let election = json!({"leaseDuration": "60s", "renewDeadline": "40s", "retryPeriod": "10s"});
    let more = json!({"rolloutPolicy": "polling", "leaderElection": election});
    fleet.tenant("polling-acme", "1.0.0", more.clone()).await;
    let before = fleet.runs("polling-acme", "1.0.0").await.status.unwrap().leader.expect("a leader");
    let leader = before.identity.split('_').next().unwrap();

    fleet.tenant("polling-acme", "1.1.0", more).await;
    reached(&fleet, "1.1.0", Phase::Succeeded).await;
    let tenant = fleet.runs("polling-acme", "1.1.0").await;
    let upgrade = tenant.status.unwrap().last_upgrade.expect("the upgrade was measured");
    assert_eq!((upgrade.from.as_str(), upgrade.to.as_str(), upgrade.handovers), ("1.0.0", "1.1.0", Some(1)));
    let leaderless = upgrade.leaderless_milliseconds.expect("the Lease was watched throughout");
    assert!(leaderless < RETRY_PERIOD, "nobody led for {leaderless} ms: the leader's pod did not go first");
    // The mark was on the leader's pod before the template changed: removed first, it counts less than any other.
    let writes = fleet.writes("polling-acme");
    let upgraded = writes.iter().rposition(|write| write.resource == "deployments").expect("it was upgraded");
    let marks = writes[..upgraded].iter().filter(|write| write.resource == "pods" && write.name == leader);
    let cost =
        |mark: &Request| mark.object()["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"].clone();
    let costs: Vec<i64> = marks.filter_map(|mark| cost(mark).as_str()?.parse().ok()).collect();
    assert!(costs.len() == 1 && costs[0] < 0, "deletion costs of {leader}: {costs:?}");
    // What it was is said where everybody looks.
    fleet.told("polling-acme", &["TenantUpgraded", &format!("{leaderless} ms")]).await;
    fleet.end().await;
}
