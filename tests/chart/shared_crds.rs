//! A definition that tenants share is changed by Leasehold alone, until somebody takes it back; and Leasehold changes no other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Client, ResourceExt};
use leasehold::act::{Failure, Pace, Writer};
use leasehold::domain::world::FaultKind;
use leasehold::election::term::Tenure;
use leasehold::election::{BootInstant, Epoch, Term};
use leasehold::plan::crds::step::{CrdWrite, PageWork, What};
use serde_json::{Value, json};

use crate::support::proxy::{Fault, Match, Proxy};
use crate::support::{Cluster, Node, eventually};

const SOON: Duration = Duration::from_mins(1);
const HOME: &str = "leasehold-shared";
const GROUP: &str = "shared.example.com";
const SETTINGS: [&str; 1] =
    ["--set-json=customResources=[{\"apiGroups\":[\"shared.example.com\"],\"resources\":[\"caches\"]}]"];

fn definition(plural: &str) -> Value {
    let size = json!({"type": "object", "properties": {"size": {"type": "integer"}}});
    let schema = json!({"type": "object", "properties": {"spec": size}});
    let version = json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
    let kind = plural.trim_end_matches('s');
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {"group": GROUP, "scope": "Namespaced", "versions": [version],
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": kind}}})
}

fn definitions(client: Client) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: "apiextensions.k8s.io".into(),
        version: "v1".into(),
        api_version: "apiextensions.k8s.io/v1".into(),
        kind: "CustomResourceDefinition".into(),
        plural: "customresourcedefinitions".into(),
    };
    Api::all_with(client, &resource)
}

/// The admin, who may do everything that is not denied, and Leasehold under the chart's rights.
struct Scene {
    cluster: Cluster,
    writer: Writer,
    term: Term,
}

impl Scene {
    async fn begin(policies: &[&str]) -> Self {
        let cluster = Cluster::start(Node::None).await;
        for namespace in [HOME, "shared-objects"] {
            cluster.apply_yaml(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}")).await;
        }
        cluster.install_chart(HOME, &SETTINGS, policies).await;
        let mut config = cluster.config();
        config.auth_info.impersonate = Some(format!("system:serviceaccount:{HOME}:leasehold"));
        let writer = Writer::new(Client::try_from(config).unwrap(), Duration::from_secs(10));
        Self { cluster, writer, term: Term::unfenced() }
    }

    async fn admins(&self, name: &str, patch: Value) -> Result<DynamicObject, kube::Error> {
        definitions(self.cluster.client()).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await
    }

    /// Writes it as Leasehold. A definition whose names changed is written by the API server, too: then once more.
    async fn leaseholds(&self, name: &str, kinds: &str, conversion: Option<&Value>) -> Result<(), Failure> {
        eventually("nobody writes in between", SOON, async || {
            let change = self.change(name, kinds, conversion).await;
            let written = self.writer.write_crd(&self.term, &change).await.map(drop);
            (!matches!(&written, Err(failure) if failure.kind == FaultKind::Stale)).then_some(written)
        })
        .await
    }

    /// The same of the stored versions.
    async fn trims(&self, name: &str) -> Result<(), Failure> {
        eventually("nobody writes in between", SOON, async || {
            let live = definitions(self.cluster.client()).get(name).await.unwrap();
            let at = (name, &*live.uid().unwrap(), &*live.resource_version().unwrap());
            let written = self.writer.trim_crd(&self.term, at, &["v1".to_owned()]).await.map(drop);
            (!matches!(&written, Err(failure) if failure.kind == FaultKind::Stale)).then_some(written)
        })
        .await
    }

    /// What a write of Leasehold's is to say, as the definition is now.
    async fn change(&self, name: &str, kinds: &str, conversion: Option<&Value>) -> CrdWrite {
        let live = definitions(self.cluster.client()).get(name).await.unwrap();
        let mut spec = live.data["spec"].as_object().unwrap().clone();
        spec["names"]["shortNames"] = json!([kinds]);
        if let Some(conversion) = conversion {
            spec["conversion"] = conversion.clone();
        }
        crate::support::definition::write(&live, spec)
    }
}

/// The guard's words, which say what to do.
fn refusal<T>(result: Result<T, kube::Error>) -> String {
    match result {
        Err(kube::Error::Api(status)) if status.code == 403 => status.message,
        Err(error) => panic!("{error}"),
        Ok(_) => String::new(),
    }
}

const DESCRIBED: &str = "/spec/versions/0/schema/openAPIV3Schema/description";

#[tokio::test]
async fn crd_guard() {
    let scene = Scene::begin(&["-shared-crds", "-confinement"]).await;
    let name = format!("caches.{GROUP}");
    let all = definitions(scene.cluster.client());
    scene.writer.create_crd(&scene.term, &definition("caches"), &BTreeMap::new()).await.unwrap();
    let spec = json!({"spec": {"names": {"shortNames": ["other"]}}});
    // Until it is, each write says something else: what changes nothing is free.
    let mut tries = 0;
    let denied = async || {
        tries += 1;
        let words =
            refusal(scene.admins(&name, json!({"spec": {"names": {"shortNames": [format!("o{tries}")]}}})).await);
        (!words.is_empty()).then_some(words)
    };
    let words = eventually("the policy is in force", SOON, denied).await;
    assert!(words.contains(&format!("kubectl annotate crd {name} leasehold.dev/take-back=true")), "{words}");

    // Whatever others do to it by a chart, a repository or by hand.
    for (what, patch) in [
        ("the label is removed", json!({"metadata": {"labels": {"leasehold.dev/shared-crd": null}}})),
        ("the label says something else", json!({"metadata": {"labels": {"leasehold.dev/shared-crd": "false"}}})),
        ("the epoch is changed", json!({"metadata": {"annotations": {"leasehold.dev/epoch": "other"}}})),
        ("a mark is removed", json!({"metadata": {"annotations": {"leasehold.dev/epoch": null}}})),
        ("a mark is set", json!({"metadata": {"annotations": {"leasehold.dev/crd-unlocked": "a=1.0.0"}}})),
        (
            "all at once",
            json!({"metadata": {"annotations": {"leasehold.dev/take-back": "true"}}, "spec": spec["spec"]}),
        ),
    ] {
        assert!(refusal(scene.admins(&name, patch).await).contains("take it back"), "{what}");
    }
    let description = json!([{"op": "add", "path": DESCRIBED, "value": "a word"}]);
    let description: Patch<()> = Patch::Json(serde_json::from_value(description).unwrap());
    let described = all.patch(&name, &PatchParams::default(), &description).await;
    assert!(refusal(described).contains("take it back"), "a description closes every watch too");
    assert!(refusal(all.delete(&name, &DeleteParams::default()).await).contains("take it back"));
    let collection = all.delete_collection(&DeleteParams::default(), &kube::api::ListParams::default()).await;
    assert!(refusal(collection).contains("take it back"));

    // What is not Leasehold's to say stays free, and so does the status, which the API server's controllers write.
    let free = json!({"metadata": {"labels": {"team": "a"}, "annotations": {"example.com/note": "b"}}});
    scene.admins(&name, free).await.unwrap();
    let status = json!({"status": {"storedVersions": ["v1"]}});
    all.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();

    // Leasehold goes on: the spec, the status, and every object wherever it is.
    scene.leaseholds(&name, "ca", None).await.unwrap();
    scene.trims(&name).await.unwrap();

    // Two acts, and it is as any other.
    scene.admins(&name, json!({"metadata": {"annotations": {"leasehold.dev/take-back": "true"}}})).await.unwrap();
    let held = scene.leaseholds(&name, "cb", None).await.unwrap_err();
    assert_eq!(held.kind, FaultKind::Invalid, "Leasehold keeps off what was taken back: {held}");
    scene.admins(&name, json!({"metadata": {"labels": {"leasehold.dev/shared-crd": null}}})).await.unwrap();
    scene.admins(&name, spec).await.unwrap();
    all.delete(&name, &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn leasehold_writes_no_other_definition_and_no_other_custom_resource() {
    let scene = Scene::begin(&["-shared-crds", "-confinement"]).await;
    let mut tries = 0;
    scene.cluster.apply_yaml(&definition("others").to_string()).await;
    let other = format!("others.{GROUP}");
    let denied = async || {
        tries += 1;
        scene.leaseholds(&other, &format!("o{tries}"), None).await.err()
    };
    let denied = eventually("the policy is in force", SOON, denied).await;
    assert!(denied.message.contains("only definitions labelled"), "{denied}");
    let denied = scene.trims(&other).await.unwrap_err();
    assert!(denied.message.contains("only definitions labelled"), "{denied}");

    // A person hands it over; still no webhook.
    scene.admins(&other, json!({"metadata": {"labels": {"leasehold.dev/shared-crd": "true"}}})).await.unwrap();
    scene.leaseholds(&other, "o", None).await.unwrap();
    let service = json!({"url": "https://example.com/"});
    let service =
        json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": service}});
    let denied = scene.leaseholds(&other, "o", Some(&service)).await.unwrap_err();
    assert!(denied.message.contains("without a conversion webhook"), "{denied}");

    no_other_custom_resource(&scene).await;
}

/// In a namespace of no tenant: as they are, or not at all.
async fn no_other_custom_resource(scene: &Scene) {
    let mut two = definition("caches");
    let mut old = two["spec"]["versions"][0].clone();
    (old["name"], old["storage"]) = ("v0".into(), false.into());
    two["spec"]["versions"].as_array_mut().unwrap().push(old);
    scene.writer.create_crd(&scene.term, &two, &BTreeMap::new()).await.unwrap();
    let resource = |version: &str| ApiResource {
        group: GROUP.into(),
        version: version.into(),
        api_version: format!("{GROUP}/{version}"),
        kind: "cache".into(),
        plural: "caches".into(),
    };
    let old: Api<DynamicObject> = Api::namespaced_with(scene.cluster.client(), "shared-objects", &resource("v0"));
    let mut cache = DynamicObject::new("a", &resource("v0")).data(json!({"spec": {"size": 1}}));
    cache.labels_mut().insert("a".into(), "b".into());
    let params = kube::api::PostParams::default();
    eventually("it is served", SOON, async || old.create(&params, &cache).await.is_ok()).await;
    let mut config = scene.cluster.config();
    config.auth_info.impersonate = Some(format!("system:serviceaccount:{HOME}:leasehold"));
    let proxy = Proxy::start("conflict", config.clone(), scene.cluster.dir());
    let own: Api<DynamicObject> =
        Api::namespaced_with(Client::try_from(config).unwrap(), "shared-objects", &resource("v1"));
    for (what, patch) in [
        ("spec", json!({"spec": {"size": 2}})),
        ("a field that goes", json!({"spec": null})),
        ("a label", json!({"metadata": {"labels": {"a": "c"}}})),
        ("a label more", json!({"metadata": {"labels": {"d": "c"}}})),
        ("an annotation", json!({"metadata": {"annotations": {"a": "c"}}})),
        ("a finalizer", json!({"metadata": {"finalizers": ["example.com/a"]}})),
    ] {
        let denied = own.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap_err();
        assert!(denied.to_string().contains("of no tenant"), "{what}: {denied}");
    }
    let twin = DynamicObject::new("twin", &resource("v1")).data(cache.data);
    let denied = own.create(&params, &twin).await.unwrap_err();
    assert!(denied.to_string().contains("of no tenant"), "{denied}");
    // One that somebody writes meanwhile is looked at again, within these rights.
    let writer = Writer::new(proxy.client(), Duration::from_secs(10));
    proxy.add(Match::verb("patch").nth(2).before(Fault::status(409)));
    let validate = What::Validate { schema: std::sync::Arc::new(json!({})), dry_run: true };
    for what in [validate, What::Rewrite, What::Disown { versions: BTreeSet::from(["v0".to_owned()]) }] {
        let (group, version, plural) = (GROUP.into(), "v1".into(), "caches".into());
        let work = PageWork { group, version, plural, continue_: None, limit: 500, what };
        let page = writer.page(&scene.term, &work, Pace::default(), |_| Box::new(|_| Vec::new())).await.unwrap();
        assert_eq!((page.seen, page.done), (1, 1), "{page:?}");
    }
    let verbs: Vec<String> = proxy.log().iter().map(|request| request.verb.clone()).collect();
    assert_eq!(verbs, ["list", "create", "list", "patch", "list", "patch", "list", "patch"]);
}

#[tokio::test]
async fn a_leader_of_before_writes_no_definition() {
    let scene = Scene::begin(&["-shared-crds", "-fencing", "-fencing-crds"]).await;
    let name = format!("caches.{GROUP}");
    scene.writer.create_crd(&scene.term, &definition("caches"), &BTreeMap::new()).await.unwrap();
    let lease = format!(
        "{{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {{name: leasehold.leasehold.dev, namespace: {HOME}}},
        spec: {{holderIdentity: another, leaseTransitions: 3}}}}"
    );
    let lease = scene.cluster.apply_yaml(&lease).await.remove(0);
    let mut tries = 0;
    let fenced = async || {
        tries += 1;
        let change = scene.change(&name, &format!("c{tries}"), None).await;
        // Until it is, the API server's own writes may come in between.
        let failure = scene.writer.write_crd(&scene.term, &change).await.err()?;
        failure.message.contains("stale epoch").then_some(failure)
    };
    let fenced = eventually("the writer is fenced", SOON, fenced).await;
    assert_eq!(fenced.kind, FaultKind::Stale, "{fenced}");

    let epoch = Epoch { uid: lease.uid().unwrap(), transitions: 3 };
    let (_tenure, term) = Tenure::open(epoch, String::new(), BootInstant::NEVER);
    let now = async || scene.writer.write_crd(&term, &scene.change(&name, "now", None).await).await.is_ok();
    eventually("who leads now writes", SOON, now).await;
}
