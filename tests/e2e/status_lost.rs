//! A Tenant's status is wiped, as a restore from a backup does: what was granted is read back from the stack, and nobody
//! who has a stack is taken for new and jumps past the waves.

use kube::api::{Patch, PatchParams};
use leasehold::api::Phase;
use serde_json::json;

use crate::fleet::Fleet;
use crate::looks::Looks;
use crate::runs::reached;
use crate::waves::{all_run, bump, four, two_waves};

async fn wipe(fleet: &Fleet, name: &str) {
    let patch = Patch::Merge(json!({"status": null}));
    let wiped =
        fleet.tenants().patch_status(name, &PatchParams::default(), &patch).await.expect("a status can be wiped");
    assert_eq!(wiped.granted(), "", "nothing is left of the grant");
}

#[tokio::test]
async fn status_lost() {
    let fleet = Fleet::alone("lost").await;
    let off = ["--leader-elect=false"];
    let leasehold = fleet.run(fleet.cluster.kubeconfig(), "leasehold-0", &off);
    fleet.release("1.0.0").await;
    fleet.release_with("1.2.0", Fleet::never_ready).await;
    fleet.policy(two_waves("5s")).await;
    bump(&fleet, "1.0.0").await;
    let before = all_run(&fleet, "1.0.0").await;
    let [canary, second, third, fourth] = four("lost");
    let pods = fleet.images(&second).await;

    // While Leasehold runs: it is back, and nothing but the status was written.
    wipe(&fleet, &second).await;
    let back = fleet.runs(&second, "1.0.0").await;
    let granted = |tenant: &leasehold::api::Tenant| {
        let status = tenant.status.clone().unwrap();
        (status.granted.map(|grant| (grant.version, grant.revision, grant.at)), status.inventory)
    };
    assert_eq!(granted(&back), granted(&before[1]));

    // While it runs, with the version bumped in the same moment: it waits for its wave behind the canary, which fails.
    leasehold.pause();
    wipe(&fleet, &second).await;
    wipe(&fleet, &canary).await;
    bump(&fleet, "1.2.0").await;
    wipe(&fleet, &third).await;
    leasehold.cont();
    reached(&fleet, "1.2.0", Phase::Halted).await;
    for name in [&second, &third, &fourth] {
        let tenant = fleet.until(name, "the grant is read back", |tenant| !tenant.granted().is_empty()).await;
        assert_eq!(tenant.granted(), "1.0.0", "{name} jumped past its wave");
    }

    // While it is down, with the version bumped in the meantime.
    leasehold.kill();
    fleet.policy(two_waves("5m")).await;
    fleet.release("1.1.0").await;
    for name in four("lost") {
        wipe(&fleet, &name).await;
    }
    bump(&fleet, "1.1.0").await;
    let _leasehold = fleet.run(fleet.cluster.kubeconfig(), "leasehold-1", &off);
    let canary = fleet.until(&canary, "the canary has its grant back", |tenant| !tenant.granted().is_empty()).await;
    assert_eq!(canary.granted(), "1.2.0", "what its stack was rendered from");
    for name in [&second, &third, &fourth] {
        let tenant = fleet.until(name, "the grant is read back", |tenant| !tenant.granted().is_empty()).await;
        assert_eq!(tenant.granted(), "1.0.0", "{name} jumped past its wave");
        assert_eq!(fleet.images(name).await.len(), 2);
    }
    assert_eq!(fleet.images(&second).await, pods, "its pods are those of before");
}
