//! In: a fleet. Out: its rollouts, as they come to a point, and what a person does to them: an edit, a decision, a window.
//! Never: judges, or says anything about the tenants of another operator.

use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use leasehold::api::{
    ApprovalSpec, ChangeWindow, Decision, Grant, Phase, Rollout, RolloutApproval, Tenant, Upgrade, WindowSpec,
};
use serde_json::{Value, json};

use crate::fleet::{Fleet, PATIENCE};
use crate::looks::Looks;
use crate::support::{eventually, watch_until};

/// Names of a fleet; the first is the canary.
pub fn names(operator: &str, count: u8) -> Vec<String> {
    (0..count).map(|n| format!("{operator}-{}", char::from(b'a' + n))).collect()
}

/// Applies all of them at this version, in one go, as Git does; `more` is merged over each spec.
pub async fn ask(fleet: &Fleet, names: &[String], version: &str, more: Value) {
    for (n, name) in names.iter().enumerate() {
        let ring = if n == 0 { "canary" } else { "stable" };
        let mut spec = json!({"rolloutPolicy": fleet.operator, "labels": {"ring": ring}});
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        fleet.tenant(name, version, spec).await;
    }
}

/// Waits until all of them run that version and nothing is left to do.
pub async fn all_of(fleet: &Fleet, names: &[String], version: &str) -> Vec<Tenant> {
    let mut tenants = Vec::new();
    for name in names {
        tenants.push(fleet.runs(name, version).await);
    }
    tenants
}

/// The rollouts of this operator, in the order in which they were made.
pub async fn rollouts(fleet: &Fleet) -> Vec<Rollout> {
    let all = fleet.rollouts().list(&ListParams::default()).await.expect("rollouts can be listed");
    let mut ours: Vec<Rollout> = all.items.into_iter().filter(|run| run.spec.operator == fleet.operator).collect();
    ours.sort_by_key(|run| run.spec.sequence);
    ours
}

/// Waits until the newest rollout to this version is as `wanted`.
pub async fn newest(fleet: &Fleet, version: &str, what: &str, wanted: impl Fn(&Rollout) -> bool) -> Rollout {
    let what = format!("the rollout to {version} {what}");
    eventually(&what, PATIENCE, async || {
        let newest = rollouts(fleet).await.into_iter().rfind(|run| run.spec.target.version == version)?;
        wanted(&newest).then_some(newest)
    })
    .await
}

/// Waits until the newest rollout to this version is in this phase.
pub async fn reached(fleet: &Fleet, version: &str, phase: Phase) -> Rollout {
    let is = |run: &Rollout| run.status.as_ref().is_some_and(|status| status.phase == phase);
    newest(fleet, version, &format!("is {phase:?}"), is).await
}

/// Waits until its message holds these words.
pub async fn says(fleet: &Fleet, version: &str, words: &str) -> Rollout {
    newest(fleet, version, &format!("says `{words}`"), |run| message(run).contains(words)).await
}

pub fn message(run: &Rollout) -> &str {
    run.status.as_ref().map_or("", |status| &status.message)
}

pub fn grant(tenant: &Tenant) -> &Grant {
    tenant.status.as_ref().and_then(|status| status.granted.as_ref()).expect("a grant")
}

pub fn upgrade(tenant: &Tenant) -> &Upgrade {
    tenant.status.as_ref().and_then(|status| status.last_upgrade.as_ref()).expect("an upgrade")
}

/// Waits until each of them gives this word for why it does not move.
pub async fn all_wait(fleet: &Fleet, names: &[String], word: &str) -> Vec<Tenant> {
    let mut tenants = Vec::new();
    for name in names {
        let waits = |tenant: &Tenant| tenant.reason("Reconciling") == word;
        tenants.push(fleet.until(name, &format!("waits: {word}"), waits).await);
    }
    tenants
}

/// What was granted to each of them, by version.
pub async fn granted(fleet: &Fleet, names: &[String]) -> Vec<String> {
    let mut versions = Vec::new();
    for name in names {
        versions.push(fleet.tenants().get(name).await.expect("a Tenant").granted().to_owned());
    }
    versions
}

/// A person edits a Rollout.
pub async fn edit(fleet: &Fleet, name: &str, spec: Value) -> Result<Rollout, kube::Error> {
    let patch = Patch::Merge(json!({"spec": spec}));
    fleet.rollouts().patch(name, &PatchParams::default(), &patch).await
}

/// What a person says about a gate of that very plan.
pub fn decision(run: &Rollout, wave: &str, gate: &str, decision: Decision) -> ApprovalSpec {
    ApprovalSpec {
        rollout: run.metadata.name.clone().expect("a name"),
        wave: wave.into(),
        gate: gate.into(),
        plan_hash: run.spec.plan_hash.clone(),
        decision,
        approver: "ann@example.com".into(),
        comment: "looked at by hand".into(),
    }
}

/// Says it, and waits until Leasehold has answered with this word.
pub async fn decide(fleet: &Fleet, name: &str, spec: ApprovalSpec, answer: &str) -> RolloutApproval {
    let approvals: Api<RolloutApproval> = Api::all(fleet.client.clone());
    let approval = RolloutApproval::new(&format!("{}-{name}", fleet.operator), spec);
    approvals.create(&PostParams::default(), &approval).await.expect("an approval");
    answered(fleet, name, answer).await
}

/// Waits until Leasehold answers a decision with this word.
pub async fn answered(fleet: &Fleet, name: &str, answer: &str) -> RolloutApproval {
    let approvals: Api<RolloutApproval> = Api::all(fleet.client.clone());
    let name = format!("{}-{name}", fleet.operator);
    let is = |approval: Option<&RolloutApproval>| {
        let status = approval.and_then(|approval| approval.status.as_ref());
        status.is_some_and(|status| status.conditions.iter().any(|c| c.type_ == "Ready" && c.reason == answer))
    };
    let found = watch_until(&approvals, &name, &format!("it is answered: {answer}"), PATIENCE, is).await;
    found.expect("it was wanted to exist")
}

/// Takes decisions away, those of a test that is done, or one that was wrong.
pub async fn forget(fleet: &Fleet, names: &[&str]) {
    let approvals: Api<RolloutApproval> = Api::all(fleet.client.clone());
    for name in names {
        let name = format!("{}-{name}", fleet.operator);
        approvals.delete(&name, &DeleteParams::default()).await.expect("an approval can be deleted");
        watch_until(&approvals, &name, "gone", PATIENCE, |approval| approval.is_none()).await;
    }
}

/// Makes a window of this operator's own.
pub async fn window(fleet: &Fleet, name: &str, spec: &Value) -> ChangeWindow {
    let windows: Api<ChangeWindow> = Api::all(fleet.client.clone());
    let mut spec: WindowSpec = serde_json::from_value(spec.clone()).expect("a window");
    spec.operators = vec![fleet.operator.clone()];
    let window = ChangeWindow::new(&format!("{}-{name}", fleet.operator), spec);
    windows.create(&PostParams::default(), &window).await.expect("a window")
}

/// Takes a window away.
pub async fn shut(fleet: &Fleet, name: &str) {
    let windows: Api<ChangeWindow> = Api::all(fleet.client.clone());
    let name = format!("{}-{name}", fleet.operator);
    windows.delete(&name, &DeleteParams::default()).await.expect("a window can be deleted");
}
