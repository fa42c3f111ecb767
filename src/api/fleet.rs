//! `FleetPolicy`: the ceilings that an admin sets for the whole fleet. A singleton named `default`.
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PolicyRule, schema::DNS_LABEL};

/// Ceilings for the whole fleet.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "leasehold.dev",
    version = "v1alpha1",
    kind = "FleetPolicy",
    plural = "fleetpolicies",
    shortname = "lhf",
    category = "leasehold",
    derive = "PartialEq",
    doc = "Ceilings for the whole fleet; the only one is named `default`. Without one the defaults of its fields apply. While there is one that cannot be read, the last one that could stays in force; a Leasehold that has read none grants, applies and repairs nothing.",
    validation = Rule::new("self.metadata.name == 'default'").message("there is one FleetPolicy, and its name is `default`"),
    printcolumn(name = "MaxTenants", type_ = "integer", json_path = ".spec.maxTenants", description = "How many tenants the fleet may have."),
    printcolumn(name = "MaxConcurrency", type_ = "integer", json_path = ".spec.maxConcurrency", description = "Grants in flight over all rollouts."),
    printcolumn(name = "PodSecurity", type_ = "string", json_path = ".spec.tenantPodSecurity", description = "Pod Security level of tenant namespaces."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Since when it exists.")
)]
#[serde(rename_all = "camelCase", default)]
pub struct FleetSpec {
    /// How many tenants the fleet may have; further ones are Stalled.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_tenants: u32,
    /// Images that releases may use, with `*` for any run of characters; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 512)))]
    pub allowed_images: Option<Vec<String>>,
    /// The most that any release may grant inside a tenant's namespace; absent: anything but wildcards, verbs that widen rights, and rights on secrets, tokens of ServiceAccounts, other pods (exec, attach, portforward, proxy, ephemeralcontainers), RBAC and Leasehold's own kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub allowed_rules: Option<Vec<PolicyRule>>,
    /// Namespaces that no tenant may claim, with `*` for any run of characters. Leasehold's own is always one of them.
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub protected_namespaces: Vec<String>,
    /// Grants in flight over all rollouts.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_concurrency: u32,
    /// Pod Security level of every tenant's namespace.
    pub tenant_pod_security: PodSecurity,
    /// The namespace from which tenants' metrics may be scraped: `metricsNamespace` of the templates.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub metrics_namespace: String,
}

impl Default for FleetSpec {
    /// What applies without a FleetPolicy: it was never made, or it was deleted. Safe rather than comfortable, but for images:
    /// which registries a fleet trusts only its admin knows.
    fn default() -> Self {
        Self {
            max_tenants: 10_000,
            allowed_images: None,
            allowed_rules: None,
            protected_namespaces: ["kube-*", "default", "leasehold-system"].map(String::from).to_vec(),
            max_concurrency: 50,
            tenant_pod_security: PodSecurity::Restricted,
            metrics_namespace: "monitoring".into(),
        }
    }
}

/// A Pod Security level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PodSecurity {
    Privileged,
    Baseline,
    #[default]
    Restricted,
}
