//! What a user can type wrong, and what must never change: refused by the API server itself, in words that say why.

use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{approval, kind, object, policy, release, rollout, served, slice, tenant, window};

/// One character more than the name of a Tenant may have.
const TOO_LONG: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn changed(mut spec: Value, change: &Value) -> Value {
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

/// What is wrong in a new object of a kind and a name, and what the refusal must say.
type Wrong = (&'static str, &'static str, Value, &'static str);

fn wrong_tenants() -> Vec<Wrong> {
    let wrong = |spec: Value, says| ("Tenant", "a", changed(tenant(), &spec), says);
    let held_twice = json!({"holds": [{"name": "a", "reason": "b"}, {"name": "a", "reason": "c"}]});
    vec![
        ("Tenant", TOO_LONG, tenant(), "at most 50"),
        ("Tenant", "a.b", tenant(), "no dots"),
        wrong(json!({"version": "1.0"}), "spec.version"),
        wrong(json!({"version": "v1.0.0"}), "spec.version"),
        wrong(json!({"version": "01.0.0"}), "spec.version"),
        wrong(json!({"version": "latest"}), "spec.version"),
        wrong(json!({"operator": "Mem_cached"}), "spec.operator"),
        wrong(json!({"namespace": "a.b"}), "spec.namespace"),
        wrong(json!({"replicas": 0}), "spec.replicas"),
        wrong(json!({"replicas": 6}), "spec.replicas"),
        wrong(json!({"mode": "Asleep"}), "spec.mode"),
        wrong(json!({"deletionPolicy": "Maybe"}), "spec.deletionPolicy"),
        wrong(json!({"quota": {"hard": {"pods": "lots"}}}), "spec.quota.hard.pods"),
        wrong(json!({"resources": {"limits": {"cpu": "-1"}}}), "spec.resources.limits.cpu"),
        wrong(held_twice, "duplicate entries"),
    ]
}

fn wrong_timings() -> Vec<Wrong> {
    let wrong = |lease: &str, renew: &str, retry: &str, says| {
        let timings = json!({"leaseDuration": lease, "renewDeadline": renew, "retryPeriod": retry});
        ("Tenant", "a", changed(tenant(), &json!({"leaderElection": timings})), says)
    };
    let order = "retryPeriod < renewDeadline < leaseDuration";
    vec![
        wrong("60s", "60s", "10s", order),
        wrong("60s", "40s", "40s", order),
        wrong("10s", "40s", "60s", order),
        wrong("-60s", "40s", "10s", "leaseDuration"),
        wrong("a minute", "40s", "10s", "leaseDuration"),
    ]
}

fn wrong_releases() -> Vec<Wrong> {
    let wrong = |spec: Value, says| ("OperatorRelease", "a", changed(release(), &spec), says);
    let stored = json!({"namespace": "a", "name": "b", "key": "c", "digest": format!("sha256:{}", "0".repeat(64))});
    let both = json!({"crds": [{"inline": {}, "configMapRef": stored}]});
    let templates = json!([{"name": "a", "yaml": "b"}]);
    vec![
        wrong(json!({"version": "1"}), "spec.version"),
        wrong(json!({"leaderElection": {"id": "Not DNS"}}), "spec.leaderElection.id"),
        wrong(json!({"stack": "standard-v1", "templates": templates}), "not both"),
        wrong(json!({"crds": [{}]}), "`inline` or `configMapRef`"),
        wrong(both, "`inline` or `configMapRef`"),
    ]
}

fn wrong_policies() -> Vec<Wrong> {
    let wrong = |spec: Value, says| ("RolloutPolicy", "a", changed(policy(), &spec), says);
    let wave = |wave: Value, says| wrong(json!({"waves": [wave]}), says);
    let gate = |opens: Value, says| {
        let gate = changed(json!({"name": "g"}), &opens);
        wave(json!({"name": "a", "gates": {"after": [gate]}}), says)
    };
    let selector = |operator: &str, values: Value| {
        let expression = json!({"key": "ring", "operator": operator, "values": values});
        let wrong = json!({"name": "a", "selector": {"matchExpressions": [expression]}});
        wave(wrong, "In and NotIn need values")
    };
    vec![
        wrong(json!({"limits": {"maxConcurrency": 0}}), "never move anyone"),
        wrong(json!({"coalesce": {"quietPeriod": "2m", "maxWait": "1m"}}), "quietPeriod <= maxWait"),
        wrong(json!({"waves": []}), "spec.waves"),
        wrong(json!({"waves": [{"name": "a"}, {"name": "a"}]}), "duplicate entries"),
        wave(json!({"name": "a", "maxConcurrency": 0}), "never move anyone"),
        wave(json!({"name": "a", "maxConcurrency": "101%"}), "maxConcurrency"),
        wave(json!({"name": "a", "maxFailures": -1}), "maxFailures"),
        wave(json!({"name": "a", "soak": {"duration": "9000h"}}), "longer than a year"),
        wave(json!({"name": "a", "gates": {"before": [{"name": "g"}]}}), "what opens it"),
        gate(json!({"approval": {}, "cel": {"expression": "true"}}), "only one thing"),
        gate(json!({"cel": {"expression": ""}}), "expression"),
        gate(json!({"cel": {"expression": "a".repeat(1025)}}), "expression"),
        gate(json!({"cel": {"expression": "true", "interval": "500ms"}}), "1s <= interval <= deadline"),
        gate(json!({"cel": {"expression": "true", "interval": "2h"}}), "1s <= interval <= deadline"),
        gate(json!({"cel": {"expression": "true", "deadline": "9000h"}}), "a year at most"),
        gate(json!({"cel": {"expression": "true", "failureLimit": -1}}), "failureLimit"),
        gate(
            json!({"cel": {"expression": "true", "resources": [{"apiVersion": "v1", "kind": "Secret"}]}}),
            "apiVersion",
        ),
        gate(json!({"prometheus": {"address": "http://p:9090", "query": "up"}}), "`min`, `max` or both"),
        gate(json!({"prometheus": {"address": "file:///etc/passwd", "query": "up", "max": "1"}}), "address"),
        gate(json!({"prometheus": {"address": "http://user:pass@p:9090", "query": "up", "max": "1"}}), "address"),
        gate(json!({"prometheus": {"address": "http://p:9090", "query": "up", "max": "NaN"}}), "max"),
        gate(json!({"prometheus": {"address": "http://p:9090", "query": "up", "max": "1", "scope": "Fleet"}}), "scope"),
        gate(json!({"job": {"template": {"image": "a", "timeout": "0s"}}}), "between 1s and 24h"),
        gate(json!({"job": {"template": {"image": ""}}}), "image"),
        wave(
            json!({"name": "a", "gates": {"after": [{"name": "g", "approval": {}}, {"name": "g", "approval": {}}]}}),
            "duplicate entries",
        ),
        wave(
            json!({"name": "a", "gates": {"before": [{"name": "g", "approval": {}}], "after": [{"name": "g", "approval": {}}]}}),
            "have the same name",
        ),
        selector("In", json!([])),
        selector("Exists", json!(["a"])),
    ]
}

fn wrong_windows_and_approvals() -> Vec<Wrong> {
    let schedule = |cron: &str, duration: &str, zone: &str| json!({"action": "Deny", "schedule": {"cron": cron, "duration": duration, "timeZone": zone}});
    vec![
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
    ]
}

fn names(many: usize) -> Vec<String> {
    (0..many).map(|n| format!("t{n}")).collect()
}

/// A wave of so many tenants.
fn named(name: &str, many: usize) -> Value {
    changed(rollout()["waves"][0].clone(), &json!({"name": name, "members": names(many)}))
}

fn wrong_fleets_and_rollouts() -> Vec<Wrong> {
    let fleet = |spec: Value, says| ("FleetPolicy", "default", spec, says);
    let slice = |spec: Value, says| ("RolloutSlice", "a", changed(slice(), &spec), says);
    let wave = |without: &[&str], with: Value, says| {
        let mut wave = changed(rollout()["waves"][0].clone(), &with);
        wave.as_object_mut().unwrap().retain(|field, _| !without.contains(&field.as_str()));
        ("Rollout", "a", changed(rollout(), &json!({"waves": [wave]})), says)
    };
    let rollout = |spec: Value, says| ("Rollout", "a", changed(rollout(), &spec), says);
    vec![
        ("FleetPolicy", "another", json!({}), "its name is `default`"),
        fleet(json!({"maxTenants": 0}), "spec.maxTenants"),
        fleet(json!({"maxConcurrency": 0}), "spec.maxConcurrency"),
        fleet(json!({"metricsNamespace": "a.b"}), "spec.metricsNamespace"),
        rollout(json!({"maxConcurrency": 0}), "spec.maxConcurrency"),
        rollout(json!({"waves": []}), "spec.waves"),
        wave(&["members"], json!({}), "`members`, or `slices`"),
        wave(&[], json!({"slices": ["a-0"], "count": 1}), "`members`, or `slices`"),
        wave(&[], json!({"count": 1}), "`members`, or `slices`"),
        wave(&["members"], json!({"slices": ["a-0"]}), "`members`, or `slices`"),
        wave(&["members"], json!({"slices": vec!["a-0"; 17], "count": 1}), "slices"),
        wave(&[], json!({"members": names(1_001)}), "members"),
        rollout(json!({"waves": [named("a", 600), named("b", 401)]}), "names at most 1000 tenants itself"),
        slice(json!({"planHash": "yes"}), "spec.planHash"),
        slice(json!({"rollout": ""}), "spec.rollout"),
        slice(json!({"members": []}), "spec.members"),
        slice(json!({"members": names(2_001)}), "spec.members"),
        slice(json!({"members": ["a".repeat(64)]}), "spec.members"),
        slice(json!({"part": 16}), "spec.part"),
    ]
}

#[tokio::test]
async fn what_is_wrong_is_refused_where_it_is_typed() {
    let (_cluster, client) = served().await;
    let dry = PatchParams { dry_run: true, ..PatchParams::apply("test") };
    for (of, name, spec) in [
        ("Tenant", "a", tenant()),
        ("Tenant", &TOO_LONG[1..], tenant()),
        ("OperatorRelease", "a", release()),
        ("RolloutPolicy", "a", policy()),
        ("FleetPolicy", "default", json!({})),
        ("Rollout", "a", rollout()),
        ("Rollout", "a", changed(rollout(), &json!({"waves": [named("a", 600), named("b", 400)]}))),
        ("RolloutSlice", "a", slice()),
        ("RolloutSlice", "a", changed(slice(), &json!({"members": names(2_000)}))),
        ("ChangeWindow", "a", window()),
        ("ChangeWindow", "brake", json!({"action": "Deny"})),
        ("RolloutApproval", "a", approval()),
    ] {
        let applied = kind(&client, of).patch(name, &dry, &Patch::Apply(object(of, name, &spec))).await;
        applied.unwrap_or_else(|refusal| panic!("{of} {name} is right: {refusal}"));
    }
    let wrong = [
        wrong_tenants(),
        wrong_timings(),
        wrong_releases(),
        wrong_policies(),
        wrong_windows_and_approvals(),
        wrong_fleets_and_rollouts(),
    ];
    for (of, name, spec, says) in wrong.into_iter().flatten() {
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

    let slices = create("RolloutSlice", "part", slice()).await;
    let refused = [json!({"members": ["acme"]}), json!({"planHash": "fedcba9876543210"}), json!({"part": 1})];
    changes(&slices, "part", &refused.map(|spec| (spec, "so are its parts")), &[]).await;

    let approvals = create("RolloutApproval", "said", approval()).await;
    let refused = [json!({"decision": "Reject"}), json!({"gate": "look"}), json!({"comment": "no, wait"})];
    changes(&approvals, "said", &refused.map(|spec| (spec, "a decision is immutable")), &[]).await;
}
