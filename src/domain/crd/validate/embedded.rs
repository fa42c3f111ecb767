//! A resource within a resource: `apiVersion`, `kind` and `metadata` of an object with `x-kubernetes-embedded-resource`.
//! In: its fields. Out: what is wrong with them, and what of the metadata is dropped. See `apiserver/schema/objectmeta`.

use serde_json::{Map, Value};

use super::Found;
use super::read::Dropped;

/// Characters of a label, and of a name in DNS: RFC 1123.
const LABEL: usize = 63;
const SUBDOMAIN: usize = 253;
/// Bytes of all annotations together: `TotalAnnotationSizeLimitB`.
const ANNOTATIONS: usize = 256 * 1024;

const TEXTS: [&str; 8] = [
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
];
const NUMBERS: [&str; 2] = ["generation", "deletionGracePeriodSeconds"];
const MAPS: [&str; 2] = ["labels", "annotations"];
const LISTS: [&str; 3] = ["ownerReferences", "finalizers", "managedFields"];
const OWNER: [&str; 6] = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
const MANAGED: [&str; 7] = ["manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource"];

/// Drops what is not a field of metadata.
pub(super) fn prune(resource: &mut Map<String, Value>, dropped: &mut Dropped) {
    let Some(Value::Object(metadata)) = resource.get_mut("metadata") else {
        return;
    };
    dropped.within("metadata", |dropped| {
        keep(metadata, &[&TEXTS[..], &NUMBERS, &MAPS, &LISTS].concat(), dropped);
        for (list, known) in [("ownerReferences", &OWNER[..]), ("managedFields", &MANAGED[..])] {
            let items = metadata.get_mut(list).and_then(Value::as_array_mut);
            for (at, item) in items.into_iter().flatten().enumerate() {
                if let Value::Object(fields) = item {
                    dropped.within(list, |dropped| dropped.item(at, |dropped| keep(fields, known, dropped)));
                }
            }
        }
    });
}

fn keep(fields: &mut Map<String, Value>, known: &[&str], dropped: &mut Dropped) {
    fields.retain(|name, _| {
        let keep = known.contains(&name.as_str());
        if !keep {
            dropped.field(name);
        }
        keep
    });
}

pub(super) fn check(resource: &Map<String, Value>, found: &mut Found) {
    text(resource, "apiVersion", |version| version.matches('/').count() < 2, found);
    text(resource, "kind", |kind| is_dns1035_label(&kind.to_lowercase()), found);
    match resource.get("metadata") {
        None | Some(Value::Null) => {}
        Some(Value::Object(metadata)) => found.field("metadata", |found| check_metadata(metadata, found)),
        Some(_) => found.field("metadata", |found| found.add(|| "must be an object".to_owned())),
    }
}

fn text(resource: &Map<String, Value>, field: &str, is_valid: fn(&str) -> bool, found: &mut Found) {
    found.field(field, |found| match resource.get(field) {
        None => found.add(|| "is required".to_owned()),
        Some(Value::String(text)) if !text.is_empty() && is_valid(text) => {}
        Some(Value::String(text)) => found.add(|| format!("must be a valid {field}, but is {text:?}")),
        Some(_) => found.add(|| "must be a string".to_owned()),
    });
}

fn check_metadata(metadata: &Map<String, Value>, found: &mut Found) {
    for (name, value) in metadata.iter().filter(|(_, value)| !value.is_null()) {
        found.field(name, |found| {
            let wrong = wrong(name, value);
            if let Some(wrong) = wrong {
                found.add(|| wrong.to_owned());
            }
        });
    }
}

fn wrong(name: &str, value: &Value) -> Option<&'static str> {
    match (name, value) {
        ("name" | "generateName", Value::String(text)) => {
            (!is_path_segment(text)).then_some("must be a name without / and %")
        }
        ("namespace", Value::String(text)) => {
            (!text.is_empty() && !is_dns1123_label(text)).then_some("must be the name of a namespace")
        }
        ("creationTimestamp" | "deletionTimestamp", Value::String(text)) => {
            (!super::formats::is_rfc3339(text)).then_some("must be a time as in RFC 3339")
        }
        ("generation", Value::Number(number)) => {
            (number.as_i64().is_none_or(|n| n < 0)).then_some("must be a whole number, not negative")
        }
        ("deletionGracePeriodSeconds", Value::Number(number)) => {
            number.as_i64().is_none().then_some("must be a whole number")
        }
        ("labels", Value::Object(labels)) => wrong_labels(labels),
        ("annotations", Value::Object(annotations)) => wrong_annotations(annotations),
        ("finalizers", Value::Array(items)) => wrong_finalizers(items),
        ("ownerReferences", Value::Array(items)) => wrong_owners(items),
        ("managedFields", Value::Array(items)) => {
            (!items.iter().all(is_managed)).then_some("must be entries of field managers")
        }
        (name, Value::String(_)) if TEXTS.contains(&name) => None,
        (name, _) if TEXTS.contains(&name) => Some("must be a string"),
        (name, _) if NUMBERS.contains(&name) => Some("must be a whole number"),
        (name, _) if MAPS.contains(&name) => Some("must be an object"),
        (name, _) if LISTS.contains(&name) => Some("must be a list"),
        _ => None,
    }
}

fn wrong_labels(labels: &Map<String, Value>) -> Option<&'static str> {
    let valid = |(key, value): (&String, &Value)| is_qualified(key) && text_of(value).is_some_and(is_label_value);
    (!labels.iter().all(valid)).then_some("must be labels")
}

fn wrong_annotations(annotations: &Map<String, Value>) -> Option<&'static str> {
    let valid = |(key, value): (&String, &Value)| is_qualified(&key.to_lowercase()) && text_of(value).is_some();
    let size: usize = annotations.iter().map(|(key, value)| key.len() + text_of(value).map_or(0, str::len)).sum();
    (!annotations.iter().all(valid) || size > ANNOTATIONS).then_some("must be annotations, 256 KiB at most")
}

fn wrong_finalizers(items: &[Value]) -> Option<&'static str> {
    let has = |name: &str| items.iter().any(|item| item == name);
    let valid = items.iter().all(|item| text_of(item).is_some_and(is_qualified));
    (!valid || has("orphan") && has("foregroundDeletion")).then_some("must be finalizers")
}

fn wrong_owners(items: &[Value]) -> Option<&'static str> {
    let controllers = items.iter().filter(|item| item["controller"] == true).count();
    (controllers > 1 || !items.iter().all(is_owner)).then_some("must be owners, one controller at most")
}

fn is_owner(owner: &Value) -> bool {
    let filled = |name: &str| owner[name].as_str().is_some_and(|text| !text.is_empty());
    let flag = |name: &str| owner[name].is_boolean() || owner[name].is_null();
    let version = owner["apiVersion"].as_str().unwrap_or_default();
    let banned = version == "v1" && owner["kind"] == "Event";
    let named = ["kind", "name", "uid"].into_iter().all(filled);
    let versioned = version.matches('/').count() < 2 && !version.is_empty() && !version.ends_with('/');
    named && versioned && flag("controller") && flag("blockOwnerDeletion") && !banned
}

fn is_managed(entry: &Value) -> bool {
    let operation = matches!(entry["operation"].as_str(), Some("Apply" | "Update"));
    let fields = entry["fieldsType"] == "FieldsV1";
    entry["manager"].as_str().is_none_or(|manager| manager.chars().count() <= 128) && operation && fields
}

/// Null is read as the empty string.
fn text_of(value: &Value) -> Option<&str> {
    if value.is_null() { Some("") } else { value.as_str() }
}

fn is_path_segment(name: &str) -> bool {
    name != "." && name != ".." && !name.contains(['/', '%'])
}

fn is_dns1123_label(name: &str) -> bool {
    name.len() <= LABEL
        && is_between_alphanumeric(name, |c| c == '-')
        && !name.contains(|c: char| c.is_ascii_uppercase())
}

fn is_dns1035_label(name: &str) -> bool {
    is_dns1123_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_label_value(value: &str) -> bool {
    value.is_empty() || value.len() <= LABEL && is_between_alphanumeric(value, |c| matches!(c, '-' | '_' | '.'))
}

/// `[prefix/]name`, the prefix a DNS subdomain.
fn is_qualified(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_dns1123_subdomain) && !name.is_empty() && is_label_value(name)
}

fn is_dns1123_subdomain(name: &str) -> bool {
    let part =
        |part: &str| is_between_alphanumeric(part, |c| c == '-') && !part.contains(|c: char| c.is_ascii_uppercase());
    name.len() <= SUBDOMAIN && name.split('.').all(part)
}

/// Letters and digits of ASCII, and between the first and the last also what `inner` says.
fn is_between_alphanumeric(text: &str, inner: impl Fn(char) -> bool) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends(text.chars().next())
        && ends(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || inner(c))
}
