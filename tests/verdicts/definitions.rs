//! Reading a definition, what it means, and the rows of the table on the definition itself.
use leasehold::{domain::crd::Definition, plan::crds::Verdict};
use serde_json::{Value, json};

use crate::build::{STAGES, at, between, object, of_spec, read, told, version, with};

fn plain() -> Definition {
    of_spec(&json!({"type": "object", "properties": {"size": {"type": "integer"}}}))
}

fn found(pointer: &str, value: Value) -> Vec<String> {
    told(&between(&plain(), &with(&plain(), pointer, value)))
}

#[test]
fn what_the_api_server_fills_in_means_nothing() {
    let bare = object(&[version("v1", "sS", &json!({"type": "object"}))]);
    let mut full = bare.clone();
    full["spec"]["names"] =
        json!({"kind": "Cache", "plural": "caches", "singular": "cache", "listKind": "CacheList", "shortNames": []});
    full["spec"]["conversion"] = json!({"strategy": "None"});
    full["spec"]["preserveUnknownFields"] = json!(false);
    full["spec"]["versions"][0]["deprecated"] = json!(false);
    full["spec"]["versions"][0]["subresources"] = json!({});
    full["status"] = json!({"storedVersions": ["v1"]});
    full["metadata"]["uid"] = json!("1");
    assert_eq!(read(&bare).digest(), read(&full).digest());
    assert_eq!(read(&bare).spec(), read(&full).spec());
    assert_eq!(told(&between(&read(&bare), &read(&full))), [""; 0]);
}

#[test]
fn what_is_not_known_is_kept() {
    let mut unknown = object(&[version("v1", "sS", &json!({"type": "object", "x-future": {"a": [1]}}))]);
    unknown["spec"]["future"] = json!({"a": 1});
    let read = read(&unknown);
    assert_eq!(read.spec()["future"], json!({"a": 1}));
    assert_eq!(read.version("v1").unwrap().schema["properties"]["spec"]["x-future"], json!({"a": [1]}));
}

#[test]
fn what_differs_in_meaning_differs_in_digest() {
    let one = |spec: Value| of_spec(&json!({"type": "object", "properties": {"f": spec}})).digest();
    let all = [
        one(json!({"type": "string"})),
        one(json!({"type": "string", "description": "a"})),
        one(json!({"type": "string", "enum": ["a", "b"]})),
        one(json!({"type": "string", "default": "a"})),
        one(json!({"type": "array", "items": {"type": "string"}, "default": ["a", "b"]})),
        one(json!({"type": "array", "items": {"type": "string"}, "default": ["b", "a"]})),
        with(&plain(), "/names/shortNames", json!(["c"])).digest(),
        with(&plain(), "/versions/0/served", json!(false)).digest(),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    let enumeration = |values: Value| one(json!({"type": "string", "enum": values}));
    assert_eq!(enumeration(json!(["a", "b"])), enumeration(json!(["b", "a"])));
}

#[test]
fn what_is_no_definition_is_said_to_be_none() {
    let whole = || object(&[version("v1", "sS", &json!({"type": "object"}))]);
    let refused = |pointer: &str, value: Value| {
        let mut object = whole();
        *object.pointer_mut(pointer).unwrap() = value;
        Definition::parse(&object).unwrap_err()
    };
    for (pointer, value, why) in [
        ("/apiVersion", json!("apiextensions.k8s.io/v1beta1"), "apiVersion is apiextensions.k8s.io/v1beta1"),
        ("/kind", json!("Tenant"), "kind is Tenant"),
        ("/metadata/name", json!("other.example.com"), "must be caches.example.com"),
        ("/metadata/name", json!(null), "has no metadata.name"),
        ("/spec", json!([]), "has no spec"),
        ("/spec/group", json!(""), "has no spec.group"),
        ("/spec/names/kind", json!(7), "has no spec.names.kind"),
        ("/spec/scope", json!("Everywhere"), "neither Namespaced nor Cluster"),
        ("/spec/versions", json!([]), "has no spec.versions"),
        ("/spec/versions", json!([{}]), "spec.versions[0] has no name"),
        ("/spec/versions", json!([{"name": "v1"}, {"name": "v1"}]), "names v1 twice"),
    ] {
        let said = refused(pointer, value);
        assert!(said.contains(why), "{pointer}: {said}");
    }
}

#[test]
fn what_identifies_a_kind_never_changes() {
    assert_eq!(found("/scope", json!("Cluster")), [" scope-changed No"]);
    assert_eq!(found("/names/kind", json!("Store")), [" kind-changed No"]);
    assert_eq!(found("/names/plural", json!("stores")), [" plural-changed No"]);
    assert_eq!(found("/names/listKind", json!("Caches")), [" list-kind-changed No"]);
    assert_eq!(found("/group", json!("other.com")), [" group-changed No"]);
}

#[test]
fn kinds_of_kubernetes_and_of_leasehold_are_no_ones_to_bring() {
    for group in ["k8s.io", "apps.k8s.io", "policy.kubernetes.io", "leasehold.dev"] {
        let own = with(&plain(), "/group", json!(group));
        assert_eq!(told(&between(&own, &own)), [" group-protected No"], "{group}");
    }
    assert_eq!(found("/group", json!("notk8s.io")), [" group-changed No"]);
}

#[test]
fn names_that_people_type_change_at_once() {
    assert_eq!(found("/names/shortNames", json!(["c"])), [" names-changed Ok"]);
    assert_eq!(found("/names/categories", json!(["all"])), [" names-changed Ok"]);
    let short = with(&plain(), "/names/shortNames", json!(["c", "ca"]));
    assert_eq!(told(&between(&short, &plain())), [" names-removed Ok"]);
    assert_eq!(told(&between(&short, &with(&plain(), "/names/shortNames", json!(["ca", "c"])))), [" names-changed Ok"]);
    for stage in STAGES {
        assert_eq!(at(&plain(), &short, stage).definition, short);
        assert_eq!(at(&short, &plain(), stage).definition, plain());
    }
}

#[test]
fn conversion_is_refused() {
    let webhook = json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"]}});
    let converted = with(&plain(), "/conversion", webhook);
    assert_eq!(told(&between(&plain(), &converted)), [" conversion-strategy No"]);
    assert_eq!(told(&between(&converted, &converted)), [" conversion-strategy No"]);
    assert_eq!(told(&between(&converted, &plain())), [" conversion-removed Convert"]);
}

#[test]
fn a_definition_that_keeps_all_unknown_fields_is_refused() {
    let keeping = with(&plain(), "/preserveUnknownFields", json!(true));
    assert_eq!(told(&between(&plain(), &keeping)), [" preserve-unknown-fields No"]);
    assert_eq!(told(&between(&keeping, &plain())), [" preserve-unknown-fields No"]);
}

#[test]
fn what_is_not_known_here_is_refused() {
    assert_eq!(found("/future", json!(1)), [" unknown-keyword No"]);
    assert_eq!(found("/names/future", json!(1)), [" unknown-keyword No"]);
    assert_eq!(found("/versions/0/future", json!(1)), [" unknown-keyword No"]);
    assert_eq!(found("/versions/0/subresources", json!({"future": {}})), [" unknown-keyword No"]);
    assert_eq!(between(&plain(), &with(&plain(), "/future", json!(1))).worst(), Verdict::No);
}
