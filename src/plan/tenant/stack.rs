//! A tenant's stack as it should be: rendered from the grant, marked as ours, checked at the one choke point.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{
    drift,
    parameters::{Parameters, context},
    step::{Apply, Why},
};
use crate::{
    api::{Grant, Tenant},
    domain::{
        digest, kinds, marks,
        object::{ObjectKey, Seen},
        report::{Reason, Report},
        world::TenantSeen,
    },
    plan::{
        catalog::Release,
        choke_point::{self, RuleId, Scope},
        render::Manifest,
    },
};

/// A rendered stack, in the order in which it is applied.
#[derive(Debug, Default)]
pub struct Rendered {
    pub objects: Vec<RenderedObject>,
    /// Digests of the pod templates in it.
    pub pod_revisions: BTreeSet<String>,
}

/// One rendered object.
#[derive(Debug)]
pub struct RenderedObject {
    pub key: ObjectKey,
    pub digest: String,
    /// JSON, marks included, without the epoch.
    pub manifest: Arc<str>,
    pub stage: u8,
}

/// What was compared before: object, its resourceVersion, what was rendered, and the differences.
pub type Compared = BTreeMap<ObjectKey, (String, String, Vec<String>)>;

impl Rendered {
    #[must_use]
    pub fn has_workload(&self) -> bool {
        !self.pod_revisions.is_empty()
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
    check(&manifests, &parameters.scope(), release)?;
    let mut rendered = Rendered::default();
    for manifest in manifests {
        let object = mark(manifest, tenant, grant, parameters, &mut rendered.pod_revisions)?;
        rendered.objects.push(object);
    }
    rendered.objects.sort_by(|a, b| (a.stage, &a.key).cmp(&(b.stage, &b.key)));
    Ok(rendered)
}

/// The one choke point: whatever path a manifest came by, it passes here before it can be an action.
fn check(manifests: &[Manifest], scope: &Scope, release: &Release) -> Result<(), Report> {
    let findings = choke_point::check(manifests, scope);
    let Some(first) = findings.first() else { return Ok(()) };
    let quota = findings.iter().all(|f| f.rule == RuleId::QuotaTooSmall);
    let reason = if quota { Reason::QuotaTooSmall } else { Reason::Refused };
    let more = if findings.len() > 1 { format!(" (and {} more findings)", findings.len() - 1) } else { String::new() };
    Err(Report::blocked(reason, format!("stack of {} refused: {first}{more}", release.name)))
}

/// Stamps what makes the object ours and gives it its digest.
fn mark(
    manifest: Manifest,
    tenant: &Tenant,
    grant: &Grant,
    parameters: &Parameters,
    pod_revisions: &mut BTreeSet<String>,
) -> Result<RenderedObject, Report> {
    let mut value = manifest.value;
    let key = key(&value);
    let Some(kind) = key.stack_kind() else {
        return Err(Report::blocked(Reason::Refused, format!("{} is no kind that stacks may hold", key.spoken())));
    };
    let uid = tenant.metadata.uid.as_deref().unwrap_or_default();
    annotate(&mut value, "labels", marks::TENANT, &parameters.tenant);
    annotate(&mut value, "labels", "app.kubernetes.io/managed-by", "leasehold");
    annotate(&mut value, "annotations", marks::TENANT_UID, uid);
    if kind.is_workload() {
        let template = &mut value["spec"]["template"];
        annotate(template, "labels", marks::TENANT, &parameters.tenant);
        annotate(template, "annotations", marks::TENANT_UID, uid);
        let revision = digest::of(template);
        annotate(template, "annotations", marks::POD_REVISION, &revision);
        pod_revisions.insert(revision);
        let grant = serde_json::to_string(grant).unwrap_or_default();
        annotate(&mut value, "annotations", marks::GRANT, &grant);
    }
    let digest = digest::of(&value);
    annotate(&mut value, "annotations", marks::DIGEST, &digest);
    Ok(RenderedObject { key, digest, manifest: value.to_string().into(), stage: kind.stage })
}

fn key(value: &Value) -> ObjectKey {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("/apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    ObjectKey {
        namespace: text("/metadata/namespace").into(),
        name: text("/metadata/name").into(),
        group: group.into(),
        kind: text("/kind").into(),
    }
}

fn annotate(value: &mut Value, map: &str, key: &str, text: &str) {
    if !value["metadata"][map].is_object() {
        value["metadata"][map] = json!({});
    }
    value["metadata"][map][key] = Value::String(text.into());
}

/// What must be applied: what is missing, what is rendered otherwise than before, what somebody changed.
#[must_use]
pub fn changes(tenant: &Tenant, rendered: &Rendered, seen: &TenantSeen, compared: &mut Compared) -> Vec<Vec<Apply>> {
    // Our label on an object of another Tenant's UID makes it no more ours than no label at all.
    let ours = |live: &&Seen| live.tenant_uid == tenant.metadata.uid || tenant.spec.adopt.contains(&live.uid);
    let mut stages: BTreeMap<u8, Vec<Apply>> = BTreeMap::new();
    for object in &rendered.objects {
        let live = seen.objects.get(&object.key).filter(ours);
        let why = match live {
            None => Why::Missing,
            Some(live) if live.digest.as_deref() != Some(object.digest.as_str()) => Why::Rendered,
            Some(live) => {
                let fields = compare(object, &live.resource_version, &live.content, compared);
                if fields.is_empty() {
                    continue;
                }
                Why::Drift(fields)
            }
        };
        let uid = live.map(|l| l.uid.clone());
        let apply = Apply { key: object.key.clone(), manifest: object.manifest.clone(), uid, why };
        stages.entry(object.stage).or_default().push(apply);
    }
    stages.into_values().collect()
}

fn compare(object: &RenderedObject, version: &str, content: &str, compared: &mut Compared) -> Vec<String> {
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
    old && stages.iter().flatten().any(|a| workload(&a.key) && a.why == Why::Rendered)
}
