//! Gates that are asked, on a real API server: a real Prometheus, expressions over objects as they are, Jobs that run.

use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, ListParams};
use leasehold::api::{GateStatus, GateVerdict, Phase, Rollout, WavePhase, When};
use serde_json::{Value, json};

use crate::fleet::{Fleet, IMAGE, PATIENCE};
use crate::runs::{reached, rollouts};
use crate::support::{Prometheus, eventually};
use crate::waves::{all_run, bump, four};

/// A canary, proven for as long as it takes to be asked twice, and then the others.
fn waves(canary: &Value, everyone: &Value) -> Value {
    json!([
        {"name": "canary", "selector": {"matchLabels": {"ring": "canary"}}, "take": 1, "maxConcurrency": 1, "maxFailures": 0,
         "progressDeadline": "5m", "soak": {"duration": "3s"}, "gates": canary},
        {"name": "everyone", "maxConcurrency": 3, "progressDeadline": "5m", "soak": {"duration": "0s"}, "gates": everyone},
    ])
}

fn gate(rollout: &Rollout, wave: usize, when: When) -> GateStatus {
    let status = rollout.status.as_ref().expect("a status");
    let found = status.waves[wave].gates.iter().find(|gate| gate.when == when);
    found.unwrap_or_else(|| panic!("no gate {when:?} in {:?}", status.waves[wave])).clone()
}

/// Waits until the newest rollout to this version is as `wanted`.
async fn until(fleet: &Fleet, version: &str, what: &str, wanted: impl Fn(&Rollout) -> bool) -> Rollout {
    eventually(what, PATIENCE, async || {
        let newest = rollouts(fleet).await.into_iter().rfind(|run| run.spec.target.version == version)?;
        // One that was made just now says nothing yet.
        let says = newest.status.as_ref().is_some_and(|status| !status.waves.is_empty());
        (says && wanted(&newest)).then_some(newest)
    })
    .await
}

async fn releases(fleet: &Fleet, versions: &[&str]) {
    for version in versions {
        fleet.release(version).await;
    }
}

#[tokio::test]
async fn gate_prometheus() {
    let fleet = Fleet::shared("asked").await;
    let Some(prometheus) = Prometheus::start(&fleet.cluster).await else { return };
    let show = |errors: &str| {
        let of = |name: &String| format!("errors_ratio{{tenant=\"{name}\",operator=\"asked\"}} {errors}\n");
        prometheus.show(&four("asked").iter().map(of).collect::<String>());
    };
    let ask = |query: &str, scope: &str, deadline: &str| {
        json!({"address": prometheus.address, "query": query, "scope": scope, "max": "0.05",
            "interval": "1s", "deadline": deadline})
    };
    let of_wave = "max(errors_ratio{operator=\"{{operator}}\"})";
    let policy = |deadline: &str| {
        let errors = json!({"after": [{"name": "errors", "prometheus": ask(of_wave, "Wave", deadline)}]});
        let each = ask("errors_ratio{tenant=\"{{tenant}}\"}", "Tenant", "5m");
        waves(&errors, &json!({"before": [{"name": "each", "prometheus": each}]}))
    };
    releases(&fleet, &["1.0.0", "1.1.0", "1.2.0", "1.3.0"]).await;
    fleet.policy(policy("5m")).await;
    bump(&fleet, "1.0.0").await;
    all_run(&fleet, "1.0.0").await;

    // Nothing is known yet: that is no pass.
    bump(&fleet, "1.1.0").await;
    let unknown = |run: &Rollout| run.status.as_ref().unwrap().waves[0].gates.iter().any(|gate| gate.inconclusive > 0);
    let run = until(&fleet, "1.1.0", "a query without a sample tells nothing", unknown).await;
    assert_ne!(run.status.unwrap().waves[0].phase, WavePhase::Done);
    show("0.01");
    let run = reached(&fleet, "1.1.0", Phase::Succeeded).await;
    let errors = gate(&run, 0, When::After);
    assert_eq!((errors.verdict, &*errors.value), (GateVerdict::Passed, "0.01"), "{errors:?}");
    let each = gate(&run, 1, When::Before);
    assert!(each.passed > 0 && each.failed == 0, "{each:?}");
    all_run(&fleet, "1.1.0").await;

    // A new version with more errors than are tolerated: measured in the soak, halted there.
    show("0.37");
    bump(&fleet, "1.2.0").await;
    let run = reached(&fleet, "1.2.0", Phase::Halted).await;
    let reason = run.status.unwrap().halted.unwrap().reason;
    for part in ["gate errors of wave canary", "0.37", "at most 0.05"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    for name in &four("asked")[1..] {
        let tenant = fleet.tenants().get(name).await.unwrap();
        assert_eq!(tenant.status.unwrap().running.unwrap().version, "1.1.0", "{name} was not touched");
    }

    // Nobody answers: never a pass, and the deadline halts.
    prometheus.process.kill();
    fleet.policy(policy("6s")).await;
    bump(&fleet, "1.3.0").await;
    let run = reached(&fleet, "1.3.0", Phase::Halted).await;
    let gate = gate(&run, 0, When::After);
    assert_eq!((gate.passed, gate.failed), (0, 0), "{gate:?}");
    let reason = run.status.unwrap().halted.unwrap().reason;
    assert!(reason.contains("not passed within 6s") && reason.contains(&prometheus.address), "{reason}");
    fleet.end().await;
}

#[tokio::test]
async fn gate_cel() {
    let fleet = Fleet::shared("told").await;
    releases(&fleet, &["1.0.0", "1.1.0", "1.2.0"]).await;
    let ready = "objects.filter(o, o.kind == 'Deployment').all(d, d.status.readyReplicas == tenant.spec.replicas) && \
        tenant.metadata.labels.ring == 'canary'";
    let cel = |expression: &str| json!({"expression": expression, "interval": "1s", "deadline": "2m"});
    let policy = |expression: &str| waves(&json!({"after": [{"name": "ready", "cel": cel(expression)}]}), &json!({}));
    fleet.policy(policy(ready)).await;
    bump(&fleet, "1.0.0").await;
    all_run(&fleet, "1.0.0").await;
    bump(&fleet, "1.1.0").await;
    let run = reached(&fleet, "1.1.0", Phase::Succeeded).await;
    assert!(gate(&run, 0, When::After).passed > 0);
    all_run(&fleet, "1.1.0").await;

    // One that does not compile is said before anything moves.
    fleet.policy(policy("objects.all(o, o.kind =")).await;
    bump(&fleet, "1.2.0").await;
    let [canary, ..] = four("told");
    let said = |tenant: &leasehold::api::Tenant| {
        let waits = tenant.status.iter().flat_map(|status| &status.conditions);
        waits.clone().any(|condition| condition.message.contains("gate ready of wave canary cannot be asked"))
    };
    fleet.until(&canary, "the tenant says which gate cannot be asked", said).await;
    assert!(rollouts(&fleet).await.iter().all(|run| run.spec.target.version != "1.2.0"), "no run was made");

    // What the tenant's objects do not fulfil halts.
    fleet.policy(policy("objects.exists(o, o.kind == 'Deployment' && o.status.readyReplicas > 7)")).await;
    let run = reached(&fleet, "1.2.0", Phase::Halted).await;
    let reason = run.status.unwrap().halted.unwrap().reason;
    assert!(reason.contains("gate ready") && reason.contains(&canary) && reason.contains("is false"), "{reason}");
    fleet.end().await;
}

#[tokio::test]
async fn gate_job() {
    let fleet = Fleet::shared("jobs").await;
    if !fleet.has_real_pods() {
        eprintln!("left out: a Job needs pods that end, and the hollow node's do not");
        return;
    }
    releases(&fleet, &["1.0.0", "1.1.0", "1.2.0"]).await;
    // The operator's own program: it explains itself and ends well, or does not know what it was told.
    let job = |argument: &str| json!({"template": {"image": IMAGE, "args": [argument], "timeout": "2m"}, "interval": "20s", "deadline": "5m"});
    let policy = |argument: &str| waves(&json!({"before": [{"name": "smoke", "job": job(argument)}]}), &json!({}));
    fleet.policy(policy("--help")).await;
    bump(&fleet, "1.0.0").await;
    all_run(&fleet, "1.0.0").await;
    bump(&fleet, "1.1.0").await;
    let run = reached(&fleet, "1.1.0", Phase::Succeeded).await;
    let smoke = gate(&run, 0, When::Before);
    assert_eq!((smoke.failed, &*smoke.value), (0, "succeeded"), "{smoke:?}");
    let [canary, other, ..] = four("jobs");
    let jobs = |tenant: &str| Api::<Job>::namespaced(fleet.client.clone(), &format!("tenant-{tenant}"));
    let made = jobs(&canary).list(&ListParams::default()).await.unwrap().items;
    assert_eq!(made.len() as u64, u64::from(smoke.passed + smoke.inconclusive), "one Job a round");
    assert!(jobs(&other).list(&ListParams::default()).await.unwrap().items.is_empty(), "it is about its own wave");
    let spec = made[0].spec.as_ref().unwrap();
    let pod = spec.template.spec.as_ref().unwrap();
    assert_eq!((spec.backoff_limit, pod.automount_service_account_token), (Some(0), Some(false)));
    assert!(spec.ttl_seconds_after_finished.is_some() && spec.active_deadline_seconds == Some(120));
    all_run(&fleet, "1.1.0").await;

    fleet.policy(policy("--no-such-flag")).await;
    bump(&fleet, "1.2.0").await;
    let run = reached(&fleet, "1.2.0", Phase::Halted).await;
    let reason = run.status.unwrap().halted.unwrap().reason;
    for part in ["gate smoke of wave canary", &canary, "failed: BackoffLimitExceeded"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    let tenant = fleet.tenants().get(&canary).await.unwrap();
    assert_eq!(tenant.status.unwrap().granted.unwrap().version, "1.1.0", "nobody was granted");
    fleet.end().await;
}
