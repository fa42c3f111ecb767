//! `leasehold render`, end to end through the program.
use std::{fs, path::Path};

use serde_json::Value;

use crate::program::{err, leasehold, out};

const RELEASE: &str = r#"
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-1.0.0}
spec:
  operator: memcached
  version: 1.0.0
  image: example.com/memcached:1.0.0
  leaderElection: {id: memcached.example.com}
  args: ["--leader-election-id={{leaderElection.id}}", "--motto={{values.motto}}"]
  valuesSchema:
    type: object
    properties: {motto: {type: string, default: "on"}}
  crds:
  - inline:
      apiVersion: apiextensions.k8s.io/v1
      kind: CustomResourceDefinition
      metadata: {name: memcacheds.example.com}
      spec:
        group: example.com
        scope: Namespaced
        names: {kind: Memcached, plural: memcacheds}
        versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"#;

fn tenant(name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: leasehold.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: {name}}}\nspec: {{operator: memcached, version: 1.0.0{more}}}\n"
    )
}

/// Runs `render` over files with these texts.
fn render(files: &[&str], more: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |(n, text): (usize, &&str)| {
        let path = folder.path().join(format!("{n}.yaml"));
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let paths: Vec<String> = files.iter().enumerate().map(write).collect();
    let mut arguments = vec!["render"];
    arguments.extend(paths.iter().flat_map(|path| ["-f", path]));
    arguments.extend(more);
    let output = leasehold(&arguments);
    (output.status.code(), out(&output), err(&output))
}

fn objects(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

fn kinds(yaml: &str) -> Vec<String> {
    objects(yaml).iter().map(|object| object["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_stack_comes_in_the_order_in_which_it_is_applied() {
    let (code, yaml, findings) = render(&[&tenant("acme", ""), RELEASE], &[]);
    assert_eq!((code, findings.as_str()), (Some(0), ""));
    let stack = ["LimitRange", "NetworkPolicy", "ResourceQuota", "Role", "ServiceAccount", "RoleBinding"];
    let kinds = kinds(&yaml);
    assert_eq!(kinds[0], "Namespace");
    assert_eq!(kinds[1..7], stack);
    assert_eq!(kinds.len(), 10);
    for object in objects(&yaml) {
        assert_eq!(object["metadata"]["labels"]["leasehold.dev/tenant"], "acme", "{object}");
    }
}

#[test]
fn defaults_are_filled_in_and_strings_stay_strings() {
    let (_, yaml, _) = render(&[&tenant("acme", ""), RELEASE], &[]);
    let deployment = objects(&yaml).into_iter().find(|object| object["kind"] == "Deployment").unwrap();
    assert_eq!(deployment["spec"]["replicas"], 2, "the API server's default");
    let args = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(args[0], "--leader-election-id=acme.memcached.example.com");
    assert_eq!(args[1], "--motto=on", "the release's default");
    let quota = objects(&yaml).into_iter().find(|object| object["kind"] == "ResourceQuota").unwrap();
    assert_eq!(quota["spec"]["hard"]["pods"], "23", "a quantity, not a number");
}

#[test]
fn documents_may_come_in_any_order_and_in_one_file() {
    let (tenants, both) =
        (tenant("acme", "") + &tenant("bolt", ""), RELEASE.to_owned() + &tenant("bolt", "") + &tenant("acme", ""));
    let (apart, together) = (render(&[&tenants, RELEASE], &[]), render(&[&both], &[]));
    assert_eq!(apart.0, Some(0));
    assert_eq!(objects(&apart.1).len(), 20);
    assert_eq!(apart.1, together.1);
}

#[test]
fn a_folder_is_read_and_what_is_not_leaseholds_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(Path::join(folder.path(), name), text).unwrap();
    put("a.yaml", &tenant("acme", ""));
    put("b.yml", RELEASE);
    put("c.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}");
    put("d.txt", "not read");
    let output = leasehold(&["render", "-f", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(kinds(&out(&output)).len(), 10);
    assert!(err(&output).contains("note: ConfigMap other"), "{}", err(&output));
}

#[test]
fn service_monitors_come_where_the_cluster_would_serve_them() {
    let (code, yaml, findings) = render(&[&tenant("acme", ""), RELEASE], &["--service-monitors"]);
    assert_eq!((code, findings.as_str()), (Some(0), ""));
    assert!(kinds(&yaml).contains(&"ServiceMonitor".to_owned()));
}

#[test]
fn metrics_may_be_scraped_from_the_namespace_that_the_fleet_policy_names() {
    let scraped_from = |fleet: &str| {
        let (code, yaml, findings) = render(&[&tenant("acme", ""), RELEASE, fleet], &[]);
        assert_eq!((code, findings.as_str()), (Some(0), ""));
        let policy = objects(&yaml).into_iter().find(|object| object["kind"] == "NetworkPolicy").unwrap();
        policy["spec"]["ingress"][0]["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            .clone()
    };
    let fleet = "apiVersion: leasehold.dev/v1alpha1\nkind: FleetPolicy\nmetadata: {name: default}\nspec: {";
    assert_eq!(scraped_from(&format!("{fleet}}}")), "monitoring");
    assert_eq!(scraped_from(&format!("{fleet}metricsNamespace: observability}}")), "observability");
}

#[test]
fn one_bad_tenant_does_not_hide_the_good_ones() {
    let tenants = tenant("acme", "") + &tenant("bolt", ", namespace: kube-system");
    let (code, yaml, findings) = render(&[&tenants, RELEASE], &[]);
    assert_eq!(code, Some(1));
    assert_eq!(kinds(&yaml).len(), 10);
    assert!(findings.starts_with("finding: Tenant bolt: NamespaceProtected: namespace kube-system"), "{findings}");
}

#[test]
fn every_mistake_is_a_finding_that_says_where() {
    let fleet = "{apiVersion: leasehold.dev/v1alpha1, kind: FleetPolicy, metadata: {name: default}, spec: {allowedImages: ['good.example.com/*']}}";
    let typo = RELEASE.replace("{{values.motto}}", "{{values.moto}}");
    let cases: [(&[&str], &str); 7] = [
        (&[&tenant("acme", ", replcias: 3"), RELEASE], "Tenant acme: spec.replcias: is no such field"),
        (&[&tenant("acme", ", replicas: many"), RELEASE], "Tenant acme: spec.replicas: must be a whole number"),
        (&[&tenant("acme", ", values: {moto: x}"), RELEASE], "Tenant acme: InvalidValues: spec.values of Tenant acme"),
        (
            &[&tenant("acme", "")],
            "Tenant acme: ReleaseNotFound: no OperatorRelease has operator memcached and version 1.0.0",
        ),
        (&[&tenant("acme", ""), &typo], "OperatorRelease memcached-1.0.0: spec.args[1]"),
        (&[&tenant("acme", ""), RELEASE, fleet], "Tenant acme: Refused: stack of memcached-1.0.0 refused"),
        (&[RELEASE], "no Tenant in these files"),
    ];
    for (files, expected) in cases {
        let (code, yaml, findings) = render(files, &[]);
        assert_eq!((code, yaml.as_str()), (Some(1), ""), "{expected}: {findings}");
        assert!(findings.contains(&format!("finding: {expected}")), "{expected} is not in: {findings}");
    }
}

#[test]
fn two_tenants_cannot_share_a_namespace() {
    let tenants = tenant("acme", ", namespace: shared") + &tenant("bolt", ", namespace: shared");
    let (code, yaml, findings) = render(&[&tenants, RELEASE], &[]);
    assert_eq!((code, kinds(&yaml).len()), (Some(1), 10));
    assert!(findings.contains("finding: Tenant bolt: NamespaceTaken"), "{findings}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_from_a_finding() {
    let cases = [("{", "is no YAML"), ("just: a map", "an object needs `apiVersion` and `kind`")];
    for (text, expected) in cases {
        let (code, yaml, errors) = render(&[text], &[]);
        assert_eq!((code, yaml.as_str()), (Some(2), ""), "{errors}");
        assert!(errors.contains(expected), "{errors}");
    }
    let missing = leasehold(&["render", "-f", "there-is-no-such-file.yaml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(err(&missing).contains("cannot read there-is-no-such-file.yaml"), "{}", err(&missing));
}

#[test]
fn what_is_exported_from_a_cluster_renders_as_what_it_asks_for() {
    let exported = tenant("acme", "").replace(
        "metadata: {name: acme}",
        "metadata: {name: acme, uid: 5f0e, resourceVersion: '7', deletionTimestamp: '2026-01-01T00:00:00Z'}\nstatus: {observedGeneration: 1, granted: {version: 0.9.0, revision: a-b, at: '2026-01-01T00:00:00Z', epoch: 3}}",
    );
    let (code, yaml, findings) = render(&[&exported, RELEASE], &[]);
    assert_eq!((code, findings.as_str()), (Some(0), ""));
    assert_eq!(objects(&yaml)[0]["metadata"]["annotations"]["leasehold.dev/tenant-uid"], "5f0e");
}
