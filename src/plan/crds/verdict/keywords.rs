//! Keywords that stand for themselves: the new value, or the old one, whole. A keyword that is not known here is refused.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    bounds, branches,
    collect::{Collector, short},
    finding::Verdict::{Contract, Convert, Gate, No, Ok, Scan},
    walk::either,
};

/// What a keyword becomes.
pub(super) fn leaf(c: &mut Collector<'_>, keyword: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Value> {
    let take = bounds::count(c, keyword, old, new).unwrap_or_else(|| match keyword {
        "description" | "title" | "example" | "externalDocs" => c.find("text-changed", Ok, "a text for people"),
        "enum" => enumeration(c, old, new),
        "format" => format(c, old, new),
        "pattern" => pattern(c, new),
        "multipleOf" => bounds::multiple(c, old, new),
        "nullable" => nullable(c, new),
        "oneOf" | "anyOf" | "allOf" => branches::branches(c, keyword, old, new),
        "not" => branches::not(c, new),
        "x-kubernetes-preserve-unknown-fields" => preserve(c, new),
        "x-kubernetes-embedded-resource" => embedded(c, new),
        "x-kubernetes-list-type" => merged_as(c, "list-type-changed", "atomic", old, new),
        "x-kubernetes-map-type" => merged_as(c, "map-type-changed", "granular", old, new),
        "x-kubernetes-list-map-keys" => keys(c, old, new),
        _ => unknown(c, keyword),
    });
    either(take, old, new)
}

pub(super) fn unknown(c: &mut Collector<'_>, keyword: &str) -> bool {
    let keyword = short(keyword, 80);
    c.find(
        "unknown-keyword",
        No,
        format!("{keyword:?} changes, and what that does is not known here: leave it as it is"),
    )
}

/// A default. It is there at once in all that is read, also by old operators.
pub(super) fn default(c: &mut Collector<'_>, old: Option<&Value>, new: Option<&Value>, judged: bool) -> Option<Value> {
    let take = match (old, new) {
        (None, _) if judged => c.find(
            "default-added", Scan,
            "a default fills the field in every object, and a rule above it may then refuse one; leave the default to the operator",
        ),
        (None, _) => c.find("default-added", Gate, "a default fills the field in every object at once, for old operators too"),
        (_, None) => c.find("default-removed", Scan, "objects that relied on the default lose the value; keep the default, or write the value first"),
        _ => c.find("default-changed", Scan, "objects that relied on the default change their value, under old operators too; keep the default, or write the value first"),
    };
    either(take, old, new)
}

/// An enum's values, each as its JSON.
pub(super) fn set(values: Option<&Value>) -> BTreeSet<String> {
    values.and_then(Value::as_array).into_iter().flatten().map(Value::to_string).collect()
}

fn enumeration(c: &mut Collector<'_>, old: Option<&Value>, new: Option<&Value>) -> bool {
    let (was, is) = (set(old), set(new));
    if new.is_none() {
        return c.find(
            "enum-removed",
            Gate,
            "any value is allowed: an old operator cannot read one that it does not know",
        );
    }
    if old.is_none() {
        return c.find(
            "enum-added",
            Scan,
            "only some values are allowed where any was: a stored object may hold another; let the operator judge it",
        );
    }
    let mut take = true;
    if let Some(gone) = was.difference(&is).next() {
        take &= c.find("enum-value-removed", Scan, format!("{} of the values go, as {}: a stored object may hold one; keep the value, and let the operator refuse it", was.difference(&is).count(), short(gone, 60)));
    }
    if let Some(more) = is.difference(&was).next() {
        take &= c.find(
            "enum-value-added",
            Gate,
            format!(
                "{} more values are allowed, as {}: an old operator cannot read one that it does not know",
                is.difference(&was).count(),
                short(more, 60)
            ),
        );
    }
    if was == is { c.find("enum-reordered", Ok, "the same values in another order") } else { take }
}

fn format(c: &mut Collector<'_>, old: Option<&Value>, new: Option<&Value>) -> bool {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let (was, is) = (text(old), text(new));
    match (&*was, &*is) {
        (_, "") => {
            c.find("format-removed", Gate, "any text is allowed: an old operator cannot read one that it does not know")
        }
        ("int32", "int64") | ("float", "double") => {
            c.find("format-loosened", Gate, "more numbers are allowed: an old operator may not hold them")
        }
        _ => c.find(
            "format-tightened",
            Scan,
            "a stored object may hold a value that is not of this format; leave it out, or add a new optional field",
        ),
    }
}

fn pattern(c: &mut Collector<'_>, new: Option<&Value>) -> bool {
    if new.is_none() {
        return c.find(
            "pattern-removed",
            Gate,
            "any text is allowed: an old operator cannot read one that it does not know",
        );
    }
    c.find("pattern-tightened", Scan, "whether the pattern allows all that the old one did is not known: a stored object may hold something else; keep it, or add a new optional field")
}

fn nullable(c: &mut Collector<'_>, new: Option<&Value>) -> bool {
    if new == Some(&json!(true)) {
        return c.find("nullable-added", Gate, "null is allowed: an old operator may not be able to read it");
    }
    c.find(
        "nullable-removed",
        Scan,
        "null is no longer allowed: a stored object may hold it; keep it, and let the operator refuse it",
    )
}

fn preserve(c: &mut Collector<'_>, new: Option<&Value>) -> bool {
    if new.is_some() {
        return c.find(
            "preserve-unknown-added",
            Gate,
            "fields that nobody described are kept: an old operator may not be able to read them",
        );
    }
    c.find("preserve-unknown-removed", Contract, "fields that nobody described would be hidden at once and lost at the next write; kept until a release contracts")
}

fn embedded(c: &mut Collector<'_>, new: Option<&Value>) -> bool {
    if new.is_some() {
        return c.find(
            "embedded-resource-added",
            Scan,
            "this must be a Kubernetes object with apiVersion and kind: a stored one may not be",
        );
    }
    c.find("embedded-resource-removed", Contract, "apiVersion, kind and metadata would no longer be kept here unless they are described; kept until a release contracts")
}

/// How two writers of one list or map are merged.
fn merged_as(
    c: &mut Collector<'_>,
    rule: &'static str,
    default: &'static str,
    old: Option<&Value>,
    new: Option<&Value>,
) -> bool {
    let say = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or(default).to_owned();
    let (was, is) = (say(old), say(new));
    if was == is {
        return c.find("default-spelled-out", Ok, "said otherwise, with the same meaning");
    }
    c.find(rule, Convert, format!(
        "from {} to {}: who owns what in stored objects, and how they are merged, would change under every operator; add a new optional field beside it, or a new version whose schema holds both",
        short(&was, 20), short(&is, 20)
    ))
}

fn keys(c: &mut Collector<'_>, old: Option<&Value>, new: Option<&Value>) -> bool {
    if set(old) == set(new) {
        return c.find("keys-reordered", Ok, "the same keys in another order");
    }
    c.find("list-map-keys-changed", Convert, "which entries of the list are the same one would change; add a new optional field beside it, or a new version whose schema holds both")
}
