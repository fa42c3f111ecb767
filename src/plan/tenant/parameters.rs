//! A tenant's own parameters: what its spec and the fleet's ceilings say about the stack, defaults filled in.
use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    api::{
        FleetSpec, Grant, LeaderTimings, Mode, PodSecurity, PolicyRule, Quota, Resources, Settings, Tenant, TenantSpec,
        TenantStatus,
    },
    domain::{
        digest,
        report::{Reason, Report},
        world::Apis,
    },
    plan::{
        catalog::{Catalog, Release},
        choke_point::Scope,
        render::{
            ApiServerContext, ApisContext, Context, ElectionContext, EnvContext, LimitRangeContext, TemplateError,
            TenantContext, quantity::Quantity,
        },
    },
};

/// Pods that a rolling update may have beyond the replicas.
const SURGE: u32 = 1;
/// Pods beyond the operator's own that a default quota leaves room for.
const ROOM_PODS: u32 = 20;
/// Room for the tenant's workload in a default quota, beside what the stack needs.
const ROOM: [(&str, &str); 4] =
    [("requests.cpu", "2"), ("requests.memory", "4Gi"), ("limits.cpu", "4"), ("limits.memory", "8Gi")];

/// Objects of kinds that can be large, that a namespace may hold unless the tenant's quota says otherwise: more than an operator
/// makes that has one for each of its resources, and an end to what one tenant can fill the API server with.
const OBJECTS: [(&str, u32); 4] =
    [("configmaps", 1000), ("secrets", 1000), ("services", 200), ("persistentvolumeclaims", 200)];

/// What one tenant's stack is rendered from, beside the release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    pub tenant: String,
    pub namespace: String,
    pub replicas: u32,
    pub resources: Resources,
    pub quota: Quota,
    pub timings: LeaderTimings,
    pub values: Map<String, Value>,
    /// Not the tenant's own: ceilings of the fleet and APIs of the cluster.
    pub shared: Arc<SharedParameters>,
    /// Of the tenant's own.
    digest: String,
}

/// What all tenants' stacks are rendered from alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedParameters {
    pub pod_security: PodSecurity,
    pub apis: Apis,
    pub metrics_namespace: String,
    pub allowed_rules: Option<Vec<PolicyRule>>,
    pub allowed_images: Option<Vec<String>>,
    pub protected_namespaces: Vec<String>,
}

impl SharedParameters {
    #[must_use]
    pub fn new(fleet: &FleetSpec, apis: Apis) -> Self {
        Self {
            pod_security: fleet.tenant_pod_security,
            apis,
            metrics_namespace: fleet.metrics_namespace.clone(),
            allowed_rules: fleet.allowed_rules.clone(),
            allowed_images: fleet.allowed_images.clone(),
            protected_namespaces: fleet.protected_namespaces.clone(),
        }
    }
}

impl Parameters {
    #[must_use]
    pub fn new(name: &str, tenant: &Tenant, shared: &Arc<SharedParameters>) -> Self {
        let spec = &tenant.spec;
        let parameters = Self {
            tenant: name.into(),
            namespace: tenant.target_namespace(),
            replicas: if spec.mode == Mode::Stopped { 0 } else { spec.replicas },
            resources: spec.resources.clone(),
            quota: quota(spec),
            timings: spec.leader_election.clone(),
            values: spec.values.clone(),
            shared: shared.clone(),
            digest: String::new(),
        };
        Self { digest: parameters.digested(), ..parameters }
    }

    /// The fleet's settings that stacks are rendered from.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings { pod_security: self.shared.pod_security, service_monitor: self.shared.apis.service_monitor }
    }

    /// The same as they were under the settings of an earlier moment: ceilings are always those of now. At rest those are the
    /// settings of now, and nobody keeps a second copy.
    #[must_use]
    pub fn under(self: &Arc<Self>, settings: Settings) -> Arc<Self> {
        if settings == self.settings() {
            return self.clone();
        }
        let Settings { pod_security, service_monitor } = settings;
        let apis = Apis { service_monitor, ..self.shared.apis };
        let shared = SharedParameters { pod_security, apis, ..SharedParameters::clone(&self.shared) };
        Arc::new(Self { shared: Arc::new(shared), ..Self::clone(self) })
    }

    /// Digest of the tenant's own parameters. What all tenants share is not in it: a change of that is no edit of theirs.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn digested(&self) -> String {
        digest::of(&(&self.namespace, self.replicas, &self.resources, &self.quota, &self.timings, &self.values))
    }

    /// What the choke point holds this tenant's manifests against.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope {
            tenant: self.tenant.clone(),
            namespace: self.namespace.clone(),
            pod_security: self.shared.pod_security,
            allowed_rules: self.shared.allowed_rules.clone(),
            allowed_images: self.shared.allowed_images.clone(),
            protected_namespaces: self.shared.protected_namespaces.clone(),
            surge: SURGE,
            apis: self.shared.apis,
        }
    }
}

/// The tenant's own quota or the default one, with a bound on objects in any case.
fn quota(spec: &TenantSpec) -> Quota {
    let mut quota = spec.quota.clone().unwrap_or_else(|| default_quota(spec.replicas, &spec.resources));
    for (plural, most) in OBJECTS {
        let names_it = |key: &String| key.strip_prefix("count/").unwrap_or(key) == plural;
        if !quota.hard.keys().any(names_it) {
            quota.hard.insert(plural.to_owned(), most.to_string());
        }
    }
    quota
}

/// What the stack needs, surge included, plus room for the workload.
fn default_quota(replicas: u32, resources: &Resources) -> Quota {
    let mut hard = BTreeMap::from([("pods".to_owned(), (replicas + SURGE + ROOM_PODS).to_string())]);
    for (name, room) in ROOM {
        let (side, resource) = name.split_once('.').unwrap_or(("", name));
        let own = if side == "requests" { &resources.requests } else { &resources.limits };
        let own = own.get(resource).and_then(|text| Quantity::parse(text).ok()).unwrap_or(Quantity::ZERO);
        let room = Quantity::parse(room).unwrap_or(Quantity::ZERO);
        hard.insert(name.to_owned(), own.times(replicas + SURGE).plus(room).to_string());
    }
    Quota { hard }
}

/// Everything that templates may name, the release's own strings rendered into it first.
pub(super) fn context(
    tenant: &Tenant,
    release: &Release,
    grant: &Grant,
    parameters: &Parameters,
    values: Map<String, Value>,
) -> Result<Value, Report> {
    let spec = &release.object.spec;
    let id = election_id(&parameters.tenant, release);
    let owned = |pairs: [(&str, &str); 2]| pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let mut context = Context {
        tenant: TenantContext {
            name: parameters.tenant.clone(),
            uid: tenant.metadata.uid.clone().unwrap_or_default(),
            namespace: parameters.namespace.clone(),
            labels: tenant.metadata.labels.clone().unwrap_or_default(),
        },
        operator: spec.operator.clone(),
        version: grant.version.clone(),
        revision: grant.revision.clone(),
        image: spec.image.clone(),
        replicas: parameters.replicas,
        surge: SURGE,
        resources: parameters.resources.clone(),
        quota: parameters.quota.clone(),
        limit_range: LimitRangeContext {
            default: owned([("cpu", "200m"), ("memory", "128Mi")]),
            default_request: owned([("cpu", "50m"), ("memory", "64Mi")]),
            max: BTreeMap::new(),
        },
        leader_election: ElectionContext::new(id.clone(), id, &parameters.timings),
        health: spec.health.clone(),
        rules: spec.rules.clone(),
        args: Vec::new(),
        env: Vec::new(),
        pod_annotations: BTreeMap::new(),
        values,
        pod_security: parameters.shared.pod_security,
        metrics_namespace: parameters.shared.metrics_namespace.clone(),
        api_server: ApiServerContext::default(),
        apis: ApisContext::new(parameters.shared.apis),
    };
    let own = release.own_text.render(&context.to_value()).map_err(|errors| refused(release, &errors))?;
    let own: OwnText = serde_json::from_value(own).unwrap_or_default();
    context.args = own.args;
    context.env = own.env.into_iter().map(|(name, value)| EnvContext { name, value }).collect();
    context.pod_annotations = own.annotations;
    Ok(context.to_value())
}

/// The strings of a release that are templates themselves.
#[derive(Default, Serialize, serde::Deserialize)]
#[serde(default)]
struct OwnText {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// A release's `args`, `env` and `podAnnotations` as one value, to be compiled once.
#[must_use]
pub fn own_text(spec: &crate::api::ReleaseSpec) -> Value {
    json!({"args": spec.args, "env": spec.env, "annotations": spec.pod_annotations})
}

fn refused(release: &Release, errors: &[TemplateError]) -> Report {
    let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Report::blocked(Reason::TemplateError, format!("template of OperatorRelease {}: {}", release.name, all.join("; ")))
}

/// The election ID a tenant's operator uses: unique per tenant, unless the operator cannot take another than its own.
fn election_id(tenant: &str, release: &Release) -> String {
    let election = &release.object.spec.leader_election;
    if election.fixed { election.id.clone() } else { format!("{tenant}.{}", election.id) }
}

/// Name of the Lease of a tenant's operator, as granted.
#[must_use]
pub fn lease_name(name: &str, catalog: &Catalog, tenant: &Tenant, status: &TenantStatus) -> Option<String> {
    let granted = status.granted.as_ref()?;
    Some(election_id(name, catalog.get(&tenant.spec.operator, &granted.version)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hard(quota: Option<&[(&str, &str)]>) -> BTreeMap<String, String> {
        let own = quota.map(|own| own.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        let spec: TenantSpec = serde_json::from_value(json!({
            "operator": "memcached", "version": "1.0.0",
            "quota": own.map(|hard: BTreeMap<String, String>| json!({"hard": hard})),
        }))
        .unwrap();
        super::quota(&spec).hard
    }

    #[test]
    fn objects_are_bounded_whatever_the_quota_says_of_pods() {
        for quota in [None, Some(&[("pods", "5")][..])] {
            let hard = hard(quota);
            for (plural, most) in OBJECTS {
                assert_eq!(hard[plural], most.to_string());
            }
        }
        assert!(!hard(Some(&[("pods", "5")])).contains_key("requests.cpu"), "the rest is the tenant's to say");
    }

    #[test]
    fn a_tenant_s_own_bound_of_objects_counts_under_either_name() {
        let hard = hard(Some(&[("count/configmaps", "7"), ("secrets", "5000")]));
        assert_eq!((hard["count/configmaps"].as_str(), hard["secrets"].as_str()), ("7", "5000"));
        assert!(!hard.contains_key("configmaps"));
        assert_eq!(hard["services"], "200");
    }
}
