use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResourceExt, core::crd::merge_crds};
use serde_json::{Value, json};

use super::{v1, v1alpha1};

const FIRST: &str = include_str!("../../../../../examples/memcached/release-1.0.0.yaml");
/// Those that know `maxItemSize`.
const SECOND: [&str; 3] = [
    include_str!("../../../../../examples/memcached/release-1.1.0.yaml"),
    include_str!("../../../../../examples/memcached/release-1.2.0.yaml"),
    include_str!("../../../../../examples/memcached/release-1.3.0.yaml"),
];
const BOTH_VERSIONS: [&str; 3] = [
    include_str!("../../../../../examples/memcached/release-2.0.0.yaml"),
    include_str!("../../../../../examples/memcached/release-2.1.0.yaml"),
    include_str!("../../../../../examples/memcached/release-2.2.0.yaml"),
];
const V1_ONLY: &str = include_str!("../../../../../examples/memcached/release-3.0.0.yaml");

fn release(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[track_caller]
fn brings(release: &Value, built: &Value) {
    let brought: CustomResourceDefinition =
        serde_json::from_value(release["spec"]["crds"][0]["inline"].clone()).unwrap();
    assert_eq!(&json!(brought), built, "{}, built:\n{built:#}", release["metadata"]["name"]);
}

#[test]
fn the_first_release_has_neither_field_that_came_later() {
    let mut built = json!(v1alpha1::Memcached::crd());
    let spec = &mut built["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    assert!(spec.as_object_mut().unwrap().remove("maxItemSize").is_some());
    brings(&release(FIRST), &built);
}

#[test]
fn every_later_release_brings_the_definition_that_this_operator_was_built_with() {
    for text in SECOND {
        brings(&release(text), &json!(v1alpha1::Memcached::crd()));
    }
    let both = merge_crds(vec![v1alpha1::Memcached::crd(), v1::Memcached::crd()], "v1").unwrap();
    for text in BOTH_VERSIONS {
        brings(&release(text), &json!(both));
    }
    brings(&release(V1_ONLY), &json!(v1::Memcached::crd()));
}

#[test]
fn only_the_last_release_takes_something_away_and_says_so() {
    for text in SECOND.into_iter().chain(BOTH_VERSIONS).chain([FIRST]) {
        assert_eq!(release(text)["spec"]["crds"][0].get("contract"), None);
    }
    assert_eq!(release(V1_ONLY)["spec"]["crds"][0]["contract"], json!(true));
}
