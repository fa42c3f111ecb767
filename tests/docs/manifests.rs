//! Every object that the documentation and the examples show is one that an API server takes, down to each field.

use std::path::Path;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, ValidationDirective};
use kube::discovery::{Scope, pinned_kind};
use kube::{Client, ResourceExt};
use leasehold::plan::render::{Stack, TemplateFile, values::Schema};
use serde_json::{Value, json};

use crate::blocks;
use crate::support::{Cluster, Node};

/// Kinds that the test cluster does not serve: the Prometheus operator's, and that of the sample operator.
const FOREIGN: [&str; 2] = ["monitoring.coreos.com/", "cache.example.com/"];

fn documents(place: &str, yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{place} is not YAML: {error}"))
}

/// A server-side dry run that refuses unknown and doubled fields, too.
async fn taken(client: &Client, place: &str, object: &Value) {
    let gvk = GroupVersionKind::try_from(&kube::core::TypeMeta {
        api_version: object["apiVersion"].as_str().unwrap_or_default().to_owned(),
        kind: object["kind"].as_str().unwrap_or_default().to_owned(),
    });
    let found = pinned_kind(client, &gvk.expect("group/version")).await;
    let (resource, capabilities): (ApiResource, _) = found.unwrap_or_else(|error| panic!("{place}: {error}"));
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::default_namespaced_with(client.clone(), &resource),
    };
    let mut params = PatchParams::apply("reader");
    params.dry_run = true;
    params.field_validation = Some(ValidationDirective::Strict);
    let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let applied = api.patch(&object.name_any(), &params, &Patch::Apply(&object)).await;
    applied.unwrap_or_else(|refusal| panic!("{place}: {} {}: {refusal}", resource.kind, object.name_any()));
}

#[tokio::test]
async fn every_manifest_in_documentation_and_examples_is_taken() {
    let cluster = Cluster::start(Node::None).await;
    let client = cluster.client();
    for crd in leasehold::api::crds() {
        cluster.apply_yaml(&serde_json::to_string(&crd).unwrap()).await;
    }
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
    let mut texts: Vec<(String, String)> = blocks::all("yaml").into_iter().map(|b| (b.place, b.text)).collect();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/memcached");
    for file in std::fs::read_dir(examples).unwrap() {
        let path = file.unwrap().path();
        texts.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    }
    let mut count = 0;
    for (place, text) in texts.iter().filter(|(_, text)| !text.contains("{{tenant.")) {
        for object in documents(place, text) {
            let foreign = object["apiVersion"].as_str().is_none_or(|is| FOREIGN.iter().any(|one| is.starts_with(one)));
            if !foreign {
                taken(&client, place, &object).await;
                count += 1;
            }
        }
    }
    assert!(count >= 25, "only {count} were found");
}

#[test]
fn every_template_in_the_documentation_compiles() {
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}});
    let values = Schema::compile(schema.as_object().unwrap()).unwrap();
    let templates = blocks::all("yaml").into_iter().filter(|block| block.text.contains("{{tenant."));
    let mut count = 0;
    for block in templates {
        let file = TemplateFile { name: &block.place, text: &block.text };
        Stack::compile_for(&[file], values.shape()).unwrap_or_else(|errors| panic!("{}: {errors:?}", block.place));
        count += 1;
    }
    assert!(count >= 1, "docs/templates.md shows a template");
}
