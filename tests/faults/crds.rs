//! K1 for a shared definition: the process is killed right after, and right before, each write of a way from release to
//! release, and started again. The end is that of a run that nobody disturbed, nothing is made twice, and the definition's
//! spec is written once for each phase. Each run has an operator, tenants and a definition of its own.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams};
use kube::{Resource, ResourceExt};
use leasehold::api::{CrdPhase, CrdUpgrade, OperatorRelease, Rollout, Tenant};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::crash::settled_pods;
use crate::end::End;
use crate::oracle::{claims_come_first, deletes_carry_the_uid};
use crate::runner::Runner;
use crate::scene::{SOON, Scene, names};
use crate::state::{self, State};
use crate::support::eventually;

/// Alone, and with the shortest soaks.
const ALONE: &[&str] = &["--leader-elect=false", "--crd-soak=1s"];
/// More runs than there are writes, before and after.
const MOST: usize = 400;
/// How the releases are reached, one after the other.
const RELEASES: [&str; 3] = ["1.0.0", "1.1.0", "2.0.0"];
/// Writes of the definition's spec on the way: it expands for 1.1.0; it expands, is unlocked and flipped for 2.0.0.
const SPECS: usize = 1 + 3;

/// One way from the first release to the last.
struct Run<'a> {
    scene: &'a Scene,
    /// `r100`: part of every name, and of nothing else.
    mark: String,
}

#[tokio::test]
async fn crd_crash_after_every_write() {
    let scene = Scene::begin().await;
    let mut runner = Runner::start(&scene, "crds", ALONE);
    let all = std::env::var("LEASEHOLD_FAULTS").is_ok_and(|given| given == "all");
    let step = if all { 1 } else { 18 };
    let second = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let first = 1 + usize::try_from(second).unwrap_or(0) % step;
    println!("write {first} and every {step}. after it");

    let undisturbed = Run::new(&scene, 0).through(&mut runner, None, None).await;
    let specs = undisturbed.tally.get(&("spec", "customresourcedefinitions".to_owned()));
    assert_eq!(specs, Some(&SPECS), "the definition's spec is written once for each phase");
    let mut count = 0;
    for after in [true, false] {
        let mut killed = 0;
        for nth in (first..).step_by(step) {
            count += 1;
            assert!(count < MOST, "the way takes more writes than there are runs");
            let end = Run::new(&scene, count).through(&mut runner, Some((nth, after)), Some(&undisturbed)).await;
            let what = format!("killed {} write {nth}", if after { "after" } else { "before" });
            let differences = end.differences(&undisturbed);
            assert!(differences.is_empty(), "{what}: the end differs\n{}", differences.join("\n"));
            if !end.killed {
                break;
            }
            killed += 1;
        }
        println!("{}: killed {killed} times", if after { "after" } else { "before" });
        assert!(killed > 1, "it writes");
    }
}

impl<'a> Run<'a> {
    fn new(scene: &'a Scene, n: usize) -> Self {
        Self { scene, mark: format!("r{}", 100 + n) }
    }

    fn operator(&self) -> String {
        format!("crds-{}", self.mark)
    }

    fn tenants(&self) -> Vec<String> {
        names(&self.operator(), 2)
    }

    fn group(&self) -> String {
        format!("{}.example.com", self.mark)
    }

    fn definition(&self) -> String {
        format!("widgets.{}", self.group())
    }

    async fn through(&self, runner: &mut Runner<'_>, kill: Option<(usize, bool)>, undisturbed: Option<&End>) -> End {
        self.begin().await;
        runner.until_at_rest().await;
        let proxy = runner.proxy.clone();
        let began = proxy.requests();
        let rule = runner.kill_at(kill);
        let mut killed = false;
        for release in &RELEASES[1..] {
            self.release(release).await;
            self.scene.bump(&self.tenants(), release).await;
            eventually(&format!("{} is at {release}", self.mark), SOON, async || {
                killed |= runner.restart_if_dead();
                self.came(release).await
            })
            .await;
        }
        let mut end = End::of(runner, rule, began, undisturbed, async || self.state().await).await;
        end.killed |= killed;
        deletes_carry_the_uid(&end.log);
        claims_come_first(&proxy.log());
        self.forget(runner).await;
        end
    }

    /// Tenants at the first release, each with two objects of the kind.
    async fn begin(&self) {
        self.scene.policy(&self.operator(), 100, "").await;
        self.release(RELEASES[0]).await;
        for tenant in self.tenants() {
            self.scene.tenant(&tenant, &self.operator(), RELEASES[0]).await;
        }
        self.scene.until_run(&self.tenants(), RELEASES[0]).await;
        for tenant in self.tenants() {
            for name in ["one", "two"] {
                let object = json!({
                    "apiVersion": format!("{}/v1alpha1", self.group()), "kind": "Widget",
                    "metadata": {"name": name}, "spec": {"size": 3},
                });
                let object = serde_json::from_value(object).unwrap();
                let api: Api<DynamicObject> =
                    Api::namespaced_with(self.scene.client(), &format!("tenant-{tenant}"), &self.resource("v1alpha1"));
                api.create(&PostParams::default(), &object).await.unwrap();
            }
        }
    }

    async fn release(&self, version: &str) {
        let crds = json!([{"inline": self.bring(version)}]);
        self.scene.release(&self.operator(), version, &format!("  rollbackTo: '>=1.0.0'\n  crds: {crds}\n")).await;
    }

    /// A field is new in 1.1.0; a version, with a field of its own and a loosened bound, in 2.0.0.
    fn bring(&self, release: &str) -> Value {
        let integer = |most: u8| json!({"type": "integer", "minimum": 1, "maximum": most});
        let schema = |most: u8, fields: &[&str]| {
            let mut spec = json!({"type": "object", "required": ["size"], "properties": {"size": integer(most)}});
            for field in fields {
                spec["properties"][field] = integer(64);
            }
            json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}})
        };
        let version = |name: &str, storage: bool, schema: Value| json!({"name": name, "served": true, "storage": storage, "schema": schema});
        let versions = match release {
            "1.0.0" => vec![version("v1alpha1", true, schema(5, &[]))],
            "1.1.0" => vec![version("v1alpha1", true, schema(5, &["items"]))],
            _ => vec![
                version("v1", true, schema(9, &["items", "threads"])),
                version("v1alpha1", false, schema(5, &["items"])),
            ],
        };
        let names = json!({"kind": "Widget", "plural": "widgets"});
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": self.definition()},
            "spec": {"group": self.group(), "names": names, "scope": "Namespaced", "versions": versions},
        })
    }

    fn resource(&self, version: &str) -> ApiResource {
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(&self.group(), version, "Widget"), "widgets")
    }

    /// Whether all is done that follows from a release and from asking for it.
    async fn came(&self, version: &str) -> bool {
        let upgrades: Api<CrdUpgrade> = Api::all(self.scene.client());
        let upgrade = upgrades.get_opt(&format!("{}-{}-{version}", self.definition(), self.operator())).await;
        let Ok(Some(upgrade)) = upgrade else { return false };
        upgrade.status.is_some_and(|status| status.phase == CrdPhase::Done)
            && self.scene.run(&self.tenants(), version).await
            && self.scene.succeeded(&self.operator(), version).await.is_some()
            && settled_pods(self.scene, &self.tenants()).await
    }

    /// All that was made of the tenants, the definition, its record and its objects, as it is stored.
    async fn state(&self) -> State {
        let (client, versions) = (self.scene.client(), RELEASES.map(str::to_owned));
        let words = vec![(self.mark.clone(), "RUN")];
        let mut state = state::of(&client, &self.tenants(), &versions, &words).await;
        let shared = [
            ApiResource::erase::<CustomResourceDefinition>(&()),
            ApiResource::erase::<CrdUpgrade>(&()),
            self.resource("v1"),
        ];
        for resource in shared {
            state.extend(state::shared(&client, &resource, &self.mark, &words).await);
        }
        state
    }

    /// So that the next run finds nothing of it: first the tenants, then what would bring the definition back.
    async fn forget(&self, runner: &mut Runner<'_>) {
        let client = self.scene.client();
        for tenant in self.tenants() {
            self.scene.tenants().delete(&tenant, &DeleteParams::default()).await.unwrap();
        }
        let namespaces: Api<Namespace> = Api::all(client.clone());
        eventually("the tenants are gone", SOON, async || {
            runner.restart_if_dead();
            let tenants = self.left::<Tenant>().await?;
            let spaces = namespaces.list(&ListParams::default()).await?;
            let left = tenants + spaces.items.iter().filter(|space| space.name_any().contains(&self.mark)).count();
            Ok::<_, kube::Error>((left == 0).then_some(()))
        })
        .await;
        self.delete::<OperatorRelease>().await;
        self.delete::<Rollout>().await;
        self.delete::<CrdUpgrade>().await;
        self.delete::<CustomResourceDefinition>().await;
    }

    async fn left<K>(&self) -> kube::Result<usize>
    where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        let all = Api::<K>::all(self.scene.client()).list(&ListParams::default()).await?;
        Ok(all.items.iter().filter(|object| object.name_any().contains(&self.mark)).count())
    }

    async fn delete<K>(&self)
    where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        let api: Api<K> = Api::all(self.scene.client());
        for object in api.list(&ListParams::default()).await.unwrap() {
            if object.name_any().contains(&self.mark) {
                let _ = api.delete(&object.name_any(), &DeleteParams::default()).await;
            }
        }
        eventually("they are gone", SOON, async || Ok::<_, kube::Error>((self.left::<K>().await? == 0).then_some(())))
            .await;
    }
}
