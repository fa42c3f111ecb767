//! What a user can type wrong, and what must never change: refused by the API server itself, in words that say why.

use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{approval, kind, object, policy, release, rollout, served, tenant, window};

fn changed(mut spec: Value, change: &Value) -> Value {
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

/// What is wrong in a new object, and what the refusal must say.
fn wrong() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let timings = |lease: &str, renew: &str, retry: &str| {
        let timings = json!({"leaseDuration": lease, "renewDeadline": renew, "retryPeriod": retry});
        changed(tenant(), &json!({"leaderElection": timings}))
    };
    let tenant = |change: Value| changed(tenant(), &change);
    let release = |change: Value| changed(release(), &change);
    let policy = |change: Value| changed(policy(), &change);
    let wave = |wave: Value| policy(json!({"waves": [wave]}));
    let selector = |operator: &str, values: Value| {
        wave(
            json!({"name": "a", "selector": {"matchExpressions": [{"key": "ring", "operator": operator, "values": values}]}}),
        )
    };
    let schedule = |cron: &str, duration: &str, zone: &str| json!({"action": "Deny", "schedule": {"cron": cron, "duration": duration, "timeZone": zone}});
    let order = "retryPeriod < renewDeadline < leaseDuration";
    let long = "a".repeat(51);
    vec![
        ("Tenant", Box::leak(long.into_boxed_str()), tenant(json!({})), "at most 50"),
        ("Tenant", "a.b", tenant(json!({})), "no dots"),
        ("Tenant", "a", tenant(json!({"version": "1.0"})), "spec.version"),
        ("Tenant", "a", tenant(json!({"version": "v1.0.0"})), "spec.version"),
        ("Tenant", "a", tenant(json!({"version": "01.0.0"})), "spec.version"),
        ("Tenant", "a", tenant(json!({"version": "latest"})), "spec.version"),
        ("Tenant", "a", tenant(json!({"operator": "Mem_cached"})), "spec.operator"),
        ("Tenant", "a", tenant(json!({"namespace": "a.b"})), "spec.namespace"),
        ("Tenant", "a", tenant(json!({"replicas": 0})), "spec.replicas"),
        ("Tenant", "a", tenant(json!({"replicas": 6})), "spec.replicas"),
        ("Tenant", "a", tenant(json!({"mode": "Asleep"})), "spec.mode"),
        ("Tenant", "a", tenant(json!({"deletionPolicy": "Maybe"})), "spec.deletionPolicy"),
        ("Tenant", "a", tenant(json!({"quota": {"hard": {"pods": "lots"}}})), "spec.quota.hard.pods"),
        ("Tenant", "a", tenant(json!({"resources": {"limits": {"cpu": "-1"}}})), "spec.resources.limits.cpu"),
        (
            "Tenant",
            "a",
            tenant(json!({"holds": [{"name": "a", "reason": "b"}, {"name": "a", "reason": "c"}]})),
            "duplicate entries",
        ),
        ("Tenant", "a", timings("60s", "60s", "10s"), order),
        ("Tenant", "a", timings("60s", "40s", "40s"), order),
        ("Tenant", "a", timings("10s", "40s", "60s"), order),
        ("Tenant", "a", timings("-60s", "40s", "10s"), "leaseDuration"),
        ("Tenant", "a", timings("a minute", "40s", "10s"), "leaseDuration"),
        ("OperatorRelease", "a", release(json!({"version": "1"})), "spec.version"),
        ("OperatorRelease", "a", release(json!({"leaderElection": {"id": "Not DNS"}})), "spec.leaderElection.id"),
        (
            "OperatorRelease",
            "a",
            release(json!({"stack": "standard-v1", "templates": [{"name": "a", "yaml": "b"}]})),
            "not both",
        ),
        ("OperatorRelease", "a", release(json!({"crds": [{}]})), "`inline` or `configMapRef`"),
        (
            "OperatorRelease",
            "a",
            release(json!({"crds": [{"inline": {}, "configMapRef": {"namespace": "a", "name": "b", "key": "c",
                "digest": format!("sha256:{}", "0".repeat(64))}}]})),
            "`inline` or `configMapRef`",
        ),
        ("RolloutPolicy", "a", policy(json!({"limits": {"maxConcurrency": 0}})), "never move anyone"),
        ("RolloutPolicy", "a", wave(json!({"name": "a", "maxConcurrency": 0})), "never move anyone"),
        ("RolloutPolicy", "a", wave(json!({"name": "a", "maxConcurrency": "101%"})), "maxConcurrency"),
        ("RolloutPolicy", "a", wave(json!({"name": "a", "maxFailures": -1})), "maxFailures"),
        ("RolloutPolicy", "a", wave(json!({"name": "a", "soak": {"duration": "9000h"}})), "longer than a year"),
        (
            "RolloutPolicy",
            "a",
            policy(json!({"coalesce": {"quietPeriod": "2m", "maxWait": "1m"}})),
            "quietPeriod <= maxWait",
        ),
        ("RolloutPolicy", "a", policy(json!({"waves": []})), "spec.waves"),
        ("RolloutPolicy", "a", policy(json!({"waves": [{"name": "a"}, {"name": "a"}]})), "duplicate entries"),
        ("RolloutPolicy", "a", selector("In", json!([])), "In and NotIn need values"),
        ("RolloutPolicy", "a", selector("Exists", json!(["a"])), "In and NotIn need values"),
        ("RolloutPolicy", "a", wave(json!({"name": "a", "gates": {"before": [{"name": "g"}]}})), "what opens it"),
        (
            "RolloutPolicy",
            "a",
            wave(
                json!({"name": "a", "gates": {"after": [{"name": "g", "approval": {}}, {"name": "g", "approval": {}}]}}),
            ),
            "duplicate entries",
        ),
        ("ChangeWindow", "a", json!({"action": "Allow"}), "would always allow"),
        ("ChangeWindow", "a", json!({"action": "Maybe"}), "spec.action"),
        ("ChangeWindow", "a", schedule("@daily", "1h", "UTC"), "spec.schedule.cron"),
        ("ChangeWindow", "a", schedule("0 0 0 * * *", "1h", "UTC"), "spec.schedule.cron"),
        ("ChangeWindow", "a", schedule("0 0 * * *", "59s", "UTC"), "a minute at least"),
        ("ChangeWindow", "a", schedule("0 0 * * *", "9000h", "UTC"), "a year at most"),
        ("ChangeWindow", "a", schedule("0 0 * * *", "1h", "../etc/passwd"), "spec.schedule.timeZone"),
        ("RolloutApproval", "a", changed(approval(), &json!({"planHash": "yes"})), "spec.planHash"),
        ("RolloutApproval", "a", changed(approval(), &json!({"decision": "Perhaps"})), "spec.decision"),
        ("RolloutApproval", "a", changed(approval(), &json!({"approver": ""})), "spec.approver"),
        ("FleetPolicy", "another", json!({}), "its name is `default`"),
        ("FleetPolicy", "default", json!({"maxTenants": 0}), "spec.maxTenants"),
        ("FleetPolicy", "default", json!({"maxConcurrency": 0}), "spec.maxConcurrency"),
        ("Rollout", "a", changed(rollout(), &json!({"maxConcurrency": 0})), "spec.maxConcurrency"),
        ("Rollout", "a", changed(rollout(), &json!({"waves": []})), "spec.waves"),
    ]
}

#[tokio::test]
async fn what_is_wrong_is_refused_where_it_is_typed() {
    let (_cluster, client) = served().await;
    let dry = PatchParams { dry_run: true, ..PatchParams::apply("test") };
    for (of, name, spec) in [
        ("Tenant", "a", tenant()),
        ("Tenant", &*"a".repeat(50), tenant()),
        ("OperatorRelease", "a", release()),
        ("RolloutPolicy", "a", policy()),
        ("FleetPolicy", "default", json!({})),
        ("Rollout", "a", rollout()),
        ("ChangeWindow", "a", window()),
        ("ChangeWindow", "brake", json!({"action": "Deny"})),
        ("RolloutApproval", "a", approval()),
    ] {
        let applied = kind(&client, of).patch(name, &dry, &Patch::Apply(object(of, name, &spec))).await;
        applied.unwrap_or_else(|refusal| panic!("{of} {name} is right: {refusal}"));
    }
    for (of, name, spec, says) in wrong() {
        let refusal = match kind(&client, of).patch(name, &dry, &Patch::Apply(object(of, name, &spec))).await {
            Err(kube::Error::Api(status)) => status.message,
            other => panic!("{of} {name} {spec} was not refused: {other:?}"),
        };
        assert!(refusal.contains(says), "{of} {name} {spec}: {refusal:?} does not say {says:?}");
    }
}

/// Fails unless each change is refused in these words; then unless each of the others is taken.
async fn changes(api: &Api<DynamicObject>, name: &str, refused: &[(Value, &str)], taken: &[Value]) {
    for (spec, says) in refused {
        let patch = Patch::Merge(json!({"spec": spec}));
        match api.patch(name, &PatchParams::default(), &patch).await {
            Err(kube::Error::Api(status)) => assert!(status.message.contains(says), "{spec}: {}", status.message),
            other => panic!("{spec} of {name} was taken: {other:?}"),
        }
    }
    for spec in taken {
        let patch = Patch::Merge(json!({"spec": spec}));
        api.patch(name, &PatchParams::default(), &patch).await.unwrap_or_else(|error| panic!("{spec}: {error}"));
    }
}

#[tokio::test]
async fn what_must_never_change_never_changes() {
    let (_cluster, client) = served().await;
    let create = async |of: &str, name: &str, spec: Value| {
        let created = kind(&client, of).create(&PostParams::default(), &object(of, name, &spec)).await;
        created.unwrap_or_else(|refusal| panic!("{of} {name}: {refusal}"));
        kind(&client, of)
    };
    let tenants = create("Tenant", "bare", tenant()).await;
    let taken = [json!({"version": "1.1.0"}), json!({"replicas": 3})];
    let refused = [
        (json!({"operator": "redis"}), "operator is immutable"),
        (json!({"namespace": "elsewhere"}), "namespace is immutable"),
    ];
    changes(&tenants, "bare", &refused, &taken).await;
    create("Tenant", "placed", changed(tenant(), &json!({"namespace": "here"}))).await;
    let refused =
        [json!({"namespace": "elsewhere"}), json!({"namespace": null})].map(|spec| (spec, "namespace is immutable"));
    changes(&tenants, "placed", &refused, &taken).await;

    let releases = create("OperatorRelease", "fixed", release()).await;
    let refused = [json!({"image": "example.com/a:2"}), json!({"version": "1.0.1"}), json!({"rollbackTo": ">=1.0.0"})];
    changes(&releases, "fixed", &refused.map(|spec| (spec, "immutable")), &[]).await;
    let label = Patch::Merge(json!({"metadata": {"labels": {"team": "blue"}}}));
    releases.patch("fixed", &PatchParams::default(), &label).await.expect("metadata is no part of it");

    let rollouts = create("Rollout", "frozen", rollout()).await;
    let mut longer = rollout()["waves"][0].clone();
    longer["members"] = json!(["acme", "globex"]);
    let refused = [
        json!({"operator": "redis"}),
        json!({"target": {"version": "1.2.0", "digest": "0123456789abcdef"}}),
        json!({"policy": "another"}),
        json!({"sequence": 2}),
        json!({"order": "Name"}),
        json!({"maxConcurrency": 2}),
        json!({"maxFailures": 9}),
        json!({"revisionHistoryLimit": 11}),
        json!({"unmatched": 1}),
        json!({"onFailure": "Rollback"}),
        json!({"rollbackOf": "memcached-1.0.0-1"}),
        json!({"planHash": "0123456789abcdef"}),
        json!({"waves": [longer]}),
    ];
    let taken = [
        json!({"suspend": true}),
        json!({"suspend": false}),
        json!({"skip": ["acme"]}),
        json!({"additionalFailures": 2}),
    ];
    changes(&rollouts, "frozen", &refused.map(|spec| (spec, "frozen")), &taken).await;
    changes(&rollouts, "frozen", &[], &[json!({"abort": true})]).await;
    changes(&rollouts, "frozen", &[(json!({"abort": false}), "cannot be taken back")], &[]).await;
    changes(&rollouts, "frozen", &[], &[json!({"undo": true})]).await;
    changes(&rollouts, "frozen", &[(json!({"undo": false}), "cannot be taken back")], &[]).await;

    let approvals = create("RolloutApproval", "said", approval()).await;
    let refused = [json!({"decision": "Reject"}), json!({"gate": "look"}), json!({"comment": "no, wait"})];
    changes(&approvals, "said", &refused.map(|spec| (spec, "a decision is immutable")), &[]).await;
}
