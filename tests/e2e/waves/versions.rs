//! Where a run leads: to something newer in the middle of it, over releases in between, and back, or not.

use leasehold::api::{Phase, Tenant, Time};
use serde_json::{Value, json};

use super::{one_by_one, revisions, second_wave, three, two_waves};
use crate::fleet::{Fleet, PATIENCE};
use crate::looks::Looks;
use crate::runs::{all_of, all_wait, ask, edit, grant, granted, message, reached, rollouts, upgrade};
use crate::support::eventually;

fn proven_since(tenant: &Tenant) -> Time {
    tenant.status.as_ref().and_then(|status| status.running.as_ref()).expect("it runs").since
}

#[tokio::test]
async fn wave_supersede() {
    let (fleet, tenants) = three("supersede", one_by_one("5m")).await;
    ask(&fleet, &tenants, "1.1.0", json!({})).await;
    second_wave(&fleet, "1.1.0").await;
    ask(&fleet, &tenants, "1.3.0", json!({})).await;
    let old = reached(&fleet, "1.1.0", Phase::Superseded).await;
    let new = reached(&fleet, "1.3.0", Phase::Succeeded).await;
    let after = all_of(&fleet, &tenants, "1.3.0").await;

    // Who was on its way got there first; who was not never saw 1.1.0.
    let mut from: Vec<&str> = after.iter().map(|tenant| upgrade(tenant).from.as_str()).collect();
    assert_eq!(from[0], "1.1.0", "the canary had it");
    from[1..].sort_unstable();
    assert_eq!(from[1..], ["1.0.0", "1.1.0"]);
    for (tenant, name) in after.iter().zip(&tenants) {
        let count = if upgrade(tenant).from == "1.0.0" { 2 } else { 3 };
        assert_eq!(revisions(&fleet.client, name).await, count, "{name}");
        assert_eq!(grant(tenant).rollout, new.metadata.name);
    }
    // The newer version begins with its canary: nothing that was proven before counts.
    let old = old.status.unwrap();
    assert_eq!((old.proven, old.in_flight), (2, 0), "who is on its way arrives before the run ends");
    assert!(grant(&after[0]).at >= old.ended_at.unwrap(), "one target at a time");
    for later in &after[1..] {
        assert!(grant(later).at >= proven_since(&after[0]), "nobody goes before the canary is proven anew");
    }
    assert_eq!(rollouts(&fleet).await.len(), 2);
    fleet.end().await;
}

#[tokio::test]
async fn wave_hops() {
    let (fleet, tenants) = three("hops", two_waves("5m")).await;
    let reach = |from: &'static str| move |spec: &mut Value| spec["upgradesFrom"] = json!(from);
    fleet.release_with("1.4.0", reach(">=1.0.0, <1.4.0")).await;
    fleet.release_with("1.5.0", reach(">=1.4.0, <1.5.0")).await;
    fleet.release_with("1.9.0", reach(">=1.8.0, <1.9.0")).await;

    // Where no chain leads it is said, and nothing moves.
    ask(&fleet, &tenants, "1.9.0", json!({})).await;
    for name in &tenants {
        let said = fleet.stalled(name, "PathBlocked").await;
        assert!(said.contains("no release leads there from 1.0.0"), "{said}");
    }
    assert_eq!(granted(&fleet, &tenants).await, ["1.0.0"; 3]);
    assert!(rollouts(&fleet).await.is_empty());

    ask(&fleet, &tenants, "1.5.0", json!({})).await;
    let on_the_way = |tenant: &Tenant| tenant.granted() == "1.4.0";
    let first = fleet.until(&tenants[0], "the canary is on its way to 1.4.0", on_the_way).await;
    assert_eq!(grant(&first).towards.as_ref().map(|target| target.version.as_str()), Some("1.5.0"));
    let after = all_of(&fleet, &tenants, "1.5.0").await;
    reached(&fleet, "1.5.0", Phase::Succeeded).await;
    let runs = rollouts(&fleet).await;
    let versions: Vec<&str> = runs.iter().map(|run| run.spec.target.version.as_str()).collect();
    assert_eq!(versions, ["1.4.0", "1.5.0"], "each step is a run");
    for run in &runs {
        let status = run.status.as_ref().unwrap();
        assert_eq!((status.phase, status.members, status.proven), (Phase::Succeeded, 3, 3), "through all waves");
        assert_eq!(run.spec.waves.len(), 2);
    }
    let ended = runs[0].status.as_ref().unwrap().ended_at.unwrap();
    for (tenant, name) in after.iter().zip(&tenants) {
        assert!(grant(tenant).at >= ended, "who has taken a step waits for the others");
        assert_eq!(upgrade(tenant).from, "1.4.0");
        assert_eq!(revisions(&fleet.client, name).await, 3, "1.0.0, 1.4.0, 1.5.0");
    }
    for later in &after[1..] {
        assert!(grant(later).at >= proven_since(&after[0]), "the second step has its canary, too");
    }
    fleet.end().await;
}

#[tokio::test]
async fn wave_rollback_refused() {
    let (fleet, tenants) = three("noback", two_waves("5m")).await;
    let no_way_back = |spec: &mut Value| {
        Fleet::never_ready(spec);
        spec.as_object_mut().expect("a spec").remove("rollbackTo");
    };
    fleet.release_with("1.2.0", no_way_back).await;
    fleet.policy_with(two_waves("5s"), "Rollback").await;
    let [canary, others @ ..] = &tenants;
    let before = fleet.images(&others[0]).await;
    ask(&fleet, &tenants, "1.2.0", json!({})).await;
    let halted = reached(&fleet, "1.2.0", Phase::Halted).await;
    assert!(message(&halted).contains("going back is refused"), "{}", message(&halted));
    assert!(message(&halted).contains("no way back from 1.2.0"), "{}", message(&halted));
    fleet.stalled(canary, "DeadlineExceeded").await;
    all_wait(&fleet, others, "Budget").await;
    assert_eq!(granted(&fleet, &tenants).await, ["1.2.0", "1.0.0", "1.0.0"]);
    assert_eq!(rollouts(&fleet).await.len(), 1, "nobody is taken back");
    assert_eq!(fleet.images(&others[0]).await, before, "nobody else was touched");

    // The way on is forward, and the broken one goes first.
    fleet.policy(two_waves("5m")).await;
    ask(&fleet, &tenants, "1.3.0", json!({})).await;
    let after = all_of(&fleet, &tenants, "1.3.0").await;
    reached(&fleet, "1.3.0", Phase::Succeeded).await;
    assert!(after.iter().all(|tenant| tenant.status.as_ref().unwrap().rejected.is_empty()), "nothing was taken back");
    for later in &after[1..] {
        assert!(grant(later).at >= proven_since(&after[0]), "the canary is mended first");
    }
    fleet.end().await;
}

#[tokio::test]
async fn wave_undo() {
    let (fleet, tenants) = three("undo", one_by_one("5m")).await;
    ask(&fleet, &tenants, "1.1.0", json!({})).await;
    let run = second_wave(&fleet, "1.1.0").await;
    let name = run.metadata.name.unwrap();
    edit(&fleet, &name, json!({"undo": true})).await.expect("a person may undo");
    reached(&fleet, "1.1.0", Phase::RolledBack).await;
    let back = reached(&fleet, "1.0.0", Phase::Succeeded).await;
    assert_eq!(back.spec.rollback_of.as_deref(), Some(name.as_str()));
    let members: Vec<&String> = back.spec.waves.iter().flat_map(|wave| &wave.members).collect();
    assert_eq!(members.len(), 2, "those that it moved, through the waves: {members:?}");
    assert_eq!((back.spec.waves.len(), members[0]), (2, &tenants[0]));
    let (moved, stayed): (Vec<String>, Vec<String>) = tenants.iter().cloned().partition(|t| members.contains(&t));

    // Git still asks for it, heals what was taken back, and edits something else besides: only that goes through.
    ask(&fleet, &tenants, "1.1.0", json!({"replicas": 1})).await;
    for name in &tenants {
        let one = async || fleet.images(name).await.len() == 1;
        eventually(&format!("{name} has one replica"), PATIENCE, one).await;
        let proven = |tenant: &Tenant| {
            let status = tenant.status.as_ref().expect("it has one");
            let granted = status.granted.as_ref().map(|granted| &granted.revision);
            tenant.holds("Ready") && status.running.as_ref().map(|running| &running.revision) == granted
        };
        let tenant = fleet.until(name, "its own edit is proven", proven).await;
        assert_eq!(grant(&tenant).version, "1.0.0", "{name}");
    }
    for tenant in fleet.tenants().list(&kube::api::ListParams::default()).await.unwrap() {
        if moved.iter().any(|name| tenant.metadata.name.as_ref() == Some(name)) {
            let rejected = &tenant.status.as_ref().unwrap().rejected;
            assert_eq!(rejected.len(), 1, "what it was taken back from is remembered: {rejected:?}");
            assert_eq!(tenant.reason("Stalled"), "PathBlocked", "{}", tenant.message("Stalled"));
        }
    }
    all_wait(&fleet, &stayed, "Suspended").await;

    // Another version is free to go.
    ask(&fleet, &tenants, "1.3.0", json!({"replicas": 1})).await;
    all_of(&fleet, &tenants, "1.3.0").await;
    reached(&fleet, "1.3.0", Phase::Succeeded).await;
    let versions: Vec<String> = rollouts(&fleet).await.into_iter().map(|run| run.spec.target.version).collect();
    assert_eq!(versions, ["1.1.0", "1.0.0", "1.3.0"], "nobody was sent there again");
    fleet.end().await;
}
