//! The labels, annotations and names by which Leasehold knows its own.

/// On every object of a stack and on its pods: the Tenant's name. What the watches select by.
pub const TENANT: &str = "leasehold.dev/tenant";
/// On every object of a stack, and on its pods: the Tenant's UID. What has none, or another one, is not ours.
pub const TENANT_UID: &str = "leasehold.dev/tenant-uid";
/// On every object of a stack: digest of what was rendered, so that a field that is no longer rendered is noticed.
pub const DIGEST: &str = "leasehold.dev/digest";
/// On every object that Leasehold writes: the [`Epoch`](super::epoch::Epoch) it wrote in, `<uid of its Lease>/<leaseTransitions>`.
/// Checked by the fencing admission policy.
pub const EPOCH: &str = "leasehold.dev/epoch";
/// On workloads: the grant they were rendered from, as JSON. The status can be rebuilt from it.
pub const GRANT: &str = "leasehold.dev/grant";
/// On pods, by way of their template: digest of the rendered pod template.
pub const POD_REVISION: &str = "leasehold.dev/pod-revision";
/// On a Tenant: `warn` reports drift without repairing it.
pub const DRIFT: &str = "leasehold.dev/drift";
/// On a Tenant: comma-separated inventory entries of precious objects that may be pruned.
pub const CONFIRM_PRUNE: &str = "leasehold.dev/confirm-prune";
/// On a Tenant: the version that it runs, said by a person, when its status is lost and no workload says so any more.
pub const RUNS: &str = "leasehold.dev/runs";
/// On a CustomResourceDefinition: Leasehold keeps it. A person sets it to hand one over that somebody else made.
pub const SHARED_CRD: &str = "leasehold.dev/shared-crd";
/// On such a definition: how far it was taken, as `<operator>=<version>,…`. No lower version is merged into it any more.
pub const CRD_UNLOCKED: &str = "leasehold.dev/crd-unlocked";
/// On an OperatorRelease: findings about its CRDs that its author answers for, as `<path>=<rule>,…`.
pub const WAIVE: &str = "leasehold.dev/waive";
/// Finalizer of a Tenant: its stack is removed before it goes.
pub const FINALIZER: &str = "leasehold.dev/offboard";
/// The field's standard label for the tool that manages an object, and our value of it.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "leasehold");
/// The ReplicaSet controller removes pods of lower cost first.
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// On ConfigMaps in Leasehold's own namespace that hold definitions which releases name: `"true"`.
pub const RELEASE_CRDS: &str = "leasehold.dev/release-crds";

/// What the names of our field managers begin with.
pub const MANAGER: &str = "leasehold/";

/// The field manager of one tenant's objects: ownership mirrors the tenant boundary.
#[must_use]
pub fn field_manager(namespace: &str) -> String {
    format!("{MANAGER}{namespace}")
}
