//! A release's own definitions are created with Leasehold's rights: what reaches beyond the release is refused, and said.
use leasehold::{
    domain::{
        crd::texts,
        report::{Reason, Verdict},
        world::Apis,
    },
    observe::Source,
    plan::ReleaseStep,
};
use serde_json::{Value, json};

use crate::desk::{Desk, merge, release, tenant};

/// Leasehold's own namespace, as the desk has it.
const HOME: &str = "the-leaseholds";

fn definition(group: &str, more: &Value) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object"}});
    let mut crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("caches.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": "Cache", "plural": "caches"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}});
    merge(&mut crd, more);
    crd
}

/// A ConfigMap as somebody made it for a release.
fn config_map(namespace: &str, immutable: bool, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "immutable": immutable, "data": data, "binaryData": {"raw": "YQ=="},
        "metadata": {"name": "caches", "namespace": namespace, "labels": {"leasehold.dev/release-crds": "true"}}})
}

/// Where a release finds its definition.
fn reference(namespace: &str, key: &str, text: &str) -> Value {
    json!([{"configMapRef": {"namespace": namespace, "name": "caches", "key": key, "digest": texts::digest(text)}}])
}

/// What becomes of a Tenant whose release brings this definition, and whether the definition would be created.
fn with(crd: &Value) -> (Desk, bool) {
    let mut desk = Desk::new(Apis::default());
    desk.put(Source::Releases, release(&json!({"crds": [{"inline": crd}]})));
    desk.put(Source::Tenants, tenant(&json!({})));
    let created = desk.plan().releases.iter().any(|step| matches!(step, ReleaseStep::CreateCrd { .. }));
    (desk, created)
}

#[test]
fn a_definition_that_reaches_beyond_its_release_is_refused_with_the_reason() {
    let webhook = json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": "a", "name": "b"}}}}}});
    let owner = json!([{"apiVersion": "v1", "kind": "Namespace", "name": "a", "uid": "u"}]);
    for (crd, said) in [
        (definition("example.com", &webhook), "spec.conversion.strategy Webhook"),
        (definition("k8s.io", &json!({})), "spec.group k8s.io is protected"),
        (definition("gateway.networking.k8s.io", &json!({})), "spec.group gateway.networking.k8s.io is protected"),
        (definition("metrics.kubernetes.io", &json!({})), "is protected"),
        (definition("leasehold.dev", &json!({})), "is protected"),
        (definition("more.leasehold.dev", &json!({})), "is protected"),
        (definition("example.com", &json!({"metadata": {"ownerReferences": owner}})), "metadata.ownerReferences"),
        (definition("example.com", &json!({"metadata": {"finalizers": ["a.example.com/b"]}})), "metadata.finalizers"),
        (
            definition("example.com", &json!({"metadata": {"labels": {"leasehold.dev/tenant": "other"}}})),
            "leasehold.dev/tenant",
        ),
    ] {
        let (mut desk, created) = with(&crd);
        let report = desk.report();
        assert_eq!(report.verdict, Verdict::Blocked(Reason::ReleaseInvalid), "{said}: {}", report.note);
        assert!(report.note.contains("spec.crds[0].inline") && report.note.contains(said), "{}", report.note);
        assert!(!created, "{said}");
    }
}

#[test]
fn a_definition_of_one_s_own_is_created() {
    for crd in [
        definition("example.com", &json!({})),
        definition("notk8s.io", &json!({"spec": {"conversion": {"strategy": "None"}}})),
        definition(
            "example.com",
            &json!({"metadata": {"labels": {"app": "a"}, "annotations": {"example.com/a": "b"}}}),
        ),
    ] {
        let (mut desk, created) = with(&crd);
        assert!(created, "{}", desk.report().note);
    }
}

#[test]
fn a_definition_comes_from_a_config_map_as_yaml_or_as_json() {
    let json = definition("example.com", &json!({})).to_string();
    let yaml = serde_saphyr::to_string(&definition("example.com", &json!({}))).unwrap();
    for text in [&json, &yaml] {
        let mut desk = Desk::new(Apis::default());
        desk.put(Source::Releases, release(&json!({"crds": reference(HOME, "caches.yaml", text)})));
        desk.put(Source::Tenants, tenant(&json!({})));
        let note = desk.report().note;
        assert!(note.contains("there is no ConfigMap the-leaseholds/caches with the label"), "{note}");
        desk.put(Source::CrdMaps, config_map(HOME, true, &json!({"caches.yaml": text})));
        let created = desk.plan().releases.iter().any(|step| matches!(step, ReleaseStep::CreateCrd { .. }));
        assert!(created, "{}", desk.report().note);
        desk.remove(Source::CrdMaps, "the-leaseholds/caches");
        assert_eq!(desk.report().verdict, Verdict::Blocked(Reason::ReleaseInvalid), "it is gone again");
    }
}

#[test]
fn whatever_is_wrong_with_the_config_map_is_said_on_the_release() {
    let text = definition("example.com", &json!({})).to_string();
    let data = json!({"caches.yaml": text, "broken": "a: [", "other": "[1]", "two": "a: 1\n---\nb: 2\n"});
    let wrong = "not the text";
    for (map, reference, said) in [
        (
            config_map("elsewhere", true, &data),
            reference("elsewhere", "caches.yaml", &text),
            ".namespace is elsewhere: only ConfigMaps in Leasehold's own namespace, the-leaseholds, are read",
        ),
        (config_map(HOME, false, &data), reference(HOME, "caches.yaml", &text), "set `immutable: true`"),
        (
            config_map(HOME, true, &data),
            reference(HOME, "caches.json", &text),
            ".key: there is no caches.json in the ConfigMap's data; it has: broken, caches.yaml, other, two",
        ),
        (config_map(HOME, true, &data), reference(HOME, "raw", &text), "raw is in binaryData, which is not read"),
        (config_map(HOME, true, &data), reference(HOME, "caches.yaml", wrong), "it is not the text that this release"),
        (
            config_map(HOME, true, &data),
            reference(HOME, "broken", "a: ["),
            "broken in ConfigMap the-leaseholds/caches is neither YAML nor JSON",
        ),
        (config_map(HOME, true, &data), reference(HOME, "other", "[1]"), "is no CustomResourceDefinition"),
        (config_map(HOME, true, &data), reference(HOME, "two", "a: 1\n---\nb: 2\n"), "more than one document"),
    ] {
        let mut desk = Desk::new(Apis::default());
        desk.put(Source::CrdMaps, map);
        desk.put(Source::Releases, release(&json!({"crds": reference})));
        desk.put(Source::Tenants, tenant(&json!({})));
        let report = desk.report();
        assert_eq!(report.verdict, Verdict::Blocked(Reason::ReleaseInvalid), "{said}: {}", report.note);
        assert!(
            report.note.contains("spec.crds[0].configMapRef") && report.note.contains(said),
            "{said}: {}",
            report.note
        );
    }
}

#[test]
fn one_text_in_two_config_maps_is_kept_once() {
    let text = definition("example.com", &json!({})).to_string();
    let mut desk = Desk::new(Apis::default());
    for name in ["a", "b"] {
        let mut map = config_map(HOME, true, &json!({name: text}));
        map["metadata"]["name"] = name.into();
        desk.put(Source::CrdMaps, map);
    }
    let object = |name: &str| desk.world().crd_maps[&format!("{HOME}/{name}")].texts[name].object.clone().unwrap();
    assert!(std::sync::Arc::ptr_eq(&object("a"), &object("b")));
}
