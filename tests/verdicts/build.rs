//! Definitions in a few words.
use leasehold::{
    domain::crd::Definition,
    plan::crds::{Finding, Findings, Merged, Stage, Verdict, Waivers, compare, merge},
};
use serde_json::{Value, json};

pub const STAGES: [Stage; 6] =
    [Stage::Expand, Stage::Unlock, Stage::Flip, Stage::Deprecate, Stage::Unserve, Stage::Drop];

/// A version with that schema of its spec; the first letter of its marks: `s`erved, `S`tored.
pub fn version(name: &str, marks: &str, spec: &Value) -> Value {
    json!({
        "name": name, "served": marks.contains('s'), "storage": marks.contains('S'),
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
    })
}

/// A whole CustomResourceDefinition.
pub fn object(versions: &[Value]) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "caches.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"kind": "Cache", "plural": "caches"}, "versions": versions,
        },
    })
}

pub fn definition(versions: &[Value]) -> Definition {
    read(&object(versions))
}

pub fn read(object: &Value) -> Definition {
    Definition::parse(object).unwrap()
}

/// One version, `v1`, with that schema of its spec.
pub fn of_spec(spec: &Value) -> Definition {
    definition(&[version("v1", "sS", spec)])
}

/// The same with something else set in it.
pub fn with(definition: &Definition, pointer: &str, value: Value) -> Definition {
    let mut spec = Value::Object(definition.spec().clone());
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = spec.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(key)
    } else {
        parent.insert(key.into(), value)
    };
    let Value::Object(spec) = spec else { unreachable!() };
    let name = format!("{}.{}", spec["names"]["plural"].as_str().unwrap(), spec["group"].as_str().unwrap());
    Definition::of(&name, spec).unwrap()
}

pub fn none() -> Waivers {
    Waivers::default()
}

pub fn waive(text: &str) -> Waivers {
    Waivers::parse(text).unwrap()
}

pub fn between(old: &Definition, new: &Definition) -> Findings {
    compare(old, new, &none())
}

pub fn at(live: &Definition, target: &Definition, stage: Stage) -> Merged {
    merge(live, target, stage, &none())
}

/// `path rule Verdict` of each finding, sorted.
pub fn told(findings: &Findings) -> Vec<String> {
    let one = |f: &Finding| format!("{} {} {:?}", f.path, f.rule, f.verdict);
    let mut all: Vec<_> = findings.all.iter().map(one).collect();
    all.sort();
    all
}

pub fn all_ok(findings: &Findings) -> bool {
    findings.omitted == 0 && findings.all.iter().all(|finding| finding.verdict == Verdict::Ok)
}

/// The schema of a version's spec.
pub fn spec_of<'a>(definition: &'a Definition, version: &str) -> &'a Value {
    &definition.version(version).unwrap().schema["properties"]["spec"]
}
