//! `leasehold release new`, end to end through the program: what it writes is what `leasehold render` takes.
use std::{fs, path::Path};

use leasehold::domain::crd::texts;
use serde_json::{Value, json};

use crate::program::{err, leasehold, out};

const CRD: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: caches.example.com
  creationTimestamp: null
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Cache, plural: caches}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, description: "a: b\n- 'c' #d\n"}}}]
status: {acceptedNames: {kind: "", plural: ""}, conditions: [], storedVersions: []}
"#;

const ROLE: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: manager}
rules:
- {apiGroups: [example.com], resources: [caches], verbs: [get, list, watch]}
- {nonResourceURLs: [/metrics], verbs: [get]}
";

const TENANT: &str = "apiVersion: leasehold.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {operator: cache, version: 2.0.0}\n";

/// A folder with a repository's definitions and its Role.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("crds")).unwrap();
    fs::write(folder.path().join("crds/caches.yaml"), CRD).unwrap();
    fs::write(folder.path().join("crds/kustomization.yaml"), "resources: [caches.yaml]\n").unwrap();
    fs::write(folder.path().join("role.yaml"), ROLE).unwrap();
    folder
}

/// A definition whose description is that long.
fn large(plural: &str, length: usize) -> String {
    let text = "a line of it, \"quoted\" and: so on\n".repeat(length / 34);
    let schema = json!({"openAPIV3Schema": {"type": "object", "description": text}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.example.com")},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": plural, "plural": plural},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}})
    .to_string()
}

fn new(folder: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let crds = folder.join("crds");
    let mut arguments =
        vec!["release", "new", "--operator", "cache", "--version", "2.0.0", "--image", "example.com/cache:2"];
    arguments.extend(["--from-crds", crds.to_str().unwrap()]);
    arguments.extend(more);
    let output = leasehold(&arguments);
    (output.status.code(), out(&output), err(&output))
}

/// Fails unless a Tenant of that release gets its stack.
fn renders(folder: &Path, release: &str) {
    let path = folder.join("both.yaml");
    fs::write(&path, format!("{release}---\n{TENANT}")).unwrap();
    let output = leasehold(&["render", "-f", path.to_str().unwrap()]);
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
    assert!(out(&output).contains("# Tenant acme: cache 2.0.0"), "{}", out(&output));
}

#[test]
fn a_release_is_made_of_what_the_operators_repository_has() {
    let folder = repository();
    let role = folder.path().join("role.yaml");
    let (code, text, notes) = new(folder.path(), &["--rules", role.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{notes}");
    assert!(notes.contains("kustomization.yaml is left out") && notes.contains("nonResourceURLs"), "{notes}");
    let release: Value =
        serde_saphyr::from_multiple::<Value>(&text).unwrap().into_iter().find(|o| !o.is_null()).unwrap();
    let spec = &release["spec"];
    assert_eq!(
        (&release["metadata"]["name"], &spec["leaderElection"]["id"]),
        (&json!("cache-2.0.0"), &json!("cache.example.com"))
    );
    assert_eq!(spec["rules"].as_array().unwrap().len(), 1);
    let mut wanted: Value = serde_saphyr::from_str(CRD).unwrap();
    wanted.as_object_mut().unwrap().remove("status");
    wanted["metadata"] = json!({"name": "caches.example.com"});
    assert_eq!(
        spec["crds"],
        json!([{"inline": wanted}]),
        "the definition as the repository has it, and nothing of a server's"
    );
    assert!(text.find("operator:") < text.find("crds:"), "what a person looks for comes first");
    renders(folder.path(), &text);
}

#[test]
fn large_definitions_become_immutable_config_maps_that_the_release_names() {
    let folder = repository();
    for (plural, length) in [("as", 150_000), ("bs", 100_000)] {
        fs::write(folder.path().join(format!("crds/{plural}.json")), large(plural, length)).unwrap();
    }
    let (code, text, notes) = new(folder.path(), &["--contract", "--namespace", "leases"]);
    assert_eq!(code, Some(0), "{notes}");
    let objects: Vec<Value> =
        serde_saphyr::from_multiple::<Value>(&text).unwrap().into_iter().filter(|o| !o.is_null()).collect();
    let (maps, release) = objects.split_at(3);
    for (map, source) in maps.iter().zip(release[0]["spec"]["crds"].as_array().unwrap()) {
        let reference = &source["configMapRef"];
        assert_eq!((&map["immutable"], &source["contract"]), (&json!(true), &json!(true)));
        assert_eq!(map["metadata"]["labels"]["leasehold.dev/release-crds"], "true");
        assert_eq!((&map["metadata"]["name"], &map["metadata"]["namespace"]), (&reference["name"], &json!("leases")));
        let kept = map["data"][reference["key"].as_str().unwrap()].as_str().unwrap();
        assert_eq!(reference["digest"], texts::digest(kept), "to the byte, also after it was YAML in YAML");
    }
    renders(folder.path(), &text);
    let (_, again, _) = new(folder.path(), &["--contract", "--namespace", "leases"]);
    assert_eq!(again, text, "what it writes does not change by itself");
}

#[test]
fn what_leasehold_would_refuse_is_not_written() {
    let folder = repository();
    let path = folder.path().join("out.yaml");
    let to = ["-o", path.to_str().unwrap()];
    fs::write(folder.path().join("crds/caches.yaml"), CRD.replace("example.com", "k8s.io")).unwrap();
    let (code, text, why) = new(folder.path(), &to);
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(why.contains("spec.group k8s.io is protected") && !path.exists(), "{why}");
    fs::write(folder.path().join("crds/caches.yaml"), large("caches", 1_100_000)).unwrap();
    let (code, _, why) = new(folder.path(), &to);
    assert_eq!(code, Some(1));
    assert!(why.contains("caches.example.com is") && why.contains("1048576 are read"), "{why}");
    fs::remove_file(folder.path().join("crds/caches.yaml")).unwrap();
    let (code, _, why) = new(folder.path(), &to);
    assert_eq!(code, Some(1));
    assert!(why.contains("no CustomResourceDefinition in what --from-crds names"), "{why}");
    fs::write(folder.path().join("crds/caches.yaml"), CRD).unwrap();
    let (code, text, why) = new(folder.path(), &to);
    assert_eq!((code, text.as_str()), (Some(0), ""), "{why}");
    renders(folder.path(), &fs::read_to_string(&path).unwrap());
}

#[test]
fn a_hold_is_still_taken_off_by_the_same_word() {
    for words in [&["release", "acme"][..], &["release", "--", "new"], &["release", "acme", "new"]] {
        let lost = leasehold(words);
        assert_eq!(lost.status.code(), Some(1), "{words:?}");
        assert!(err(&lost).contains("no way to the cluster"), "{words:?}: {}", err(&lost));
    }
    assert_eq!(leasehold(&["release"]).status.code(), Some(2));
    assert_eq!(leasehold(&["release", "new", "acme"]).status.code(), Some(2));
}
