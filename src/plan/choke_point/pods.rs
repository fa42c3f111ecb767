//! The pods that a stack makes: whose identity they have, what they run, and that they name what they need.
use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Scope,
    finding::{Findings, RuleId},
    glob, pod_security,
};
use crate::plan::render::{Manifest, quantity::Quantity};

/// A pod template inside an object.
#[derive(Clone, Copy)]
pub(super) struct Pod<'m> {
    pub manifest: &'m Manifest,
    pub spec: &'m Value,
}

/// Path of a pod's spec in every kind that makes pods here.
pub(super) const SPEC: &str = "spec.template.spec";
/// The lists of containers in a pod's spec.
pub(super) const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// The pod templates of a stack.
pub(super) fn of(manifests: &[Manifest]) -> impl Iterator<Item = Pod<'_>> {
    manifests.iter().filter(|m| matches!(m.kind(), "Deployment" | "StatefulSet")).map(|manifest| {
        let spec = manifest.value.pointer("/spec/template/spec").unwrap_or(&Value::Null);
        Pod { manifest, spec }
    })
}

impl<'m> Pod<'m> {
    /// A pod's containers with their paths, of these lists.
    pub fn containers<'l>(self, lists: &'l [&str]) -> impl Iterator<Item = (String, &'m Value)> + use<'l, 'm> {
        lists.iter().flat_map(move |list| {
            let containers = self.spec.get(list).and_then(Value::as_array).into_iter().flatten();
            containers.enumerate().map(move |(i, container)| (format!("{SPEC}.{list}[{i}]"), container))
        })
    }

    /// The images that are mounted as volumes, with the paths of these.
    fn image_volumes(self) -> impl Iterator<Item = (String, &'m Value)> {
        let volumes = self.spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
        let images = volumes.enumerate().filter_map(|(i, volume)| Some((i, volume.get("image")?)));
        images.map(|(i, image)| (format!("{SPEC}.volumes[{i}]"), image))
    }

    /// Whether the parts that the checks read are of the types that they expect.
    fn is_readable(self, findings: &mut Findings) -> bool {
        let before = findings.0.len();
        if !self.spec.is_object() {
            findings.malformed(self.manifest, SPEC, "a pod's spec");
        }
        for list in CONTAINERS.into_iter().chain(["volumes"]) {
            let found = self.spec.get(list);
            if found.is_some_and(|found| found.as_array().is_none_or(|items| !items.iter().all(Value::is_object))) {
                findings.malformed(self.manifest, format!("{SPEC}.{list}"), "a list of maps");
            }
        }
        let containers = self.spec.get("containers");
        if containers.is_none_or(|list| list.as_array().is_some_and(Vec::is_empty)) {
            findings.malformed(self.manifest, format!("{SPEC}.containers"), "a list with a container in it");
        }
        findings.0.len() == before
    }
}

pub(super) fn check(manifests: &[Manifest], scope: &Scope, findings: &mut Findings) {
    let own = |m: &&Manifest| m.kind() == "ServiceAccount" && m.namespace() == Some(scope.namespace.as_str());
    let accounts: BTreeSet<&str> = manifests.iter().filter(own).map(Manifest::name).collect();
    for pod in of(manifests) {
        if pod.spec.is_object() {
            identity(pod, &accounts, findings);
        }
        contents(pod, scope, findings);
    }
}

/// What every pod is held to, whoever it runs as.
pub(super) fn contents(pod: Pod<'_>, scope: &Scope, findings: &mut Findings) {
    if !pod.is_readable(findings) {
        return;
    }
    priority(pod, findings);
    for (at, container) in pod.containers(&CONTAINERS) {
        image(pod, format!("{at}.image"), container.get("image"), scope, findings);
    }
    for (at, volume) in pod.image_volumes() {
        image(pod, format!("{at}.image.reference"), volume.get("reference"), scope, findings);
    }
    for (at, container) in pod.containers(&["initContainers", "containers"]) {
        resources(pod, &at, container, findings);
    }
    pod_security::check(pod, scope.pod_security, findings);
}

fn identity(pod: Pod<'_>, accounts: &BTreeSet<&str>, findings: &mut Findings) {
    let fix = "write the name of a ServiceAccount that the stack renders";
    let named = pod.spec.get("serviceAccountName").and_then(Value::as_str);
    if !named.is_some_and(|name| accounts.contains(name)) {
        let why = match named {
            Some(name) => format!("`{name}` is not a ServiceAccount of this stack"),
            None => "is not set, so the pods would run as the namespace's default account".to_owned(),
        };
        findings.add(RuleId::ServiceAccount, pod.manifest, format!("{SPEC}.serviceAccountName"), why, fix);
    }
    // The field's old name; the API server keeps the two the same.
    if let Some(old) = pod.spec.get("serviceAccount").filter(|old| old.as_str() != named) {
        let why = format!("{old} contradicts serviceAccountName");
        findings.add(RuleId::ServiceAccount, pod.manifest, format!("{SPEC}.serviceAccount"), why, "leave it out");
    }
}

fn priority(pod: Pod<'_>, findings: &mut Findings) {
    let class = pod.spec.get("priorityClassName").and_then(Value::as_str).unwrap_or_default();
    if class.starts_with("system-") {
        let why = format!("`{class}` would let these pods push out other tenants' and the cluster's own");
        findings.add(RuleId::PriorityClass, pod.manifest, format!("{SPEC}.priorityClassName"), why, "leave it out");
    }
}

/// Everything that is pulled comes from where the fleet allows: an image that is mounted is content from there as well.
fn image(pod: Pod<'_>, field: String, name: Option<&Value>, scope: &Scope, findings: &mut Findings) {
    let Some(image) = name.and_then(Value::as_str).filter(|image| !image.is_empty()) else {
        return findings.malformed(pod.manifest, field, "the name of an image");
    };
    let Some(allowed) = &scope.allowed_images else { return };
    if !allowed.iter().any(|glob| glob::matches(glob, image)) {
        let why = format!("`{image}` is not from where the fleet allows: {}", allowed.join(", "));
        let fix = "take an image from there, or extend FleetPolicy.spec.allowedImages";
        findings.add(RuleId::ImageNotAllowed, pod.manifest, field, why, fix);
    }
}

fn resources(pod: Pod<'_>, at: &str, container: &Value, findings: &mut Findings) {
    for resource in ["cpu", "memory"] {
        let [request, limit] = ["requests", "limits"].map(|side| {
            let field = format!("{at}.resources.{side}.{resource}");
            let Some(value) = container.pointer(&format!("/resources/{side}/{resource}")) else {
                let why = "is not set: without it one tenant's load becomes everyone's";
                findings.add(
                    RuleId::ResourcesMissing,
                    pod.manifest,
                    field,
                    why,
                    "set it: spec.resources of the Tenant, which templates take as {{resources}}",
                );
                return None;
            };
            match Quantity::from_json(value) {
                Ok(quantity) => Some(quantity),
                Err(why) => {
                    findings.add(RuleId::Malformed, pod.manifest, field, why, "write a quantity such as 250m or 64Mi");
                    None
                }
            }
        });
        if let (Some(request), Some(limit)) = (request, limit)
            && request > limit
        {
            let field = format!("{at}.resources.requests.{resource}");
            let why = format!("asks for {request}, with a limit of {limit}");
            let fix = "lower the request or raise the limit";
            findings.add(RuleId::RequestAboveLimit, pod.manifest, field, why, fix);
        }
    }
}
