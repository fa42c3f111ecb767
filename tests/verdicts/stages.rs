//! What a definition becomes on its way, for the operator that every example of this program has: 1.0.0, then an optional
//! field, then a second version with a wider bound, then that version alone.
use leasehold::{
    domain::crd::Definition,
    plan::crds::{Finding, Stage, Verdict},
};
use serde_json::{Value, json};

use crate::build::{STAGES, at, between, definition, spec_of, version, with};

fn spec(maximum: u8, optional: &[&str]) -> Value {
    let mut spec = json!({
        "type": "object", "required": ["size"],
        "properties": {"size": {"type": "integer", "minimum": 1, "maximum": maximum}},
    });
    for field in optional {
        spec["properties"][field] = json!({"type": "string", "maxLength": 63});
    }
    spec
}

fn first() -> Definition {
    definition(&[version("v1alpha1", "sS", &spec(5, &[]))])
}

fn field() -> Definition {
    definition(&[version("v1alpha1", "sS", &spec(5, &["image"]))])
}

fn second() -> Definition {
    definition(&[version("v1alpha1", "s", &spec(5, &["image"])), version("v1", "sS", &spec(9, &["image", "zone"]))])
}

fn third() -> Definition {
    definition(&[version("v1", "sS", &spec(9, &["image", "zone"]))])
}

/// Version, path, rule and verdict of what is more than Ok.
fn serious(old: &Definition, new: &Definition) -> Vec<(String, String, &'static str, Verdict)> {
    let of = |f: Finding| (f.version, f.path, f.rule, f.verdict);
    between(old, new).all.into_iter().filter(|f| f.verdict != Verdict::Ok).map(of).collect()
}

#[test]
fn an_optional_field_is_there_at_once() {
    assert_eq!(serious(&first(), &field()), []);
    for stage in STAGES {
        assert_eq!(at(&first(), &field(), stage).definition, field());
    }
}

#[test]
fn a_new_version_comes_with_the_old_bound_and_every_field() {
    let expanded = at(&field(), &second(), Stage::Expand).definition;
    assert_eq!(spec_of(&expanded, "v1alpha1"), &spec(5, &["image", "zone"]));
    assert_eq!(spec_of(&expanded, "v1"), &spec(5, &["image", "zone"]));
    let served: Vec<_> = expanded.versions().map(|v| (v.name, v.served, v.storage)).collect();
    assert_eq!(served, [("v1alpha1", true, true), ("v1", true, false)]);
}

#[test]
fn the_wider_bound_waits_for_the_last_old_operator_and_the_storage_for_a_step_of_its_own() {
    let gates = [
        ("v1".to_owned(), String::new(), "storage-changed", Verdict::Gate),
        ("v1".to_owned(), "spec.size".to_owned(), "maximum-loosened", Verdict::Gate),
    ];
    assert_eq!(serious(&field(), &second()), gates);
    let unlocked = at(&field(), &second(), Stage::Unlock).definition;
    assert_eq!(spec_of(&unlocked, "v1"), &spec(9, &["image", "zone"]));
    assert_eq!(spec_of(&unlocked, "v1alpha1"), &spec(5, &["image", "zone"]));
    assert_eq!(unlocked.storage(), "v1alpha1");
    assert_eq!(at(&field(), &second(), Stage::Flip).definition.storage(), "v1");
}

#[test]
fn each_stage_that_changes_something_is_one_write() {
    let mut live = first();
    let mut writes = 0;
    for target in [field(), second(), third()] {
        for stage in STAGES {
            let next = at(&live, &target, stage).definition;
            writes += u8::from(next != live);
            live = next;
        }
    }
    // The field; the version, the bound, the storage; deprecated, no longer served, gone.
    assert_eq!((writes, live), (7, third()));
}

#[test]
fn a_default_and_a_requirement_wait_apart_from_their_field() {
    let mut own = spec(5, &["image"]);
    own["properties"]["image"]["default"] = json!("memcached:1.6");
    own["required"] = json!(["image", "size"]);
    let target = definition(&[version("v1alpha1", "sS", &own)]);
    assert_eq!(at(&first(), &target, Stage::Expand).definition, field());
    assert_eq!(at(&first(), &target, Stage::Unlock).definition, target);
}

#[test]
fn what_goes_is_kept_until_the_last_stage_and_may_be_left_out_before() {
    let smaller = definition(&[version(
        "v1alpha1",
        "sS",
        &json!({"type": "object", "properties": {"image": {"type": "string", "maxLength": 63}}}),
    )]);
    let kept = at(&field(), &smaller, Stage::Unserve).definition;
    assert_eq!(spec_of(&kept, "v1alpha1")["properties"], spec(5, &["image"])["properties"]);
    assert_eq!(spec_of(&kept, "v1alpha1").get("required"), None);
    assert_eq!(at(&field(), &smaller, Stage::Expand).definition, field());
    assert_eq!(at(&field(), &smaller, Stage::Drop).definition, smaller);
}

#[test]
fn a_field_of_another_version_is_carried_without_its_default_and_unrequired() {
    let mut own = spec(5, &["image"]);
    own["properties"]["image"]["default"] = json!("memcached:1.6");
    own["required"] = json!(["image", "size"]);
    let two = definition(&[version("v1alpha1", "sS", &spec(5, &[])), version("v1", "s", &own)]);
    let dropped = at(&two, &two, Stage::Drop).definition;
    assert_eq!(spec_of(&dropped, "v1alpha1"), &spec(5, &["image"]));
    assert_eq!(spec_of(&dropped, "v1"), &own);
}

#[test]
fn what_is_refused_says_what_would_avoid_it() {
    let mut own = spec(5, &[]);
    own["properties"]["size"] = json!({"type": "string"});
    let refused = at(&first(), &definition(&[version("v1alpha1", "sS", &own)]), Stage::Drop);
    assert_eq!(refused.definition.spec(), first().spec());
    let why = &refused.findings.refusing().next().unwrap().why;
    assert!(why.contains("add a new optional field") && why.contains("a new version whose schema holds both"), "{why}");
}

#[test]
fn what_another_writer_set_beside_the_versions_stays() {
    let live = with(&first(), "/names/categories", json!(["all"]));
    let target = with(&field(), "/names/categories", json!(["all"]));
    assert_eq!(at(&live, &target, Stage::Expand).definition.spec()["names"]["categories"], json!(["all"]));
}
