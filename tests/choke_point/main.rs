//! The choke point: a good stack passes; one bad thing in it is found, with its object and field; each security lesson holds.
#[path = "../stack/mod.rs"]
mod stack;

mod lessons;
mod pods;
mod quotas;
mod rights;
mod rules;

use leasehold::plan::{
    choke_point::{Finding, RuleId, Scope, check},
    render::Manifest,
};
use serde_json::{Value, json};
use stack::{context, rendered, scope};

/// The standard stack of tenant `foo`, to be made worse.
fn good() -> Vec<Manifest> {
    rendered(&context())
}

/// The object of this kind.
fn of<'m>(manifests: &'m mut [Manifest], kind: &str) -> &'m mut Value {
    &mut manifests.iter_mut().find(|m| m.kind() == kind).expect("the stack has one").value
}

/// Sets the field at a path such as `spec.containers.0.image`, making maps on the way.
fn set(value: &mut Value, path: &str, to: Value) {
    let at = path.split('.').fold(value, |value, step| match (value, step.parse::<usize>()) {
        (Value::Array(items), Ok(index)) => &mut items[index],
        (other, _) => {
            if !other.is_object() {
                *other = json!({});
            }
            &mut other[step.replace('~', ".")]
        }
    });
    *at = to;
}

/// Removes the field at a path.
fn remove(value: &mut Value, path: &str) {
    let (parent, field) = path.rsplit_once('.').expect("a path with a parent");
    let pointer = format!("/{}", parent.replace('.', "/"));
    value.pointer_mut(&pointer).and_then(Value::as_object_mut).expect("a map").remove(&field.replace('~', "."));
}

fn object(value: Value) -> Manifest {
    Manifest::new(value).expect("an object")
}

/// A finding, without its words.
type Found = (RuleId, String, String);

fn short(findings: &[Finding]) -> Vec<Found> {
    findings.iter().map(|f| (f.rule, f.object.clone(), f.field.clone())).collect()
}

/// What is found when the good stack is changed like this.
fn found_after(change: impl FnOnce(&mut Vec<Manifest>, &mut Scope)) -> Vec<Found> {
    let (mut manifests, mut scope) = (good(), scope());
    change(&mut manifests, &mut scope);
    let findings = check(&manifests, &scope);
    for finding in &findings {
        assert!(!finding.why.is_empty() && !finding.fix.is_empty(), "{finding} says why and what to do");
    }
    short(&findings)
}

fn one(rule: RuleId, object: &str, field: &str) -> Vec<Found> {
    vec![(rule, object.to_owned(), field.to_owned())]
}

#[test]
fn a_good_stack_passes() {
    assert_eq!(found_after(|_, _| {}), []);
}
