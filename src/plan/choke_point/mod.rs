//! The one check that every rendered object passes before it can become a write, whatever path it came by.
//!
//! In: a whole rendered stack, and the [`Scope`] of its tenant. Out: [`Admitted`] objects, which only this module can make and
//! which are the only ones that [`Apply`](super::tenant::Apply), and with it `act`, takes; or findings.
//! A gate's Job goes the same way, alone: [`AdmittedJob`]. Never: a look at the cluster, at the author, or at how an object
//! came to be. A rule about one object may look at the others (a quota must hold the pods of all of them).
//!
//! Checked is what a template rendered; marked is what was checked. Marks are computed here and nowhere else.
#![deny(clippy::indexing_slicing)]
mod admitted;
mod finding;
mod glob;
mod job;
mod kinds;
mod names;
mod network;
mod pod_security;
mod pods;
mod quota;
mod rbac;

pub use admitted::{Admitted, Marks, Object};
use finding::Findings;
pub use finding::{Finding, RuleId};
pub use glob::matches as glob;
pub use job::{AdmittedJob, admit_job};

use super::render::Manifest;
use crate::{
    api::{FleetSpec, PodSecurity, PolicyRule},
    domain::world::Apis,
};

/// What one tenant's objects may be. Computed by Leasehold; nothing in it comes from a template or from values.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Name of the Tenant.
    pub tenant: String,
    /// Its namespace, exactly: `foo` has nothing to do with `foo-bar`.
    pub namespace: String,
    /// The least that the namespace enforces and that every pod fits.
    pub pod_security: PodSecurity,
    /// The most that any Role may grant; `None`: anything without wildcards, without rights to widen rights, and without the
    /// delicate ones.
    pub allowed_rules: Option<Vec<PolicyRule>>,
    /// Images, with `*` for any run of characters; `None`: any.
    pub allowed_images: Option<Vec<String>>,
    /// Namespaces that no tenant may claim, with `*` for any run of characters.
    pub protected_namespaces: Vec<String>,
    /// Pods that a rollout may have beyond the replicas, at least.
    pub surge: u32,
    /// Optional kinds that there are.
    pub apis: Apis,
}

impl Scope {
    /// The scope of a tenant under a fleet's policy, on a cluster with every optional kind.
    #[must_use]
    pub fn new(tenant: impl Into<String>, namespace: impl Into<String>, fleet: &FleetSpec, surge: u32) -> Self {
        Self {
            tenant: tenant.into(),
            namespace: namespace.into(),
            pod_security: fleet.tenant_pod_security,
            allowed_rules: fleet.allowed_rules.clone(),
            allowed_images: fleet.allowed_images.clone(),
            protected_namespaces: fleet.protected_namespaces.clone(),
            surge,
            apis: Apis::ALL,
        }
    }
}

/// Everything that is wrong with a rendered stack; empty: nothing is. Takes objects without our marks.
#[must_use]
pub fn check(manifests: &[Manifest], scope: &Scope) -> Vec<Finding> {
    let mut findings = Findings::default();
    kinds::check(manifests, scope, &mut findings);
    names::check(manifests, &mut findings);
    rbac::check(manifests, scope, &mut findings);
    pods::check(manifests, scope, &mut findings);
    quota::check(manifests, scope, &mut findings);
    network::check(manifests, scope, &mut findings);
    findings.0
}

/// Checks a rendered stack, and marks what passed.
///
/// # Errors
/// Every finding, when there is one: a stack is applied whole or not at all.
pub fn admit(manifests: Vec<Manifest>, scope: &Scope, marks: Marks<'_>) -> Result<Vec<Admitted>, Vec<Finding>> {
    let findings = check(&manifests, scope);
    if !findings.is_empty() {
        return Err(findings);
    }
    Ok(manifests.into_iter().filter_map(|manifest| Admitted::new(manifest, scope, marks)).collect())
}
