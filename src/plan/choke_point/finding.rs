//! What the choke point says: which rule, which object, which field, why, and what to do.
use std::fmt;

use serde::{Serialize, Serializer};

use crate::plan::render::Manifest;

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $id:literal,)+) => {
        /// A rule of the choke point. Ids are stable: alerts, docs and people refer to them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RuleId { $($(#[$doc])* $name,)+ }

        impl RuleId {
            /// Every rule there is.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The rule's id, in kebab case.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }
        }
    };
}

rules! {
    /// Who the objects are for is not known: nothing can be checked, so nothing passes.
    UnknownScope = "unknown-scope",
    /// A field is not of the type that Kubernetes gives it, so what it means cannot be checked.
    Malformed = "malformed",
    /// Only the listed kinds, in their own API groups and where they are to be had; nothing cluster-scoped but the tenant's
    /// Namespace.
    KindNotAllowed = "kind-not-allowed",
    /// Every object stands in the tenant's own namespace, and says so.
    WrongNamespace = "wrong-namespace",
    /// The tenant's namespace is none that the fleet protects.
    ProtectedNamespace = "protected-namespace",
    /// The stack has the tenant's Namespace, and it enforces at least the fleet's Pod Security level.
    NamespacePodSecurity = "namespace-pod-security",
    /// No object is rendered twice.
    DuplicateObject = "duplicate-object",
    /// Names are ones that the API server takes.
    InvalidName = "invalid-name",
    /// `leasehold.dev/*` labels and annotations are Leasehold's to write.
    ReservedMetadata = "reserved-metadata",
    /// Nobody but Leasehold says what an object belongs to.
    OwnerReference = "owner-reference",
    /// A finalizer from a template could hold a namespace for ever.
    Finalizer = "finalizer",
    /// What the API server writes (uid, resourceVersion, status, …) is not rendered.
    ServerField = "server-field",
    /// A Role grants no more than the fleet's ceiling.
    RoleAboveCeiling = "role-above-ceiling",
    /// A Role has a wildcard only where the ceiling has it too.
    RoleWildcard = "role-wildcard",
    /// A Role cannot make itself or its holder stronger: no `escalate`, `bind`, `impersonate`.
    RoleEscalation = "role-escalation",
    /// A RoleBinding's subjects are the stack's own ServiceAccounts.
    BindingSubject = "binding-subject",
    /// A RoleBinding refers to a Role of the stack.
    BindingRole = "binding-role",
    /// Pods fit the fleet's Pod Security level.
    PodSecurity = "pod-security",
    /// Pods run as a ServiceAccount of the stack.
    ServiceAccount = "service-account",
    /// Images come from where the fleet allows.
    ImageNotAllowed = "image-not-allowed",
    /// Pods do not take a priority that is meant for the cluster itself.
    PriorityClass = "priority-class",
    /// Every container has requests and limits for cpu and memory.
    ResourcesMissing = "resources-missing",
    /// A request is not above its limit.
    RequestAboveLimit = "request-above-limit",
    /// The stack has a ResourceQuota on requests and limits of cpu and memory.
    QuotaMissing = "quota-missing",
    /// The stack has a LimitRange for containers.
    LimitRangeMissing = "limit-range-missing",
    /// The quota holds all replicas and the surge of a rollout.
    QuotaTooSmall = "quota-too-small",
    /// Services are ClusterIP or headless.
    ServiceType = "service-type",
    /// Services claim no external address.
    ServiceExternalIp = "service-external-ip",
    /// Monitors scrape the tenant's own namespace, and read no file of Prometheus.
    MonitorReach = "monitor-reach",
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for RuleId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

/// One reason why a stack is not applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub rule: RuleId,
    /// `Kind/name`.
    pub object: String,
    /// Path of the field, such as `spec.template.spec.hostNetwork`; empty when the object itself is meant.
    pub field: String,
    /// What is there, and why it is refused.
    pub why: String,
    /// What to do about it.
    pub fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.object)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{} ({}); {}", self.why, self.rule, self.fix)
    }
}

/// Collects findings.
#[derive(Default)]
pub(super) struct Findings(pub Vec<Finding>);

impl Findings {
    pub fn add(
        &mut self,
        rule: RuleId,
        object: &Manifest,
        field: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let (object, field, why, fix) = (object.to_string(), field.into(), why.into(), fix.into());
        self.0.push(Finding { rule, object, field, why, fix });
    }

    pub fn malformed(&mut self, object: &Manifest, field: impl Into<String>, must_be: &str) {
        self.add(RuleId::Malformed, object, field, format!("is not {must_be}"), format!("make it {must_be}"));
    }
}
