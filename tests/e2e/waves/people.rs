//! A person's word to a run: yes and no at its gates, and an abort in the middle.

use leasehold::api::{Decision, Phase};
use serde_json::{Value, json};

use super::{one_by_one, revisions, second_wave, three, two_waves};
use crate::looks::Looks;
use crate::runs::{
    all_of, all_wait, answered, ask, decide, decision, edit, forget, grant, granted, message, reached, says,
};

/// One gate after the canary's soak, and one before the others.
fn gated() -> Value {
    let mut waves = two_waves("5m");
    waves[0]["gates"] = json!({"after": [{"name": "look", "approval": {}}]});
    waves[1]["gates"] = json!({"before": [{"name": "go", "approval": {}}]});
    waves
}

#[tokio::test]
async fn wave_approval() {
    let (fleet, tenants) = three("approval", gated()).await;
    let [canary, others @ ..] = &tenants;
    ask(&fleet, &tenants, "1.1.0", json!({})).await;
    let run = says(&fleet, "1.1.0", "a RolloutApproval of look").await;
    fleet.until(canary, "it is proven", |tenant| tenant.running() == "1.1.0").await;
    all_wait(&fleet, others, "Approval").await;

    // A yes to another plan, or to a gate that there is not, opens nothing.
    let yes = |wave: &str, gate: &str| decision(&run, wave, gate, Decision::Approve);
    let mut other = yes("canary", "look");
    other.plan_hash = "0123456789abcdef".into();
    decide(&fleet, "other-plan", other, "OtherPlan").await;
    decide(&fleet, "no-gate", yes("everyone", "look"), "NoSuchGate").await;
    // A no outranks the yes, and halts until it is taken back and somebody resumes.
    decide(&fleet, "no", decision(&run, "canary", "look", Decision::Reject), "Counts").await;
    decide(&fleet, "look", yes("canary", "look"), "Counts").await;
    let halted = reached(&fleet, "1.1.0", Phase::Halted).await;
    assert!(message(&halted).contains("refused by ann@example.com: looked at by hand"), "{}", message(&halted));
    assert_eq!(granted(&fleet, others).await, ["1.0.0", "1.0.0"]);
    forget(&fleet, &["no"]).await;
    let name = run.metadata.name.as_deref().unwrap();
    for suspend in [true, false] {
        edit(&fleet, name, json!({"suspend": suspend})).await.expect("a person may suspend and resume");
    }

    // The next gate is another question.
    says(&fleet, "1.1.0", "a RolloutApproval of go").await;
    all_wait(&fleet, others, "Approval").await;
    assert_eq!(granted(&fleet, others).await, ["1.0.0", "1.0.0"]);
    let go = decide(&fleet, "go", yes("everyone", "go"), "Counts").await;
    let done = reached(&fleet, "1.1.0", Phase::Succeeded).await;
    let moved = all_of(&fleet, others, "1.1.0").await;
    let said = go.metadata.creation_timestamp.unwrap().0;
    for tenant in &moved {
        assert_eq!(grant(tenant).rollout, run.metadata.name);
        assert!(grant(tenant).at.0 >= said, "granted at {:?}, approved at {said}", grant(tenant).at);
    }
    assert_eq!((done.status.unwrap().proven, done.spec.plan_hash), (3, run.spec.plan_hash.clone()));
    answered(&fleet, "go", "Counted").await;
    decide(&fleet, "late", yes("everyone", "go"), "RolloutEnded").await;
    forget(&fleet, &["other-plan", "no-gate", "look", "go", "late"]).await;
    fleet.end().await;
}

#[tokio::test]
async fn wave_abort() {
    let (fleet, tenants) = three("abort", one_by_one("5m")).await;
    let [canary, others @ ..] = &tenants;
    ask(&fleet, &tenants, "1.1.0", json!({})).await;
    // Whoever of the second wave goes first is on its way, and the other one waits for its slot.
    let name = second_wave(&fleet, "1.1.0").await.metadata.name.unwrap();
    edit(&fleet, &name, json!({"abort": true})).await.expect("a person may abort");
    let aborted = reached(&fleet, "1.1.0", Phase::Aborted).await.status.unwrap();
    let refused = edit(&fleet, &name, json!({"abort": false})).await.expect_err("an abort cannot be taken back");
    assert!(refused.to_string().contains("cannot be taken back"), "{refused}");

    // Who is on its way arrives; who is not stays, although Git still asks for it.
    let after = granted(&fleet, others).await;
    assert_eq!(after.iter().filter(|version| *version == "1.1.0").count(), 1, "one at a time: {after:?}");
    let (gone, left): (Vec<_>, Vec<_>) = others.iter().zip(&after).partition(|(_, version)| *version == "1.1.0");
    let names = |list: Vec<(&String, &String)>| list.into_iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let (gone, left) = (names(gone), names(left));
    all_of(&fleet, &gone, "1.1.0").await;
    let stays = all_wait(&fleet, &left, "Suspended").await;
    assert!(stays[0].message("Reconciling").contains(&name), "{}", stays[0].message("Reconciling"));
    assert_eq!((aborted.members, aborted.proven + aborted.in_flight), (3, 2), "as it was when the word was spoken");

    // Another version is another wish.
    ask(&fleet, &tenants, "1.3.0", json!({})).await;
    all_of(&fleet, &tenants, "1.3.0").await;
    reached(&fleet, "1.3.0", Phase::Succeeded).await;
    for (name, count) in [(canary, 3), (&gone[0], 3), (&left[0], 2)] {
        assert_eq!(revisions(&fleet.client, name).await, count, "{name}");
    }
    fleet.end().await;
}
