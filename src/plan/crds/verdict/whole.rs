//! The definition itself: what can never change, what people see of it, and faults of the new one that no cluster should have.
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    collect::Collector,
    finding::Verdict::{Convert, No, Ok},
    keywords,
};
use crate::domain::crd::Definition;

/// What identifies a kind, with the rule that holds it.
const IDENTITY: [(&str, &str, &str); 5] = [
    ("/group", "group-changed", "the group"),
    ("/scope", "scope-changed", "the scope"),
    ("/names/kind", "kind-changed", "the kind"),
    ("/names/plural", "plural-changed", "the plural"),
    ("/names/listKind", "list-kind-changed", "the kind of its lists"),
];

/// Holds two specs against each other but for their versions; what the old one becomes, without them.
pub(super) fn walk(c: &mut Collector<'_>, old: &Definition, new: &Definition) -> Map<String, Value> {
    identity(c, old, new);
    group(c, new);
    conversion(c, old, new);
    kept_whole(c, old, new);
    let beside = old.spec().iter().filter(|(key, _)| *key != "versions");
    let mut out: Map<_, _> = beside.map(|(key, value)| (key.clone(), value.clone())).collect();
    let (was, is) = (old.spec(), new.spec());
    for key in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        let known = ["group", "scope", "names", "versions", "conversion", "preserveUnknownFields"];
        if !known.contains(&key.as_str()) && was.get(key) != is.get(key) {
            keywords::unknown(c, key);
        }
    }
    if let (Some(Value::Object(was)), Some(Value::Object(is))) = (was.get("names"), is.get("names")) {
        out.insert("names".into(), names(c, was, is).into());
    }
    out
}

fn identity(c: &mut Collector<'_>, old: &Definition, new: &Definition) {
    let say = |of: &Definition, pointer: &str| {
        let mut at = pointer.split('/').skip(1);
        let first = at.next().and_then(|key| of.spec().get(key));
        at.fold(first, |value, key| value?.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    for (pointer, rule, what) in IDENTITY {
        let (was, is) = (say(old, pointer), say(new, pointer));
        if was != is {
            c.find(
                rule,
                No,
                format!("{what} changes from {was} to {is}: that is another kind; bring it as a definition of its own"),
            );
        }
    }
}

fn group(c: &mut Collector<'_>, new: &Definition) {
    if let Some(base) = new.protected() {
        c.find(
            "group-protected",
            No,
            format!("kinds of {base} and below are not a release's to bring; use a group of your own domain"),
        );
    }
}

fn conversion(c: &mut Collector<'_>, old: &Definition, new: &Definition) {
    let (was, is) = (old.conversion(), new.conversion());
    if is != "None" {
        c.find("conversion-strategy", No, format!(
            "conversion {is} would send every tenant's objects to one webhook on each read and write; use None, with new optional fields, or a new version whose schema holds both"
        ));
    } else if was != is {
        c.find("conversion-removed", Convert, format!(
            "the cluster converts with {was}: without it stored objects would be read as they are in every version; keep that operator's versions out of a fleet until all is stored in one"
        ));
    }
}

/// `preserveUnknownFields`: everything is kept, described or not.
fn kept_whole(c: &mut Collector<'_>, old: &Definition, new: &Definition) {
    let keeps = |of: &Definition| of.spec().get("preserveUnknownFields") == Some(&Value::Bool(true));
    if keeps(new) {
        c.find(
            "preserve-unknown-fields",
            No,
            "preserveUnknownFields is true: nothing is known of what is stored; describe the fields and leave it out",
        );
    } else if keeps(old) {
        c.find("preserve-unknown-fields", No, "the cluster's definition keeps unknown fields, and they would be lost; describe all that is stored and set preserveUnknownFields to false by hand first");
    }
}

/// Names that people type; what identifies the kind stays.
fn names(c: &mut Collector<'_>, old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut out = old.clone();
    for key in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (was, is) = (old.get(key), new.get(key));
        let take = match key.as_str() {
            _ if was == is => continue,
            "kind" | "plural" | "listKind" => false,
            "shortNames" | "categories" | "singular" if keywords::set(was).is_subset(&keywords::set(is)) => {
                c.find("names-changed", Ok, format!("{key}: names that people type"))
            }
            "shortNames" | "categories" => {
                c.find("names-removed", Ok, format!("{key}: who types one that goes must learn another"))
            }
            _ => keywords::unknown(c, key),
        };
        if take {
            out.remove(key);
            super::walk::put(&mut out, key, is.cloned());
        }
    }
    out
}
