//! A gate's Job: the one kind beside those of stacks that Leasehold makes in a tenant's namespace. It passes the same rules
//! for names, metadata and pods, at the strictest level that Pod Security knows, and has no identity at all.
use std::{ops::Deref, sync::Arc};

use serde_json::Value;

use super::{
    Finding, Scope, admitted,
    finding::{Findings, RuleId},
    glob, names, pods,
};
use crate::{api::PodSecurity, domain::marks, plan::render::Manifest};

/// A Job that passed the check. Made here and nowhere else.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmittedJob(Arc<JobObject>);

/// How an admitted Job reads.
#[derive(Debug, PartialEq)]
pub struct JobObject {
    pub namespace: String,
    pub name: String,
    /// UID of the Tenant: a Job that carries another is not ours.
    pub tenant_uid: String,
    /// Digest of what was admitted: a Job of that name with another is not the one that was asked for.
    pub digest: String,
    /// As JSON, marks included. The epoch is stamped when it is sent.
    pub manifest: Box<str>,
}

impl Deref for AdmittedJob {
    type Target = JobObject;

    fn deref(&self) -> &JobObject {
        &self.0
    }
}

/// Checks a Job, and marks it.
///
/// # Errors
/// Every finding, when there is one.
pub fn admit_job(manifest: Manifest, scope: &Scope, tenant_uid: &str) -> Result<AdmittedJob, Vec<Finding>> {
    let mut findings = Findings::default();
    check(&manifest, scope, &mut findings);
    if !findings.0.is_empty() {
        return Err(findings.0);
    }
    let (namespace, name) = (scope.namespace.clone(), manifest.name().to_owned());
    let mut value = manifest.value;
    let (managed_by, leasehold) = marks::MANAGED_BY;
    // The Job is the tenant's; its pods are not pods of the tenant's operator, and carry no mark that says so.
    admitted::mark(&mut value, "labels", [(marks::TENANT, &*scope.tenant), (managed_by, leasehold)]);
    admitted::mark(&mut value, "annotations", [(marks::TENANT_UID, tenant_uid)]);
    let digest = crate::domain::digest::of(&value);
    admitted::mark(&mut value, "annotations", [(marks::DIGEST, &*digest)]);
    let (manifest, tenant_uid) = (value.to_string().into(), tenant_uid.to_owned());
    Ok(AdmittedJob(Arc::new(JobObject { namespace, name, tenant_uid, digest, manifest })))
}

fn check(manifest: &Manifest, scope: &Scope, findings: &mut Findings) {
    if (manifest.group(), manifest.kind()) != ("batch", "Job") {
        findings.add(RuleId::KindNotAllowed, manifest, "kind", "is not a Job", "a gate runs Jobs only");
    }
    let protected = scope.protected_namespaces.iter().any(|glob| glob::matches(glob, &scope.namespace));
    let known = !scope.namespace.is_empty() && !scope.tenant.is_empty() && !protected;
    if !known || manifest.namespace() != Some(&scope.namespace) {
        let fix = "a gate's Job runs in the tenant's own namespace";
        findings.add(RuleId::WrongNamespace, manifest, "metadata.namespace", "is not the tenant's own namespace", fix);
    }
    names::check(std::slice::from_ref(manifest), findings);
    let spec = manifest.value.pointer("/spec/template/spec").unwrap_or(&Value::Null);
    if spec.get("serviceAccountName").is_some() || spec.get("automountServiceAccountToken") != Some(&false.into()) {
        let field = format!("{}.serviceAccountName", pods::SPEC);
        findings.add(RuleId::ServiceAccount, manifest, field, "gives the Job an identity", "leave it out");
    }
    pods::contents(
        pods::Pod { manifest, spec },
        &Scope { pod_security: PodSecurity::Restricted, ..scope.clone() },
        findings,
    );
}
