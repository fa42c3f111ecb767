//! A tenant's stack as it should be: rendered from the grant, marked as ours, checked at the one choke point.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    drift,
    parameters::{Parameters, context},
    step::{Apply, Why},
};
use crate::{
    api::{Grant, Tenant},
    domain::{
        kinds,
        object::{ObjectKey, Seen},
        report::{Reason, Report},
        world::TenantSeen,
    },
    plan::{
        catalog::Release,
        choke_point::{self, Admitted, Finding, Marks, RuleId},
    },
};

/// A rendered stack, in the order in which it is applied.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    pub objects: Vec<RenderedObject>,
    /// Digests of the pod templates in it.
    pub pod_revisions: BTreeSet<String>,
}

/// One rendered object.
#[derive(Clone, Debug)]
pub struct RenderedObject {
    pub key: ObjectKey,
    pub digest: String,
    /// What to apply. `None` once it has been applied: 10,000 stacks at rest need no manifests.
    pub admitted: Option<Admitted>,
}

impl From<Admitted> for RenderedObject {
    fn from(admitted: Admitted) -> Self {
        Self { key: admitted.key.clone(), digest: admitted.digest.clone(), admitted: Some(admitted) }
    }
}

/// What was compared before: object, its resourceVersion, what was rendered, and the differences.
pub type Compared = BTreeMap<ObjectKey, (String, String, Vec<String>)>;

impl Rendered {
    #[must_use]
    pub fn has_workload(&self) -> bool {
        !self.pod_revisions.is_empty()
    }

    /// The same without what only an apply needs.
    #[must_use]
    pub fn lean(&self) -> Self {
        let objects = self.objects.iter().map(|object| RenderedObject { admitted: None, ..object.clone() });
        Self { objects: objects.collect(), pod_revisions: self.pod_revisions.clone() }
    }

    /// Whether there is nothing in it to apply.
    #[must_use]
    pub fn is_lean(&self) -> bool {
        self.objects.iter().any(|object| object.admitted.is_none())
    }

    #[must_use]
    pub fn keys(&self) -> BTreeSet<&ObjectKey> {
        self.objects.iter().map(|o| &o.key).collect()
    }
}

/// Renders, marks and checks a stack. An `Err` is the report of a tenant that is blocked by what it would become.
///
/// # Errors
/// Values that do not fit the release's schema, a template that cannot be rendered, or a finding of the choke point.
pub fn render(tenant: &Tenant, release: &Release, grant: &Grant, parameters: &Parameters) -> Result<Rendered, Report> {
    let values = release.schema.check(&tenant.spec.values).map_err(|findings| {
        let all: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let what =
            format!("spec.values of Tenant {} do not fit {}: {}", parameters.tenant, release.name, all.join("; "));
        Report::blocked(Reason::InvalidValues, what + ". Correct them; the stack stays as it is meanwhile")
    })?;
    let context = context(tenant, release, grant, parameters, values)?;
    let manifests = release.stack.render(&context).map_err(|errors| {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Report::blocked(Reason::TemplateError, format!("template of {}: {}", release.name, all.join("; ")))
    })?;
    let grant = serde_json::to_string(grant).unwrap_or_default();
    let marks = Marks { tenant_uid: tenant.metadata.uid.as_deref().unwrap_or_default(), grant: &grant };
    let mut objects =
        choke_point::admit(manifests, &parameters.scope(), marks).map_err(|findings| refused(&findings, release))?;
    objects.sort_by(|a, b| (a.stage, &a.key).cmp(&(b.stage, &b.key)));
    let pod_revisions = objects.iter().filter_map(|object| object.pod_revision.clone()).collect();
    Ok(Rendered { objects: objects.into_iter().map(RenderedObject::from).collect(), pod_revisions })
}

fn refused(findings: &[Finding], release: &Release) -> Report {
    let quota = findings.iter().all(|f| f.rule == RuleId::QuotaTooSmall);
    let reason = if quota { Reason::QuotaTooSmall } else { Reason::Refused };
    let more = if findings.len() > 1 { format!(" (and {} more findings)", findings.len() - 1) } else { String::new() };
    let first = findings.first().map(ToString::to_string).unwrap_or_default();
    Report::blocked(reason, format!("stack of {} refused: {first}{more}", release.name))
}

/// Our label on an object of another Tenant's UID makes it no more ours than no label at all.
fn is_ours(tenant: &Tenant, live: &Seen) -> bool {
    live.tenant_uid == tenant.metadata.uid || tenant.spec.adopt.contains(&live.uid)
}

/// Whether all of it is there as it was rendered: then nothing is applied, and no manifest is needed.
#[must_use]
pub fn is_applied(tenant: &Tenant, rendered: &Rendered, seen: &TenantSeen, compared: &Compared) -> bool {
    rendered.objects.iter().all(|object| {
        let live = seen.objects.get(&object.key).filter(|live| is_ours(tenant, live));
        live.is_some_and(|live| {
            let known = |(at, digest, fields): &(String, String, Vec<String>)| {
                *at == live.resource_version && *digest == object.digest && fields.is_empty()
            };
            live.digest.as_deref() == Some(object.digest.as_str())
                && (live.as_applied || compared.get(&object.key).is_some_and(known))
        })
    })
}

/// What must be applied: what is missing, what is rendered otherwise than before, what somebody changed. Of a lean stack
/// nothing is: it is what [`is_applied`] found to be there.
#[must_use]
pub fn changes(tenant: &Tenant, rendered: &Rendered, seen: &TenantSeen, compared: &mut Compared) -> Vec<Vec<Apply>> {
    let mut stages: BTreeMap<u8, Vec<Apply>> = BTreeMap::new();
    for object in &rendered.objects {
        let Some(admitted) = &object.admitted else { continue };
        let live = seen.objects.get(&object.key).filter(|live| is_ours(tenant, live));
        let why = match live {
            None => Why::Missing,
            Some(live) if live.digest.as_deref() != Some(object.digest.as_str()) => Why::Rendered,
            Some(live) if live.as_applied => {
                compared.remove(&object.key);
                continue;
            }
            Some(live) => {
                let fields = compare(admitted, &live.resource_version, &live.content, compared);
                if fields.is_empty() {
                    continue;
                }
                Why::Drift(fields)
            }
        };
        let uid = live.map(|l| l.uid.clone());
        let apply = Apply { object: admitted.clone(), uid, why };
        stages.entry(admitted.stage).or_default().push(apply);
    }
    stages.into_values().collect()
}

fn compare(object: &Admitted, version: &str, content: &str, compared: &mut Compared) -> Vec<String> {
    if let Some((at, digest, fields)) = compared.get(&object.key)
        && at == version
        && *digest == object.digest
    {
        return fields.clone();
    }
    let parse = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let fields = match content {
        "" => vec!["too large to be compared".to_owned()],
        content => drift::differences(&parse(&object.manifest), &parse(content)),
    };
    compared.insert(object.key.clone(), (version.to_owned(), object.digest.clone(), fields.clone()));
    fields
}

/// Whether any workload's pod template would change by these writes: then pods are replaced.
#[must_use]
pub fn replaces_pods(stages: &[Vec<Apply>], rendered: &Rendered, seen: &TenantSeen) -> bool {
    let workload = |key: &ObjectKey| kinds::find(&key.group, &key.kind).is_some_and(kinds::StackKind::is_workload);
    let old = seen.pods.values().any(|pod| !pod.deleting && !super::evidence::is_current(pod, rendered));
    old && stages.iter().flatten().any(|a| workload(&a.object.key) && a.why == Why::Rendered)
}
