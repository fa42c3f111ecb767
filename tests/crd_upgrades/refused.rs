//! A release whose definition old and new operators cannot share is refused before anybody moves, and says why.

use kube::api::{Patch, PatchParams, PostParams};
use leasehold::api::CrdPhase;
use serde_json::{Value, json};

use crate::fleet::PATIENCE;
use crate::looks::Looks;
use crate::runs::{granted, rollouts};
use crate::scene::{Scene, upgrade};
use crate::support::eventually;
use crate::user::OLD;

/// What a developer did to the schema of the spec, and what is said about it: where, and the rule.
struct Change {
    release: &'static str,
    edit: fn(&mut Value),
    path: &'static str,
}

const CHANGES: [Change; 3] = [
    Change {
        release: "1.4.0",
        edit: |spec| spec["properties"]["size"] = json!({"type": "string", "maxLength": 8}),
        path: "spec.size",
    },
    Change { release: "1.5.0", edit: |spec| spec["required"] = json!(["size", "image"]), path: "spec.image" },
    Change { release: "1.6.0", edit: |spec| spec["properties"]["size"]["maximum"] = json!(3), path: "spec.size" },
];

#[tokio::test]
async fn crd_refused_before_anyone_moves() {
    let scene = Scene::begin("1.1.0", 3).await;
    let before = scene.definition().await;
    let writers = scene.writers();
    for change in &CHANGES {
        scene
            .release_like(change.release, "1.1.0", |spec| {
                spec["upgradesFrom"] = json!(">=1.1.0");
                let schema = &mut spec["crds"][0]["inline"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
                (change.edit)(&mut schema["properties"]["spec"]);
            })
            .await;
        refused(&scene, change).await;
    }
    // Of another release nothing is in the way.
    scene.ask("1.1.0").await;
    scene.all_run("1.1.0").await;
    let after = scene.definition().await;
    assert_eq!(after.metadata.generation, before.metadata.generation, "the definition was not written");
    assert_eq!(after.spec, before.spec);
    assert_eq!(scene.log().specs().len(), 1, "it was created, and that is all");
    for writer in &writers {
        writer.acknowledged(OLD, "size", 1).await;
    }
    scene.all_holds(writers, &[OLD]).await;
    scene.fleet.end().await;
}

async fn refused(scene: &Scene, change: &Change) {
    scene.ask(change.release).await;
    let status = scene.until(change.release, CrdPhase::Refused).await;
    let finding = status.findings.iter().find(|finding| finding.path == change.path);
    let finding = finding.unwrap_or_else(|| panic!("nothing about {}: {:?}", change.path, status.findings));
    assert!(["Scan", "Convert", "No"].contains(&finding.verdict.as_str()), "{finding:?}");
    let words = [change.path, &finding.rule];
    scene.not_ready(change.release, &words).await;
    // Whoever waits for it is told, too.
    for name in &scene.tenants {
        let told = |tenant: &leasehold::api::Tenant| {
            let said = tenant.message("Reconciling") + &tenant.message("Stalled");
            words.iter().all(|word| said.contains(word))
        };
        scene.fleet.until(name, &format!("it says {words:?}"), told).await;
    }
    let named = async || {
        let runs = rollouts(&scene.fleet).await;
        let messages = runs.iter().filter(|run| run.spec.target.version == change.release);
        let said: Vec<String> = messages.filter_map(|run| Some(run.status.as_ref()?.message.clone())).collect();
        // There may be no run at all to a release that nobody can be granted.
        said.iter().all(|said| words.iter().all(|word| said.contains(word)))
    };
    eventually("the rollout says it", PATIENCE, named).await;
    assert_eq!(granted(&scene.fleet, &scene.tenants).await, ["1.1.0"; 3], "{} was granted", change.release);
    println!("{}: {}", upgrade(change.release), status.message);
}

const FROZEN: &str = "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: frozen}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [cache.example.com], apiVersions: ['*'], operations: [UPDATE], resources: [memcacheds]}]
  validations: [{expression: \"object.metadata.name != 'frozen'\", message: 'frozen until the audit is over'}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: frozen}
spec: {policyName: frozen, validationActions: [Deny]}
";

#[tokio::test]
async fn what_would_deny_the_migration_is_named_before_anyone_moves() {
    let scene = Scene::begin("1.1.0", 2).await;
    let version = format!("cache.example.com/{OLD}");
    let objects = scene.fleet.objects(&scene.tenants[0], &version, "Memcached");
    let object =
        json!({"apiVersion": version, "kind": "Memcached", "metadata": {"name": "frozen"}, "spec": {"size": 1}});
    objects.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    scene.fleet.cluster.apply_yaml(FROZEN).await;
    let touch = Patch::Merge(json!({"metadata": {"labels": {"touched": "yes"}}}));
    let denied = async || objects.patch("frozen", &PatchParams::default(), &touch).await.is_err();
    eventually("the policy is in force", PATIENCE, denied).await;

    scene.release("2.0.0").await;
    scene.ask("2.0.0").await;
    let words = [&*format!("tenant-{}/frozen", scene.tenants[0]), "frozen until the audit is over"];
    let told = scene.not_ready("2.0.0", &["stored objects are in the way", &upgrade("2.0.0")]).await;
    assert!(!words.iter().any(|word| told.contains(word)), "whose they are is nobody else's business: {told}");
    let status = eventually("the record names it", PATIENCE, async || {
        let status = scene.until("2.0.0", CrdPhase::Preflight).await;
        words.iter().all(|word| status.message.contains(word)).then_some(status)
    })
    .await;
    assert_eq!(granted(&scene.fleet, &scene.tenants).await, ["1.1.0"; 2]);
    println!("{}", status.message);
    scene.fleet.end().await;
}
