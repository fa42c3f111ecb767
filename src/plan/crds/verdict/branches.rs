//! `oneOf`, `anyOf`, `allOf`, `not` and the rules of `x-kubernetes-validations`: compared as sets, each member whole, by what it
//! means. A member that changed is one gone and one added.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    collect::{Collector, short},
    finding::Verdict::{self, Gate, Ok, Scan},
    keywords::set,
};
use crate::domain::crd::fingerprint::{Fingerprint, of_literal, of_schema};

/// Pairs of branches that are looked at to show that no object matches both: more are not worth the time.
const MOST_PAIRS: usize = 10_000;

const TIGHTER: &str = "a stored object may not match; leave it out, and let the operator judge it";

/// The members that both lists have, and those that only this one has, each as often as it has it more.
fn split<'a>(
    list: &'a [Value],
    other: &[Value],
    of: impl Fn(&Value) -> Fingerprint,
) -> (Vec<&'a Value>, Vec<&'a Value>) {
    let mut left: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    for value in other {
        *left.entry(of(value)).or_default() += 1;
    }
    list.iter().partition(|value| match left.get_mut(&of(value)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    })
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn branches(c: &mut Collector<'_>, keyword: &str, old: Option<&Value>, new: Option<&Value>) -> bool {
    let (was, is) = (list(old), list(new));
    let ((_, gone), (_, more)) = (split(was, is, of_schema), split(is, was, of_schema));
    let [tightened, loosened] = match keyword {
        "oneOf" => ["one-of-tightened", "one-of-loosened"],
        "anyOf" => ["any-of-tightened", "any-of-loosened"],
        _ => ["all-of-tightened", "all-of-loosened"],
    };
    if gone.is_empty() && more.is_empty() {
        return c.find("branches-reordered", Ok, "the same branches in another order");
    }
    let said = |n: usize, done: &str, why: &str| format!("{keyword}: {n} of its branches {done}: {why}");
    let mut take = true;
    if !gone.is_empty() {
        let looser = is.is_empty() || keyword == "allOf";
        let (rule, verdict, why) = if looser { (loosened, Gate, LOOSER) } else { (tightened, Scan, TIGHTER) };
        take &= c.find(rule, verdict, said(gone.len(), "go", why));
    }
    if !more.is_empty() {
        let (rule, verdict, why) = match keyword {
            _ if was.is_empty() => (tightened, Scan, TIGHTER),
            "allOf" => (tightened, Scan, TIGHTER),
            "oneOf" if !apart(was, &more) => (
                tightened,
                Scan,
                "a stored object may match two now; let each branch require one field, with other values in each",
            ),
            _ => (loosened, Gate, LOOSER),
        };
        take &= c.find(rule, verdict, said(more.len(), "are new", why));
    }
    take
}

const LOOSER: &str = "more is allowed: an old operator cannot read what it does not know";

/// Whether no object can match both one of these and one of those: each pair requires one field, with values of its own.
fn apart(these: &[Value], those: &[&Value]) -> bool {
    if these.len().saturating_mul(those.len()) > MOST_PAIRS {
        return false;
    }
    let (these, those): (Vec<_>, Vec<_>) =
        (these.iter().map(pinned).collect(), those.iter().map(|b| pinned(b)).collect());
    let differ =
        |a: &Pinned, b: &Pinned| a.iter().any(|(field, values)| b.get(field).is_some_and(|o| o.is_disjoint(values)));
    those.iter().all(|b| these.iter().all(|a| differ(a, b)))
}

type Pinned<'a> = BTreeMap<&'a str, BTreeSet<String>>;

/// The fields that a branch requires, with the values it allows for each.
fn pinned(branch: &Value) -> Pinned<'_> {
    let required = list(branch.get("required")).iter().filter_map(Value::as_str);
    let values = |name| branch.get("properties").and_then(|fields: &Value| fields.get(name)?.get("enum"));
    required.filter_map(|name| values(name).map(|values| (name, set(Some(values))))).collect()
}

pub(super) fn not(c: &mut Collector<'_>, new: Option<&Value>) -> bool {
    match new {
        None => c.find("not-loosened", Gate, LOOSER),
        Some(_) => c.find("not-tightened", Scan, format!("not: {TIGHTER}")),
    }
}

/// A rule by what it decides: its message, reason and path are for people.
fn decides(rule: &Value) -> Fingerprint {
    let mut decides = rule.clone();
    if let Value::Object(decides) = &mut decides {
        decides.retain(|key, _| !["message", "messageExpression", "reason", "fieldPath"].contains(&key.as_str()));
    }
    of_literal(&decides)
}

/// The rules of a node: each comes and goes by itself; what stays takes the new one's words.
pub(super) fn rules(c: &mut Collector<'_>, old: Option<&Value>, new: Option<&Value>) -> Option<Value> {
    let (was, is) = (list(old), list(new));
    let ((_, gone), (stay, more)) = (split(was, is, decides), split(is, was, decides));
    let find = |c: &mut Collector<'_>, rule, verdict: Verdict, of: &Value, why: &str| {
        let text = of.get("rule").and_then(Value::as_str).unwrap_or_default();
        c.find(rule, verdict, format!("the rule {:?}: {why}", short(text, 100)))
    };
    if split(is, was, of_literal).1.len() > more.len() {
        c.find("rule-reworded", Ok, "another message for the same rule");
    }
    let gone = gone.into_iter().filter(|rule| !find(c, "rule-removed", Gate, rule, LOOSER));
    let mut kept: Vec<_> = stay.into_iter().chain(gone.collect::<Vec<_>>()).cloned().collect();
    kept.extend(more.into_iter().filter(|rule| find(c, "rule-added", Scan, rule, TIGHTER)).cloned());
    (!kept.is_empty()).then(|| kept.into())
}
