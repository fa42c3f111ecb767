//! What the CRDs of a release would do, asked of a real API server.
use leasehold::domain::crd::texts;
use serde_json::{Value, json};

use crate::{cluster, leasehold, says};

fn definition(maximum: i64, more: &Value) -> Value {
    let mut fields = json!({"size": {"type": "integer", "maximum": maximum}});
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "crates.words.example.com"},
        "spec": {"group": "words.example.com", "scope": "Namespaced", "names": {"kind": "Crate", "plural": "crates"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}})
}

/// A release of which the definition is in a ConfigMap, and that.
fn in_a_config_map() -> (Value, Value) {
    let text = definition(9, &json!({"colour": {"type": "string"}})).to_string();
    let reference =
        json!({"namespace": "default", "name": "crates", "key": "crates.json", "digest": texts::digest(&text)});
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "immutable": true, "data": {"crates.json": text},
        "metadata": {"name": "crates", "namespace": "default", "labels": {"leasehold.dev/release-crds": "true"}}});
    let release = json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": "OperatorRelease", "metadata": {"name": "crates-1.1.0"},
        "spec": {"operator": "crates", "version": "1.1.0", "image": "example.com/crates:1", "leaderElection": {"id": "crates.example.com"},
            "crds": [{"configMapRef": reference, "contract": true}]}});
    (map, release)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_held_against_what_the_cluster_has() {
    let cluster = cluster().await;
    cluster.apply_yaml(include_str!("../../crds/operatorreleases.yaml")).await;
    cluster.kubectl(&["wait", "--for=condition=Established", "crd/operatorreleases.leasehold.dev", "--timeout=60s"]);
    cluster.apply_yaml(&definition(5, &json!({})).to_string()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, object: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, object.to_string()).unwrap();
        path.display().to_string()
    };
    // What the API server adds by itself is no difference.
    let same = path("same.json", &definition(5, &json!({})));
    assert_eq!(says(&cluster, &["crds", "diff", "cluster", &same]), "1 definition: no difference; nothing refuses\n");
    assert_eq!(says(&cluster, &["crds", "diff", &same, "cluster"]), "1 definition: no difference; nothing refuses\n");
    let tight = path("tight.json", &definition(3, &json!({})));
    let refused = leasehold(&cluster, &["crds", "diff", "cluster", &tight]);
    assert!(!refused.ok && refused.out.contains("1 finding refuses"), "{}{}", refused.out, refused.err);

    // A release that is there, with its definition in a ConfigMap.
    let (map, release) = in_a_config_map();
    cluster.apply_yaml(&map.to_string()).await;
    cluster.apply_yaml(&release.to_string()).await;
    let said = leasehold(&cluster, &["crds", "plan", "crates-1.1.0"]);
    assert!(said.ok, "{}{}", said.out, said.err);
    for word in ["P1 Expand", "field-added", "P4 Unlock", "maximum-loosened", "crates 1.1.0: 2 writes"] {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    assert!(
        said.err.contains("kubectl label crd crates.words.example.com leasehold.dev/shared-crd=true"),
        "{}",
        said.err
    );
    cluster.kubectl(&["label", "crd", "crates.words.example.com", "leasehold.dev/shared-crd=true"]);
    cluster.kubectl(&[
        "annotate",
        "crd",
        "crates.words.example.com",
        "leasehold.dev/crd-unlocked=other=1.0.0,crates=1.2.0",
    ]);
    let said = leasehold(&cluster, &["crds", "plan", "crates-1.1.0"]);
    assert!(
        said.ok && said.err.contains("was taken to crates 1.2.0") && !said.err.contains("kubectl label"),
        "{}",
        said.err
    );
    cluster.kubectl(&["label", "configmap", "crates", "leasehold.dev/release-crds-"]);
    let unmarked = leasehold(&cluster, &["crds", "plan", "crates-1.1.0"]);
    assert!(
        !unmarked.ok && unmarked.err.contains("there is no ConfigMap default/crates with the label"),
        "{}",
        unmarked.err
    );
    let absent = leasehold(&cluster, &["crds", "plan", "crates-9.9.9"]);
    assert!(!absent.ok && absent.err.contains("there is no OperatorRelease crates-9.9.9; there is:"), "{}", absent.err);
}
