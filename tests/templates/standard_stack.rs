//! The built-in stack: what it is, that it is sound, and that it is stored as it is written.
use leasehold::{
    api::PodSecurity,
    plan::{
        choke_point::{self, Marks},
        render::{Manifest, Stack, TemplateFile, builtin},
    },
};
use serde_json::{Value, json};

use crate::stack::{self, context, rendered, scope, standard};

#[test]
fn is_ten_objects_that_pass_the_choke_point() {
    let manifests = rendered(&context());
    assert_eq!(manifests.len(), 10);
    assert_eq!(choke_point::check(&manifests, &scope()), []);
    let values: Vec<&Value> = manifests.iter().map(|m| &m.value).collect();
    insta::assert_yaml_snapshot!("standard_v1", values);
}

#[test]
fn has_a_service_monitor_where_that_api_exists() {
    let mut context = context();
    context.apis.service_monitor = true;
    let manifests = rendered(&context);
    assert_eq!(manifests.len(), 11);
    assert_eq!(manifests[10].to_string(), "ServiceMonitor/memcached-operator");
    assert_eq!(choke_point::check(&manifests, &scope()), []);
}

#[test]
fn names_nothing_that_the_api_server_would_not_store() {
    fn empty(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Array(items) if items.is_empty() => found.push(path.to_owned()),
            Value::Array(items) => items.iter().for_each(|item| empty(item, path, found)),
            // `{}` selects every pod, and is stored.
            Value::Object(fields) if fields.is_empty() && !path.ends_with("podSelector") => found.push(path.to_owned()),
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| empty(value, &format!("{path}.{name}"), found));
            }
            Value::Null => found.push(path.to_owned()),
            _ => {}
        }
    }
    let mut bare = context();
    (bare.args, bare.env, bare.rules) = (Vec::new(), Vec::new(), Vec::new());
    let mut found = Vec::new();
    for manifest in rendered(&bare) {
        empty(&manifest.value, &manifest.to_string(), &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn is_marked_on_every_object_and_on_the_pods() {
    let marks = Marks { tenant_uid: "0b0e7a6e", grant: "{\"version\":\"1.4.2\"}" };
    let admitted = choke_point::admit(rendered(&context()), &scope(), marks).expect("nothing is wrong");
    let values: Vec<Value> = admitted.iter().map(|a| serde_json::from_str(&a.manifest).expect("JSON")).collect();
    for (object, value) in admitted.iter().zip(&values) {
        let metadata = &value["metadata"];
        assert_eq!(metadata["labels"]["leasehold.dev/tenant"], "foo", "{}", object.key);
        assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "leasehold");
        assert_eq!(metadata["annotations"]["leasehold.dev/tenant-uid"], "0b0e7a6e");
        assert_eq!(metadata["annotations"]["leasehold.dev/digest"], object.digest.as_str());
        let grant = metadata["annotations"].get("leasehold.dev/grant");
        assert_eq!(grant.is_some(), object.pod_revision.is_some(), "{}", object.key);
    }
    let pod = &values[7]["spec"]["template"]["metadata"];
    assert_eq!(pod["labels"]["leasehold.dev/tenant"], "foo");
    assert_eq!(pod["labels"]["app.kubernetes.io/name"], "memcached");
    assert_eq!(pod["annotations"]["leasehold.dev/tenant-uid"], "0b0e7a6e");
    assert_eq!(pod["annotations"]["leasehold.dev/pod-revision"], admitted[7].pod_revision.as_deref().unwrap());
}

#[test]
fn is_rendered_from_nothing_but_its_context() {
    let (first, second) = (standard(), standard());
    assert_eq!(first.digest(), second.digest());
    let render = |stack: &Stack| {
        let manifests = stack.render(&context().to_value()).expect("renders");
        manifests.iter().map(Manifest::digest).collect::<Vec<_>>()
    };
    assert_eq!(render(&first), render(&second));
    let mut renamed: Vec<TemplateFile<'_>> = builtin("standard-v1").expect("built in").to_vec();
    renamed[0].name = "other.yaml";
    assert_ne!(Stack::compile(&renamed).expect("compiles").digest(), first.digest());
}

#[test]
fn follows_the_parameters_of_the_tenant() {
    let mut other = context();
    other.replicas = 3;
    other.pod_security = PodSecurity::Baseline;
    other.pod_annotations = [("a".to_owned(), "b".to_owned())].into();
    other.api_server.peers = vec![json!({"ipBlock": {"cidr": "10.0.0.1/32"}})];
    other.limit_range.max = stack::quantities(&[("cpu", "2000m")]);
    let found = rendered(&other);
    assert_eq!(found[0].value["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "baseline");
    assert_eq!(found[2].value["spec"]["limits"][0]["max"]["cpu"], "2");
    assert_eq!(found[3].value["spec"]["egress"][1]["to"][0]["ipBlock"]["cidr"], "10.0.0.1/32");
    assert_eq!(found[7].value["spec"]["replicas"], 3);
    assert_eq!(found[7].value["spec"]["template"]["metadata"]["annotations"]["a"], "b");
}

#[test]
fn a_manifest_s_bytes_do_not_depend_on_the_order_of_its_keys() {
    let one: Value =
        serde_json::from_str(r#"{"kind":"A","apiVersion":"v1","metadata":{"name":"a","b":[1,{"y":1,"x":"\n"}]}}"#)
            .expect("JSON");
    let manifest = Manifest::new(one).expect("an object");
    assert_eq!(
        manifest.canonical_json(),
        r#"{"apiVersion":"v1","kind":"A","metadata":{"b":[1,{"x":"\n","y":1}],"name":"a"}}"#
    );
    assert_eq!(manifest.digest().len(), 64);
}
