//! The rows of the table on versions, subresources, columns and selectable fields.
use leasehold::{domain::crd::Definition, plan::crds::Stage};
use serde_json::{Value, json};

use crate::build::{STAGES, at, between, definition, of_spec, spec_of, told, version, with};

fn spec(fields: &[&str]) -> Value {
    let fields: serde_json::Map<_, _> =
        fields.iter().map(|field| ((*field).to_owned(), json!({"type": "string"}))).collect();
    json!({"type": "object", "properties": fields})
}

fn one() -> Definition {
    of_spec(&spec(&["a"]))
}

/// There and back, and at which stage the change is taken.
fn taken(pointer: &str, value: Value, there: &[&str], back: &[&str]) -> (Option<Stage>, Option<Stage>) {
    let (old, new) = (one(), with(&one(), pointer, value));
    assert_eq!(told(&between(&old, &new)), there);
    assert_eq!(told(&between(&new, &old)), back, "back");
    let first = |from, to: &Definition| STAGES.into_iter().find(|stage| at(from, to, *stage).definition == *to);
    (first(&old, &new), first(&new, &old))
}

#[test]
fn the_status_subresource_comes_when_no_old_operator_is_left_and_goes_last() {
    let (there, back) = taken(
        "/versions/0/subresources",
        json!({"status": {}}),
        &[" status-added Gate"],
        &[" status-removed Contract"],
    );
    assert_eq!((there, back), (Some(Stage::Unlock), Some(Stage::Drop)));
}

#[test]
fn the_scale_subresource_comes_at_once_and_goes_last() {
    let scale = json!({"scale": {"specReplicasPath": ".spec.a", "statusReplicasPath": ".status.a"}});
    let (there, back) = taken("/versions/0/subresources", scale, &[" scale-added Ok"], &[" scale-removed Contract"]);
    assert_eq!((there, back), (Some(Stage::Expand), Some(Stage::Drop)));
    let scaled = |path: &str| with(&one(), "/versions/0/subresources", json!({"scale": {"specReplicasPath": path}}));
    assert_eq!(told(&between(&scaled(".spec.a"), &scaled(".spec.b"))), [" scale-changed Gate"]);
}

#[test]
fn fields_to_select_by_come_at_once_and_go_last() {
    let fields = json!([{"jsonPath": ".spec.a"}]);
    let (there, back) = taken(
        "/versions/0/selectableFields",
        fields,
        &[" selectable-field-added Ok"],
        &[" selectable-field-removed Contract"],
    );
    assert_eq!((there, back), (Some(Stage::Expand), Some(Stage::Drop)));
    let by = |paths: &[&str]| {
        let fields: Vec<_> = paths.iter().map(|path| json!({"jsonPath": path})).collect();
        with(&one(), "/versions/0/selectableFields", json!(fields))
    };
    assert_eq!(told(&between(&by(&[".a", ".b"]), &by(&[".b", ".a"]))), [""; 0]);
    assert_eq!(
        told(&between(&by(&[".a", ".b"]), &by(&[".b", ".c"]))),
        [" selectable-field-added Ok", " selectable-field-removed Contract"]
    );
}

#[test]
fn columns_and_warnings_change_at_once() {
    let columns = json!([{"name": "A", "type": "string", "jsonPath": ".spec.a", "priority": 0}]);
    let ok: &[&str] = &[" columns-changed Ok"];
    assert_eq!(
        taken("/versions/0/additionalPrinterColumns", columns, ok, ok),
        (Some(Stage::Expand), Some(Stage::Expand))
    );
    let ok: &[&str] = &[" deprecation-changed Ok"];
    assert_eq!(taken("/versions/0/deprecated", json!(true), ok, ok), (Some(Stage::Expand), Some(Stage::Expand)));
}

#[test]
fn a_version_with_the_same_schema_is_added_at_once() {
    let two = definition(&[version("v1", "sS", &spec(&["a"])), version("v2", "s", &spec(&["a"]))]);
    assert_eq!(told(&between(&one(), &two)), [" version-added Ok"]);
    assert_eq!(at(&one(), &two, Stage::Expand).definition, two);
}

#[test]
fn a_version_with_other_fields_is_added_once_each_carries_all() {
    let two = definition(&[version("v1", "sS", &spec(&["a"])), version("v2", "s", &spec(&["a", "b"]))]);
    let found = told(&between(&one(), &two));
    assert_eq!(found, [" version-added Ok", "spec.b field-added Ok", "spec.b field-added Ok"]);
    let expanded = at(&one(), &two, Stage::Expand).definition;
    assert_eq!(spec_of(&expanded, "v1"), &spec(&["a", "b"]));
    assert_eq!(spec_of(&expanded, "v2"), &spec(&["a", "b"]));
}

#[test]
fn versions_that_disagree_on_a_field_are_refused() {
    let clash = |spec: Value| {
        let two = definition(&[
            version("v1", "sS", &json!({"type": "object", "properties": {"a": {"type": "string"}}})),
            version("v2", "s", &spec),
        ]);
        let found = between(&one(), &two);
        let clash = found.all.into_iter().find(|finding| finding.rule == "versions-clash").unwrap();
        assert_eq!((&*clash.path, &*clash.version), ("spec.a", "v2"));
        assert_eq!(at(&one(), &two, Stage::Expand).definition.spec(), one().spec());
    };
    for field in [json!({"type": "integer"}), json!({"type": "object"}), json!({"x-kubernetes-int-or-string": true})] {
        clash(json!({"type": "object", "properties": {"a": field}}));
    }
}

#[test]
fn versions_that_disagree_on_how_a_list_is_merged_are_refused() {
    let list = |kind: &str| json!({"type": "object", "properties": {"a": {"type": "array", "x-kubernetes-list-type": kind, "items": {"type": "string"}}}});
    let two = definition(&[version("v1", "sS", &list("set")), version("v2", "s", &list("atomic"))]);
    assert!(told(&between(&two, &two)).contains(&"spec.a versions-clash No".to_owned()));
}

#[test]
fn a_version_that_comes_with_the_storage_is_split_into_steps() {
    let two = definition(&[version("v1", "s", &spec(&["a"])), version("v2", "sS", &spec(&["a"]))]);
    assert_eq!(told(&between(&one(), &two)), [" storage-changed Gate", " version-added Ok"]);
    for stage in STAGES {
        let stored = at(&one(), &two, stage).definition;
        assert_eq!(stored.storage(), if stage < Stage::Flip { "v1" } else { "v2" }, "{stage:?}");
    }
}

#[test]
fn a_version_goes_in_the_last_stages() {
    let two = definition(&[version("v1", "s", &spec(&["a"])), version("v2", "sS", &spec(&["a"]))]);
    let v2 = definition(&[version("v2", "sS", &spec(&["a"]))]);
    let unserved = definition(&[version("v1", "", &spec(&["a"])), version("v2", "sS", &spec(&["a"]))]);
    assert_eq!(told(&between(&two, &v2)), [" version-removed Contract"]);
    assert_eq!(told(&between(&two, &unserved)), [" version-unserved Contract"]);
    assert_eq!(told(&between(&unserved, &two)), [" version-served Ok"]);
    for stage in STAGES {
        let merged = at(&two, &v2, stage).definition;
        let v1 = merged.version("v1").map(|version| (version.served, version.deprecated));
        let wanted = match stage {
            Stage::Expand | Stage::Unlock | Stage::Flip => Some((true, false)),
            Stage::Deprecate => Some((true, true)),
            Stage::Unserve => Some((false, true)),
            Stage::Drop => None,
        };
        assert_eq!(v1, wanted, "{stage:?}");
        assert_eq!(at(&two, &unserved, stage).definition.version("v1").unwrap().served, stage < Stage::Unserve);
    }
}
