//! Names that the API server takes, and metadata that is not a template's to write.
use serde_json::{Map, Value};

use super::finding::{Findings, RuleId};
use crate::plan::render::Manifest;

/// Our own domain: its labels and annotations carry what Leasehold knows of an object.
const RESERVED: &str = "leasehold.dev";
/// Fields of `metadata` that the API server writes.
const SERVER_FIELDS: [&str; 7] =
    ["uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "managedFields", "selfLink"];

pub(super) fn check(manifests: &[Manifest], findings: &mut Findings) {
    for manifest in manifests {
        has_a_valid_name(manifest, findings);
        has_only_its_own_metadata(manifest, findings);
        for (path, metadata) in metadata_of(manifest) {
            writes_no_mark_of_ours(manifest, &path, metadata, findings);
        }
    }
}

fn has_a_valid_name(manifest: &Manifest, findings: &mut Findings) {
    let name = manifest.name();
    let (valid, must_be) = match manifest.kind() {
        "Namespace" => (is_label(name), "at most 63 lower-case letters, digits and dashes"),
        "Service" => (
            is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()),
            "at most 63 lower-case letters, digits and dashes, the first a letter",
        ),
        "Role" | "RoleBinding" => (is_path_segment(name), "at most 253 characters without `/` and `%`"),
        _ => (is_subdomain(name), "at most 253 lower-case letters, digits, dashes and dots"),
    };
    if !valid {
        findings.add(
            RuleId::InvalidName,
            manifest,
            "metadata.name",
            format!("`{name}` is not a name for a {}", manifest.kind()),
            format!("use {must_be}"),
        );
    }
    if manifest.value.pointer("/metadata/generateName").is_some() {
        let why = "a name made up by the API server would be a new object each time";
        findings.add(RuleId::InvalidName, manifest, "metadata.generateName", why, "write metadata.name");
    }
}

/// RFC 1123 label.
fn is_label(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

/// RFC 1123 subdomain. Its labels are not bound to 63 characters here, as they are not in Kubernetes.
fn is_subdomain(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label = |l: &str| !l.is_empty() && l.bytes().all(inner) && !l.starts_with('-') && !l.ends_with('-');
    name.len() <= 253 && name.split('.').all(label)
}

fn is_path_segment(name: &str) -> bool {
    (1..=253).contains(&name.len()) && !name.contains(['/', '%']) && name != "." && name != ".."
}

fn has_only_its_own_metadata(manifest: &Manifest, findings: &mut Findings) {
    let metadata = |field: &str| manifest.value.pointer("/metadata").and_then(|m| m.get(field));
    if metadata("ownerReferences").is_some() {
        let why = "says what the object belongs to, and with that what deletes it";
        findings.add(RuleId::OwnerReference, manifest, "metadata.ownerReferences", why, "leave it out");
    }
    for (field, pointer) in [("metadata.finalizers", "/metadata/finalizers"), ("spec.finalizers", "/spec/finalizers")] {
        if manifest.value.pointer(pointer).is_some()
            && (pointer.starts_with("/metadata") || manifest.kind() == "Namespace")
        {
            let why = "would hold the object, and its namespace with it, until someone removes it";
            findings.add(RuleId::Finalizer, manifest, field, why, "leave it out");
        }
    }
    for field in SERVER_FIELDS.into_iter().filter(|field| metadata(field).is_some()) {
        let why = "is the API server's to write";
        findings.add(RuleId::ServerField, manifest, format!("metadata.{field}"), why, "leave it out");
    }
    if manifest.value.get("status").is_some() {
        findings.add(RuleId::ServerField, manifest, "status", "is a controller's to write", "leave it out");
    }
}

/// The metadata of the object and of what it makes, with their paths.
fn metadata_of(manifest: &Manifest) -> Vec<(String, &Value)> {
    let value = &manifest.value;
    let claims = value.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten();
    let claims = claims.enumerate().map(|(i, claim)| (format!("spec.volumeClaimTemplates[{i}].metadata"), claim));
    let itself = [("metadata".to_owned(), value)].into_iter();
    let pods = value.pointer("/spec/template").map(|pod| ("spec.template.metadata".to_owned(), pod));
    itself.chain(pods).chain(claims).filter_map(|(path, of)| Some((path, of.get("metadata")?))).collect()
}

fn writes_no_mark_of_ours(manifest: &Manifest, path: &str, metadata: &Value, findings: &mut Findings) {
    for field in ["labels", "annotations"] {
        let at = format!("{path}.{field}");
        let entries = match metadata.get(field) {
            None => continue,
            Some(Value::Object(entries)) if entries.values().all(Value::is_string) => entries,
            Some(_) => {
                findings.malformed(manifest, at, "a map of strings");
                continue;
            }
        };
        for key in reserved(entries) {
            let why = format!("`{key}` is Leasehold's own mark");
            findings.add(
                RuleId::ReservedMetadata,
                manifest,
                format!("{at}[{key}]"),
                why,
                "leave it out: Leasehold writes it",
            );
        }
    }
}

fn reserved(entries: &Map<String, Value>) -> impl Iterator<Item = &String> {
    entries.keys().filter(|key| {
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        domain == RESERVED || domain.strip_suffix(RESERVED).is_some_and(|rest| rest.ends_with('.'))
    })
}
