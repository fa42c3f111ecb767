//! An operator that elects as most do, with client-go, whose standbys poll: in an upgrade the leader's pod goes last,
//! leadership changes hands once, to a standby that was started anew, and the time without a leader is measured.

use leasehold::api::Phase;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::runs::reached;
use crate::support::beside_cluster_program;

const IMAGE: &str = "example.com/clientgo-operator:dev";

/// By the API server's own record: first the mark on the leader's pod, then the new template, at the end one eviction.
fn one_standby_was_started_anew_at_the_end(fleet: &Fleet) {
    let ours = fleet.cluster.requests(|r| r.namespace == "tenant-polling-acme" && r.code < 300);
    let all = |verb: &str, resource: &str, subresource: &str| {
        let wanted = ours.iter().filter(|r| (&*r.verb, &*r.resource, &*r.subresource) == (verb, resource, subresource));
        wanted.map(|r| r.received.clone()).collect::<Vec<_>>()
    };
    let (marked, changed, evicted) =
        (all("patch", "pods", ""), all("patch", "deployments", ""), all("create", "pods", "eviction"));
    assert!(!marked.is_empty() && marked.first() < changed.last(), "marked {marked:?}, changed {changed:?}");
    assert!(evicted.len() == 1 && changed.last() < evicted.first(), "changed {changed:?}, evicted {evicted:?}");
}

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
async fn an_upgrade_of_polling_standbys_hands_over_once_to_one_that_looks_at_once() {
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
    fleet.runs("polling-acme", "1.0.0").await;

    fleet.tenant("polling-acme", "1.1.0", more).await;
    reached(&fleet, "1.1.0", Phase::Succeeded).await;
    let tenant = fleet.runs("polling-acme", "1.1.0").await;
    let upgrade = tenant.status.unwrap().last_upgrade.expect("the upgrade was measured");
    assert_eq!((upgrade.from.as_str(), upgrade.to.as_str()), ("1.0.0", "1.1.0"));
    assert_eq!(upgrade.handovers, Some(1), "{upgrade:?}");
    let leaderless = upgrade.leaderless_milliseconds.expect("the Lease was watched throughout");
    one_standby_was_started_anew_at_the_end(&fleet);
    // What it was is said where everybody looks.
    fleet.told("polling-acme", &["TenantUpgraded", &format!("{leaderless} ms")]).await;
    fleet.end().await;
}
