//! `OperatorRelease`: one immutable version of an operator.
use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Condition,
    schema::{DNS_LABEL, SEMVER},
};

/// One version of an operator: its image, its rights, its stack, and from where it may be reached.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "leasehold.dev",
    version = "v1alpha1",
    kind = "OperatorRelease",
    plural = "operatorreleases",
    shortname = "lhr",
    category = "leasehold",
    status = "ReleaseStatus",
    derive = "PartialEq",
    doc = "One immutable version of an operator that tenants can run.",
    printcolumn(name = "Operator", type_ = "string", json_path = ".spec.operator", description = "The operator."),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.version", description = "Its version."),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether tenants can be granted this release."
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why, in a word."
    ),
    printcolumn(
        name = "Image",
        type_ = "string",
        json_path = ".spec.image",
        description = "The operator's image.",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Since when it exists."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf").message("a release is immutable: create a new OperatorRelease with a new version instead"))]
#[x_kube(validation = Rule::new("!(has(self.stack) && has(self.templates))").message("either the built-in `stack` or `templates` of your own, not both"))]
pub struct ReleaseSpec {
    /// Name of the operator.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub operator: String,
    /// Version, as semver; unique for the operator.
    #[schemars(length(min = 5, max = 64), regex(pattern = SEMVER))]
    pub version: String,
    /// Image of the operator, best by digest.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// Versions from which this one may be reached in one step, as a semver requirement; absent: any lower one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub upgrades_from: Option<String>,
    /// Versions to which a tenant may go back from this one, as a semver requirement; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub rollback_to: Option<String>,
    /// How the operator elects its leader.
    pub leader_election: ElectionSpec,
    /// What the operator may do in its tenant's namespace; rights on its own Lease and events are added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub rules: Vec<PolicyRule>,
    /// Arguments of the container; each is a template.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 1024)))]
    pub args: Vec<String>,
    /// Environment of the container; each value is a template.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Annotations of the pods; each value is a template.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_annotations: BTreeMap<String, String>,
    /// Where the operator says how it is.
    #[serde(default)]
    pub health: Health,
    /// The built-in stack to use; `standard-v1` when neither this nor `templates` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub stack: Option<String>,
    /// The release's own templates, instead of a built-in stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub templates: Option<Vec<Template>>,
    /// OpenAPI v3 schema of `Tenant.spec.values`; absent: no values are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::optional_any_object")]
    pub values_schema: Option<Map<String, Value>>,
    /// CustomResourceDefinitions, shared by all tenants, that this version works with. Refused are groups of Kubernetes (`k8s.io`, `kubernetes.io` and below) and Leasehold, conversion by webhook, owners, finalizers and Leasehold's marks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub crds: Vec<CrdSource>,
}

/// How an operator elects its leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElectionSpec {
    /// The election ID that the operator uses: DNS-compatible, with the API group as its suffix.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub id: String,
    /// True: the operator always uses `id` as it is. False: it takes `<tenant>.<id>` through its arguments.
    #[serde(default)]
    pub fixed: bool,
    /// How its standbys notice that the Lease is free. Where they poll, the last step of an upgrade evicts one of them: a pod that starts looks at the Lease at once.
    #[serde(default)]
    pub standbys: Standbys,
}

/// How an operator's standbys notice a free Lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Standbys {
    /// They look every retryPeriod, as client-go, controller-runtime and kopf do.
    #[default]
    Poll,
    /// They watch the Lease and take it within milliseconds.
    Watch,
}

/// A rule of a Role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRule {
    /// API groups; the empty string is the core group.
    #[schemars(length(min = 1, max = 16), inner(length(max = 253)))]
    pub api_groups: Vec<String>,
    /// Resources, with subresources as `pods/log`.
    #[schemars(length(min = 1, max = 64), inner(length(max = 253)))]
    pub resources: Vec<String>,
    /// Names the rule is limited to; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 253)))]
    pub resource_names: Vec<String>,
    /// Verbs.
    #[schemars(length(min = 1, max = 16), inner(length(max = 32)))]
    pub verbs: Vec<String>,
}

/// Where an operator says how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Health {
    /// HTTP path of the liveness probe.
    #[schemars(length(max = 256))]
    pub liveness_path: String,
    /// HTTP path of the readiness probe.
    #[schemars(length(max = 256))]
    pub readiness_path: String,
    /// Port of both probes.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Port of `/metrics`.
    #[schemars(range(min = 1, max = 65535))]
    pub metrics_port: u16,
}

impl Default for Health {
    /// What controller-runtime serves by default.
    fn default() -> Self {
        Self { liveness_path: "/healthz".into(), readiness_path: "/readyz".into(), port: 8081, metrics_port: 8080 }
    }
}

/// One template file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Template {
    /// File name, for error messages and the order of reading.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// YAML whose strings may hold Handlebars expressions.
    #[schemars(length(min = 1, max = 65536))]
    pub yaml: String,
}

/// Where a CustomResourceDefinition comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.inline) != has(self.configMapRef)").message("give either `inline` or `configMapRef`"))]
pub struct CrdSource {
    /// The definition itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::optional_any_object")]
    pub inline: Option<Map<String, Value>>,
    /// An immutable ConfigMap that holds it, for a definition too big to sit inline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<CrdConfigMap>,
    /// This release ends what earlier ones had: fields and versions of this definition that it no longer has are removed, after every tenant runs it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub contract: bool,
}

/// A CustomResourceDefinition in a ConfigMap that is immutable and has the label `leasehold.dev/release-crds: "true"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CrdConfigMap {
    /// Namespace of the ConfigMap: Leasehold's own.
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Key in `data` whose text is the definition, as YAML or JSON.
    #[schemars(length(max = 253))]
    pub key: String,
    /// `sha256:` and the digest of that text.
    #[schemars(length(max = 71), regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
}

/// Whether tenants can be granted a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReleaseStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first visit.
    pub observed_generation: i64,
    /// Ready, and Stalled while something about the release keeps tenants from it.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Digest of everything in the release that decides what is rendered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub digest: Option<String>,
}
