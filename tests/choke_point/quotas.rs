//! The quota holds what the stack needs in the middle of a rollout, or the rollout would wedge behind it.
use leasehold::plan::choke_point::RuleId;
use serde_json::{Value, json};

use crate::{found_after, of, one, set};

const QUOTA: &str = "ResourceQuota/memcached-operator";
const SPEC: &str = "spec.template.spec";

/// A pod of the standard stack asks for 50m and 64Mi, up to 200m and 128Mi; there are 2, and 1 more in a rollout.
fn with_quota(key: &str, amount: &str) -> Vec<crate::Found> {
    found_after(|m, _| set(of(m, "ResourceQuota"), &format!("spec.hard.{}", key.replace('.', "~")), json!(amount)))
}

#[test]
fn exactly_enough_with_the_surge_is_enough_and_anything_less_is_not() {
    for (key, enough, less) in [
        ("requests.cpu", "150m", "149m"),
        ("requests.memory", "192Mi", "191Mi"),
        ("limits.cpu", "600m", "0.5"),
        ("limits.memory", "384Mi", "0.3Gi"),
        ("pods", "3", "2"),
        ("cpu", "150m", "149999u"),
        ("count/pods", "3", "2"),
        ("services", "1", "0"),
        ("count/services", "1", "0"),
        ("count/deployments.apps", "1", "0"),
    ] {
        assert_eq!(with_quota(key, enough), [], "{key}");
        let named = match key {
            "cpu" => "requests.cpu",
            "count/pods" => "pods",
            "count/services" => "services",
            key => key,
        };
        assert_eq!(with_quota(key, less), one(RuleId::QuotaTooSmall, QUOTA, &format!("spec.hard.{named}")), "{key}");
    }
}

#[test]
fn the_finding_says_how_much_is_needed() {
    let (mut manifests, scope) = (crate::good(), crate::scope());
    set(of(&mut manifests, "ResourceQuota"), "spec.hard.limits~memory", json!("256Mi"));
    let findings = leasehold::plan::choke_point::check(&manifests, &scope);
    insta::assert_snapshot!(findings[0], @r"ResourceQuota/memcached-operator spec.hard.limits.memory: is 256Mi; with a rollout's surge the stack needs 384Mi (quota-too-small); raise it to 384Mi or more: the tenant's spec.quota.hard, or fewer replicas");
}

#[test]
fn the_larger_of_the_scope_s_and_the_deployment_s_own_surge_counts() {
    let pods = |hard: &str, change: &dyn Fn(&mut Value), surge: u32| {
        found_after(|m, scope| {
            scope.surge = surge;
            set(of(m, "ResourceQuota"), "spec.hard.pods", json!(hard));
            change(of(m, "Deployment"));
        })
        .len()
    };
    let surge = |to: Value| move |d: &mut Value| set(d, "spec.strategy.rollingUpdate.maxSurge", to.clone());
    assert_eq!(pods("4", &surge(json!(1)), 2), 0);
    assert_eq!(pods("3", &surge(json!(1)), 2), 1);
    assert_eq!(pods("3", &surge(json!("50%")), 0), 0);
    // A share is rounded up, as the Deployment controller does: 51% of 2 is 2.
    assert_eq!(pods("3", &surge(json!("51%")), 0), 1);
    // Recreate has no surge: the old pods go first.
    assert_eq!(pods("2", &|d| set(d, "spec.strategy", json!({"type": "Recreate"})), 1), 0);
    // A stopped tenant has no pods at all.
    assert_eq!(pods("0", &|d| set(d, "spec.replicas", json!(0)), 1), 0);
}

#[test]
fn init_containers_count_as_the_scheduler_counts_them() {
    let needs = |inits: Value, cpu: &str| {
        let found = found_after(|m, _| {
            set(of(m, "ResourceQuota"), "spec.hard.requests~cpu", json!(cpu));
            let deployment = of(m, "Deployment");
            let container = deployment["spec"]["template"]["spec"]["containers"][0].clone();
            let inits: Vec<Value> = inits
                .as_array()
                .into_iter()
                .flatten()
                .map(|init| {
                    let mut own = container.clone();
                    own["resources"]["requests"]["cpu"] = init["cpu"].clone();
                    own["resources"]["limits"]["cpu"] = init["cpu"].clone();
                    if init["sidecar"] == true {
                        own["restartPolicy"] = json!("Always");
                    }
                    own
                })
                .collect();
            set(deployment, &format!("{SPEC}.initContainers"), json!(inits));
        });
        found.is_empty()
    };
    // Three pods of 50m; an init container of less adds nothing.
    assert!(needs(json!([{"cpu": "40m"}]), "150m"));
    // One of more sets the need.
    assert!(needs(json!([{"cpu": "60m"}]), "180m") && !needs(json!([{"cpu": "60m"}]), "179m"));
    // A sidecar keeps running beside the container.
    assert!(
        needs(json!([{"cpu": "10m", "sidecar": true}]), "180m")
            && !needs(json!([{"cpu": "10m", "sidecar": true}]), "179m")
    );
    // And beside an init container after it.
    let both = json!([{"cpu": "20m", "sidecar": true}, {"cpu": "80m"}]);
    assert!(needs(both.clone(), "300m") && !needs(both, "299m"));
}

#[test]
fn a_quota_for_some_pods_only_bounds_nothing() {
    let found = found_after(|m, _| set(of(m, "ResourceQuota"), "spec.scopes", json!(["BestEffort"])));
    let fields = ["requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];
    let missing =
        |key: &&str| (RuleId::QuotaMissing, "ResourceQuota/tenant-foo".to_owned(), format!("spec.hard.{key}"));
    assert_eq!(found, fields.iter().map(missing).collect::<Vec<_>>());
}
