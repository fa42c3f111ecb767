//! The kinds a stack may be made of, and the order in which their objects are applied.

/// A kind of the Kubernetes API that stacks may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StackKind {
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub namespaced: bool,
    /// Applied after every lower stage is done; parallel within a stage.
    pub stage: u8,
    /// Losing it loses data: pruned only after a person confirmed.
    pub precious: bool,
}

const fn kind(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    stage: u8,
    precious: bool,
) -> StackKind {
    StackKind { group, version, kind, plural, namespaced: true, stage, precious }
}

/// Namespace first; then what bounds it, so that nothing runs unbounded; then identity and rights, a binding after the
/// Role that it names, which the API server looks up; then the rest.
pub const STACK_KINDS: &[StackKind] = &[
    StackKind { namespaced: false, ..kind("", "v1", "Namespace", "namespaces", 0, true) },
    kind("", "v1", "ResourceQuota", "resourcequotas", 1, false),
    kind("", "v1", "LimitRange", "limitranges", 1, false),
    kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", 1, false),
    kind("", "v1", "ServiceAccount", "serviceaccounts", 2, false),
    kind("rbac.authorization.k8s.io", "v1", "Role", "roles", 2, false),
    kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", 3, false),
    kind("", "v1", "ConfigMap", "configmaps", 4, false),
    kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", 4, true),
    kind("", "v1", "Service", "services", 4, false),
    kind("apps", "v1", "Deployment", "deployments", 4, false),
    kind("apps", "v1", "StatefulSet", "statefulsets", 4, false),
    kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", 4, false),
];

/// Kinds that a stack holds only where the cluster serves them.
pub const OPTIONAL_KINDS: &[StackKind] =
    &[kind("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors", 4, false)];

/// The kind of that group and name, if stacks may hold it.
#[must_use]
pub fn find(group: &str, kind: &str) -> Option<&'static StackKind> {
    STACK_KINDS.iter().chain(OPTIONAL_KINDS).find(|k| k.group == group && k.kind == kind)
}

impl StackKind {
    /// `apiVersion` as manifests write it.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.into() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether its objects run pods.
    #[must_use]
    pub fn is_workload(&self) -> bool {
        matches!(self.kind, "Deployment" | "StatefulSet")
    }
}
