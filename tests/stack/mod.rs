//! A tenant `foo` with everything an honest one has, for the tests of templates and of the choke point.
use std::collections::BTreeMap;

use leasehold::{
    api::{FleetSpec, Health, LeaderTimings, PodSecurity, PolicyRule, Quota, Resources},
    plan::{
        choke_point::Scope,
        render::{
            ApiServerContext, ApisContext, Context, ElectionContext, EnvContext, LimitRangeContext, Manifest, Stack,
            TenantContext, builtin,
        },
    },
};
use serde_json::Map;

pub fn quantities(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, amount)| ((*name).into(), (*amount).into())).collect()
}

pub fn context() -> Context {
    let all = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Context {
        tenant: TenantContext {
            name: "foo".into(),
            uid: "0b0e7a6e-6c8f-4bd3-9a86-0e2f7d0a3c11".into(),
            namespace: "tenant-foo".into(),
            labels: [("ring".into(), "canary".into())].into(),
        },
        operator: "memcached".into(),
        version: "1.4.2".into(),
        revision: "aaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb".into(),
        image: "example.com/memcached-operator:1.4.2".into(),
        replicas: 2,
        surge: 1,
        resources: Resources::default(),
        quota: Quota {
            hard: quantities(&[
                ("requests.cpu", "2000m"),
                ("requests.memory", "2048Mi"),
                ("limits.cpu", "4"),
                ("limits.memory", "4Gi"),
                ("pods", "20"),
            ]),
        },
        limit_range: LimitRangeContext {
            default: quantities(&[("cpu", "200m"), ("memory", "128Mi")]),
            default_request: quantities(&[("cpu", "50m"), ("memory", "64Mi")]),
            max: BTreeMap::new(),
        },
        leader_election: ElectionContext::new(
            "foo.memcached.cache.example.com",
            "foo.memcached.cache.example.com",
            &LeaderTimings::default(),
        ),
        health: Health::default(),
        rules: vec![PolicyRule {
            api_groups: all(&["cache.example.com"]),
            resources: all(&["memcacheds", "memcacheds/status"]),
            resource_names: Vec::new(),
            verbs: all(&["get", "list", "watch", "patch"]),
        }],
        args: all(&["--leader-elect", "--leader-election-id=foo.memcached.cache.example.com"]),
        env: vec![EnvContext { name: "LOG_LEVEL".into(), value: "info".into() }],
        pod_annotations: BTreeMap::new(),
        values: Map::new(),
        pod_security: PodSecurity::Restricted,
        metrics_namespace: "monitoring".into(),
        api_server: ApiServerContext::default(),
        apis: ApisContext::default(),
    }
}

pub fn scope() -> Scope {
    Scope::new("foo", "tenant-foo", &FleetSpec::default(), 1)
}

pub fn standard() -> Stack {
    Stack::compile(builtin("standard-v1").expect("it is built in")).expect("it compiles")
}

pub fn rendered(context: &Context) -> Vec<Manifest> {
    standard().render(&context.to_value()).expect("it renders")
}
