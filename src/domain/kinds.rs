//! The kinds a stack may be made of: one table for what is watched, what passes the choke point, the order in which objects
//! are applied, and the order in which they go.

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
    /// Removed after every lower rank is gone, when the tenant goes.
    pub farewell: u8,
    /// Stays when a tenant goes and its data is kept (`Retain`): data, and what bounds the namespace.
    pub retained: bool,
    /// Losing it loses data: pruned only after a person confirmed.
    pub precious: bool,
}

/// Of the core group unless said otherwise.
const fn kind(kind: &'static str, plural: &'static str, stage: u8, farewell: u8) -> StackKind {
    let (group, version, namespaced, retained, precious) = ("", "v1", true, false, false);
    StackKind { group, version, kind, plural, namespaced, stage, farewell, retained, precious }
}

impl StackKind {
    const fn of(self, group: &'static str) -> Self {
        Self { group, ..self }
    }

    const fn retained(self) -> Self {
        Self { retained: true, ..self }
    }

    const fn precious(self) -> Self {
        Self { precious: true, ..self }
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const MONITORING: &str = "monitoring.coreos.com";

/// Kinds that stacks may hold everywhere.
///
/// Applied: Namespace first; then what bounds it, so that nothing runs unbounded; then identity and rights, a binding after
/// the Role that it names, which the API server looks up; then the rest. Removed: what runs, so that it ends while it still
/// has its rights; then those; then what bounds the namespace, NetworkPolicies after the pods (CVE-2024-7598); Namespace last.
pub const STACK_KINDS: &[StackKind] = &[
    StackKind { namespaced: false, ..kind("Namespace", "namespaces", 0, 3).retained().precious() },
    kind("ResourceQuota", "resourcequotas", 1, 2).retained(),
    kind("LimitRange", "limitranges", 1, 2).retained(),
    kind("NetworkPolicy", "networkpolicies", 1, 2).of("networking.k8s.io").retained(),
    kind("ServiceAccount", "serviceaccounts", 2, 1),
    kind("Role", "roles", 2, 1).of(RBAC),
    kind("RoleBinding", "rolebindings", 3, 1).of(RBAC),
    kind("ConfigMap", "configmaps", 4, 1).retained(),
    kind("PersistentVolumeClaim", "persistentvolumeclaims", 4, 2).retained().precious(),
    kind("Service", "services", 4, 0),
    kind("Deployment", "deployments", 4, 0).of("apps"),
    kind("StatefulSet", "statefulsets", 4, 0).of("apps"),
    kind("PodDisruptionBudget", "poddisruptionbudgets", 4, 0).of("policy"),
];

/// Kinds that stacks may hold where the cluster serves them and Leasehold is let read them; see
/// [`Apis`](super::world::Apis).
pub const OPTIONAL_KINDS: &[StackKind] = &[
    kind("Secret", "secrets", 4, 1).retained().precious(),
    kind("ServiceMonitor", "servicemonitors", 4, 0).of(MONITORING),
    kind("PodMonitor", "podmonitors", 4, 0).of(MONITORING),
];

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
