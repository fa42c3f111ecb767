//! Everything a template may name, of one tenant. What is not here cannot be rendered: no other tenant, no clock, no cluster.
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::shape::Shape;
use crate::{
    api::{Health, LeaderTimings, PodSecurity, PolicyRule, Quota, Resources},
    domain::world::Apis,
};

/// The context of one tenant's rendering. In templates the fields have their JSON names: `{{leaderElection.leaseName}}`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    pub tenant: TenantContext,
    /// Name of the operator.
    pub operator: String,
    /// Version of the release, as semver.
    pub version: String,
    /// What release and parameters render to; changes when anything rendered changes.
    pub revision: String,
    pub image: String,
    pub replicas: u32,
    /// Pods that a rolling update may have beyond `replicas`.
    pub surge: u32,
    /// Requests and limits of each replica.
    pub resources: Resources,
    pub quota: Quota,
    pub limit_range: LimitRangeContext,
    pub leader_election: ElectionContext,
    pub health: Health,
    /// The release's rules, for the Role. Rights on Lease and events are the template's to add.
    pub rules: Vec<PolicyRule>,
    /// The release's arguments, rendered.
    pub args: Vec<String>,
    /// The release's environment, rendered.
    pub env: Vec<EnvContext>,
    /// The release's pod annotations, rendered.
    pub pod_annotations: BTreeMap<String, String>,
    /// The tenant's values, checked against the release's schema, defaults filled in.
    pub values: Map<String, Value>,
    /// Pod Security level of the namespace.
    pub pod_security: PodSecurity,
    /// The namespace from which metrics may be scraped.
    pub metrics_namespace: String,
    pub api_server: ApiServerContext,
    pub apis: ApisContext,
}

/// The tenant itself.
#[derive(Clone, Debug, Serialize)]
pub struct TenantContext {
    pub name: String,
    pub uid: String,
    pub namespace: String,
    pub labels: BTreeMap<String, String>,
}

/// Election of the tenant operator's leader. Durations as Go writes them, and in whole seconds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ElectionContext {
    /// The ID that the operator is told to use.
    pub id: String,
    /// Name of the Lease that comes of it.
    pub lease_name: String,
    pub lease_duration: String,
    pub renew_deadline: String,
    pub retry_period: String,
    pub lease_duration_seconds: u64,
    pub renew_deadline_seconds: u64,
    pub retry_period_seconds: u64,
}

impl ElectionContext {
    /// Durations are written in seconds (`60s`), which every flag parser of the field takes.
    #[must_use]
    pub fn new(id: impl Into<String>, lease_name: impl Into<String>, timings: &LeaderTimings) -> Self {
        let secs = |span: crate::api::Span| span.get().as_secs();
        let text = |span: crate::api::Span| match span.get().subsec_millis() {
            0 => format!("{}s", secs(span)),
            _ => format!("{}ms", span.get().as_millis()),
        };
        Self {
            id: id.into(),
            lease_name: lease_name.into(),
            lease_duration: text(timings.lease_duration),
            renew_deadline: text(timings.renew_deadline),
            retry_period: text(timings.retry_period),
            lease_duration_seconds: secs(timings.lease_duration),
            renew_deadline_seconds: secs(timings.renew_deadline),
            retry_period_seconds: secs(timings.retry_period),
        }
    }
}

/// What a container in the tenant's namespace gets when it asks for nothing, and the most it may ask for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitRangeContext {
    /// Limits for a container without any.
    pub default: BTreeMap<String, String>,
    /// Requests for a container without any.
    pub default_request: BTreeMap<String, String>,
    /// The most that one container may have as its limit; empty: no bound.
    pub max: BTreeMap<String, String>,
}

/// One variable of the container's environment.
#[derive(Clone, Debug, Serialize)]
pub struct EnvContext {
    pub name: String,
    pub value: String,
}

/// How pods reach the API server, for the NetworkPolicy.
#[derive(Clone, Debug, Serialize)]
pub struct ApiServerContext {
    /// `NetworkPolicyPeer`s of the API server, such as its addresses as `ipBlock`; empty: any address, on these ports only.
    pub peers: Vec<Value>,
    /// `NetworkPolicyPort`s. A policy sees addresses and ports after Services are resolved, so these are the endpoints'.
    pub ports: Vec<Value>,
}

impl Default for ApiServerContext {
    /// Any address, on the two ports that API servers listen on: 443, and 6443 of kubeadm.
    fn default() -> Self {
        let port = |port: u16| serde_json::json!({"port": port, "protocol": "TCP"});
        Self { peers: Vec::new(), ports: vec![port(443), port(6443)] }
    }
}

/// Optional kinds that a stack may have here.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApisContext {
    pub secret: bool,
    /// `monitoring.coreos.com/v1` ServiceMonitor.
    pub service_monitor: bool,
    /// `monitoring.coreos.com/v1` PodMonitor.
    pub pod_monitor: bool,
}

impl ApisContext {
    #[must_use]
    pub fn new(apis: Apis) -> Self {
        let Apis { secret, service_monitor, pod_monitor } = apis;
        Self { secret, service_monitor, pod_monitor }
    }
}

impl Context {
    /// The context as the engine takes it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // Nothing in a context can fail to serialise: every map has string keys, and there are no floats of our own.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// The declared variables, as they are in [`Context`]; a test holds the two together.
pub(super) fn shape(values: Shape) -> Shape {
    let Shape::Object(mut fields) = shape_without_own_text(values) else { return Shape::Any };
    fields.insert("args".to_owned(), Shape::list(Shape::Leaf));
    fields.insert("env".to_owned(), Shape::list(Shape::leaves(["name", "value"])));
    fields.insert("podAnnotations".to_owned(), Shape::map());
    Shape::Object(fields)
}

/// The same without what a release's own strings render to: what those may name.
pub(super) fn shape_without_own_text(values: Shape) -> Shape {
    let tenant = Shape::object([
        ("name", Shape::Leaf),
        ("uid", Shape::Leaf),
        ("namespace", Shape::Leaf),
        ("labels", Shape::map()),
    ]);
    let limit_range =
        Shape::object([("default", Shape::map()), ("defaultRequest", Shape::map()), ("max", Shape::map())]);
    let election = Shape::leaves([
        "id",
        "leaseName",
        "leaseDuration",
        "renewDeadline",
        "retryPeriod",
        "leaseDurationSeconds",
        "renewDeadlineSeconds",
        "retryPeriodSeconds",
    ]);
    let rule = ["apiGroups", "resources", "resourceNames", "verbs"].map(|name| (name, Shape::list(Shape::Leaf)));
    let api_server = Shape::object([("peers", Shape::list(Shape::Any)), ("ports", Shape::list(Shape::Any))]);
    let leaf = Shape::Leaf;
    Shape::object([
        ("tenant", tenant),
        ("operator", leaf.clone()),
        ("version", leaf.clone()),
        ("revision", leaf.clone()),
        ("image", leaf.clone()),
        ("replicas", leaf.clone()),
        ("surge", leaf.clone()),
        ("resources", Shape::object([("requests", Shape::map()), ("limits", Shape::map())])),
        ("quota", Shape::object([("hard", Shape::map())])),
        ("limitRange", limit_range),
        ("leaderElection", election),
        ("health", Shape::leaves(["livenessPath", "readinessPath", "port", "metricsPort"])),
        ("rules", Shape::list(Shape::object(rule))),
        ("values", values),
        ("podSecurity", leaf.clone()),
        ("metricsNamespace", leaf),
        ("apiServer", api_server),
        ("apis", Shape::leaves(["secret", "serviceMonitor", "podMonitor"])),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conforms(shape: &Shape, value: &Value, path: &str) {
        match (shape, value) {
            (Shape::Any, _) | (Shape::Leaf, Value::String(_) | Value::Number(_) | Value::Bool(_)) => {}
            (Shape::Map(inner), Value::Object(fields)) => {
                fields.iter().for_each(|(name, value)| conforms(inner, value, &format!("{path}.{name}")));
            }
            (Shape::List(inner), Value::Array(items)) => items.iter().for_each(|item| conforms(inner, item, path)),
            (Shape::Object(declared), Value::Object(fields)) => {
                let names = |keys: Vec<&String>| keys.into_iter().cloned().collect::<std::collections::BTreeSet<_>>();
                assert_eq!(names(declared.keys().collect()), names(fields.keys().collect()), "fields of {path}");
                for (name, shape) in declared {
                    conforms(shape, &fields[name], &format!("{path}.{name}"));
                }
            }
            (shape, value) => panic!("{path}: {value} is not {shape:?}"),
        }
    }

    #[test]
    fn what_is_declared_is_what_a_context_has() {
        let text = String::new;
        let context = Context {
            tenant: TenantContext { name: text(), uid: text(), namespace: text(), labels: BTreeMap::new() },
            operator: text(),
            version: text(),
            revision: text(),
            image: text(),
            replicas: 2,
            surge: 1,
            resources: Resources::default(),
            quota: Quota::default(),
            limit_range: LimitRangeContext {
                default: BTreeMap::new(),
                default_request: BTreeMap::new(),
                max: BTreeMap::new(),
            },
            leader_election: ElectionContext::new("id", "lease", &LeaderTimings::default()),
            health: Health::default(),
            rules: vec![PolicyRule { resource_names: vec![text()], ..PolicyRule::default() }],
            args: vec![text()],
            env: vec![EnvContext { name: text(), value: text() }],
            pod_annotations: BTreeMap::new(),
            values: Map::new(),
            pod_security: PodSecurity::Restricted,
            metrics_namespace: text(),
            api_server: ApiServerContext::default(),
            apis: ApisContext::default(),
        };
        conforms(&shape(Shape::Any), &context.to_value(), "context");
    }
}
