//! A small fleet whose releases bring one shared CRD, on the model of a cluster: every write can be the last one of a process,
//! and after each the rules are looked at that must never break.
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use leasehold::{
    api::{CrdPhase, CrdUpgradeStatus, OperatorRelease, PolicySpec, RolloutPolicy, Tenant},
    domain::crd::Definition,
    plan::crds::{CrdStep, Stage, Verdict, Waivers, compare, merge, step::PageWork},
    simulate::{Act, Cluster, Object, Write},
};
use serde_json::{Value, json};

pub const CRD: &str = "caches.example.com";
/// How long nothing may come of waiting before a story is stuck.
const PATIENCE: usize = 200;

/// A version of the definition, as a release brings it.
pub fn version(name: &str, storage: bool, fields: &Value, most: u64) -> Value {
    let mut spec = json!({"size": {"type": "integer", "minimum": 1, "maximum": most}});
    for (field, schema) in fields.as_object().unwrap() {
        spec[field] = schema.clone();
    }
    json!({"name": name, "served": true, "storage": storage, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"spec": {"type": "object", "required": ["size"], "properties": spec}}}}})
}

pub fn definition(versions: &[Value]) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": CRD},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Cache", "plural": "caches"}, "versions": versions}})
}

/// The releases of the story: 1.1.0 has a field more, 2.0.0 a version that is stored, a field more and a looser bound; 3.0.0
/// has that version only.
pub fn releases() -> Vec<(&'static str, Value, bool)> {
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer"}));
    let one = json!({"note": text.clone()});
    let two = json!({"note": text, "threads": number});
    vec![
        ("1.0.0", definition(&[version("v1alpha1", true, &json!({}), 5)]), false),
        ("1.1.0", definition(&[version("v1alpha1", true, &one, 5)]), false),
        ("2.0.0", definition(&[version("v1alpha1", false, &one, 9), version("v1", true, &two, 9)]), false),
        ("3.0.0", definition(&[version("v1", true, &two, 9)]), true),
    ]
}

pub fn release(operator: &str, version: &str, definition: &Value, contract: bool) -> Object {
    let release: OperatorRelease = serde_json::from_value(json!({
        "apiVersion": "leasehold.dev/v1alpha1", "kind": "OperatorRelease",
        "metadata": {"name": format!("{operator}-{version}")},
        "spec": {"operator": operator, "version": version, "image": format!("example.com/{operator}:{version}"), "rollbackTo": ">=1.0.0",
            "leaderElection": {"id": format!("{operator}.example.com")},
            "crds": [{"inline": definition, "contract": contract}]},
    }))
    .unwrap();
    Object::Release(Box::new(release))
}

pub fn tenant(operator: &str, name: &str, version: &str) -> Object {
    let tenant: Tenant = serde_json::from_value(json!({
        "apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name},
        "spec": {"operator": operator, "version": version},
    }))
    .unwrap();
    Object::Tenant(Box::new(tenant))
}

fn policy() -> Object {
    let spec: PolicySpec = serde_json::from_value(json!({
        "coalesce": {"quietPeriod": "5s", "maxWait": "20s"}, "limits": {"maxConcurrency": 2, "maxFailures": 1},
        "waves": [{"name": "first", "take": 1, "progressDeadline": "60s", "soak": {"duration": "10s"}},
            {"name": "all", "progressDeadline": "60s"}],
    }))
    .unwrap();
    Object::Policy(Box::new(RolloutPolicy::new("default", spec)))
}

/// The fleet, and what was seen of it.
pub struct House {
    pub cluster: Cluster,
    /// Writes to the definition's spec, by phase.
    pub specs: Vec<&'static str>,
    /// Every write so far, counted.
    pub writes: usize,
    /// Pages of stored objects among them.
    pub pages: Vec<PageWork>,
    /// After which write the process ends, if at all.
    crash: Option<usize>,
}

impl House {
    pub fn new() -> Self {
        let begin: Timestamp = "2026-01-05T10:00:00Z".parse().unwrap();
        let mut cluster = Cluster::new(begin);
        cluster.world.crd_soak = SignedDuration::from_secs(60);
        for (version, definition, contract) in releases() {
            cluster.put(release("cache", version, &definition, contract));
        }
        cluster.put(policy());
        Self { cluster, specs: Vec::new(), writes: 0, pages: Vec::new(), crash: None }
    }

    /// With tenants of these names at that version, all at rest, each with a stored object.
    pub fn with(names: &[&str], version: &str) -> Self {
        let mut house = Self::new();
        for name in names {
            house.cluster.put(tenant("cache", name, version));
        }
        house.run();
        let storage = house.live().storage().to_owned();
        let stored = names.iter().map(|name| (format!("tenant-{name}/main"), storage.clone()));
        house.cluster.stored.insert(CRD.into(), stored.collect());
        (house.specs, house.writes) = (Vec::new(), 0);
        house
    }

    pub fn crash_after(&mut self, write: usize) {
        self.crash = Some(write);
    }

    pub fn ask(&mut self, names: &[&str], version: &str) {
        let tenants = names.iter().map(|name| (*name).to_owned()).collect();
        self.cluster.act(&Act::Ask { tenants, version: version.into() }).unwrap();
    }

    pub fn act(&mut self, act: &Act) {
        self.cluster.act(act).unwrap();
    }

    /// Goes on until neither a write nor time changes anything.
    pub fn run(&mut self) {
        for _ in 0..PATIENCE {
            let wake = self.settle();
            let next = [wake, self.cluster.next_due()].into_iter().flatten().min();
            let Some(at) = next else { return };
            self.cluster.wait_until(at);
        }
        panic!("no end to it: {:?}", self.phases());
    }

    /// The same for so long.
    pub fn run_for(&mut self, seconds: i64) {
        let until = self.cluster.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        loop {
            let wake = self.settle();
            let next = [wake, self.cluster.next_due(), Some(until)].into_iter().flatten().min().unwrap();
            self.cluster.wait_until(next);
            if next >= until {
                self.settle();
                return;
            }
        }
    }

    /// Goes on until such a plan is made, and leaves it undone.
    pub fn run_until(&mut self, is: impl Fn(&leasehold::plan::Plan) -> bool) {
        for _ in 0..PATIENCE * 10 {
            let plan = self.cluster.plan();
            if is(&plan) {
                return;
            }
            let (wake, samples) = (plan.wake, plan.samples.clone());
            let writes = self.cluster.writes(plan);
            if self.cluster.sample(&samples) || !writes.is_empty() {
                for write in writes {
                    self.write(write);
                }
            } else if let Some(at) = [wake, self.cluster.next_due()].into_iter().flatten().min() {
                self.cluster.wait_until(at);
            }
        }
        panic!("no such plan: {:?}", self.phases());
    }

    fn settle(&mut self) -> Option<Timestamp> {
        for _ in 0..PATIENCE {
            let plan = self.cluster.plan();
            let (wake, samples) = (plan.wake, plan.samples.clone());
            let writes = self.cluster.writes(plan);
            if !self.cluster.sample(&samples) && writes.is_empty() {
                return wake;
            }
            for write in writes {
                self.write(write);
                if self.crash.take_if(|at| *at == self.writes).is_some() {
                    // Whoever takes over knows what the cluster has, and nothing else.
                    self.cluster.take_over();
                    self.cluster.world.sweeps.clear();
                    self.cluster.world.crd_version += 1;
                    break;
                }
            }
        }
        panic!("no end to the writes: {:?}", self.phases());
    }

    fn write(&mut self, write: Write) {
        self.writes += 1;
        let step = if let Write::Crd(step) = &write { Some(&**step) } else { None };
        if let Some(CrdStep::Write(spec)) = step {
            self.specs.push(spec.stage.name());
        }
        assert!(step.is_none_or(|step| step.about().starts_with(CRD)), "{step:?}");
        if let Some(CrdStep::Page { work, .. }) = step {
            self.pages.push(work.clone());
        }
        let stored = self.cluster.stored.get(CRD).cloned().unwrap_or_default();
        if let Some(CrdStep::Trim { stored: versions, .. }) = step {
            let left: BTreeSet<&String> = stored.values().filter(|version| !versions.contains(version)).collect();
            assert!(left.is_empty(), "trimmed while objects are stored at {left:?}");
        }
        self.cluster.apply(write);
        self.look();
    }

    /// Every operator that may run can work with what is served; no object is stored at a version that is gone; whoever is named as
    /// being in the way is in the way of something.
    fn look(&self) {
        for (name, upgrade) in &self.cluster.world.crd_upgrades {
            let Some(status) = &upgrade.status else { continue };
            let done = status.phase == CrdPhase::Done;
            assert!(!done || status.blockers.is_empty(), "{name} is done, and names {:?}", status.blockers);
            let said: Vec<(&str, &str)> = status.conditions.iter().map(|c| (&*c.type_, &*c.status)).collect();
            let other = |kind| said == [("Ready", "False"), (kind, "True")];
            let one = if done { said == [("Ready", "True")] } else { other("Reconciling") || other("Stalled") };
            assert!(one, "{name} in {:?} says {said:?}", status.phase);
        }
        let Some(live) = self.cluster.world.crds.get(CRD).and_then(|seen| seen.definition.clone()) else { return };
        for (version, tenants) in self.granted() {
            let brought = self.brought(&version);
            let findings = compare(&brought, &live, &Waivers::default());
            let harm = findings.all.iter().find(|f| f.verdict > Verdict::Ok && f.rule != "storage-changed");
            // A newer one is served all that it needs while what it loosens waits for the older ones.
            let expanded = merge(&live, &brought, Stage::Expand, &Waivers::default()).definition;
            let served = harm.is_none() || expanded.substance() == live.substance();
            assert!(served, "{tenants:?} run {version} and cannot work with what is served: {harm:?}");
        }
        for (object, version) in self.cluster.stored.get(CRD).into_iter().flatten() {
            assert!(live.version(version).is_some(), "{object} is stored at {version}, which is gone");
            let seen = &self.cluster.world.crds[CRD];
            assert!(seen.stored_versions.contains(version), "storedVersions lacks {version} of {object}");
        }
    }

    /// Tenants by the version that they were granted.
    pub fn granted(&self) -> BTreeMap<String, Vec<String>> {
        let mut granted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, seen) in &self.cluster.world.tenants {
            let status = seen.tenant.as_ref().and_then(|tenant| tenant.status.as_ref());
            if let Some(grant) = status.and_then(|status| status.granted.as_ref()) {
                granted.entry(grant.version.clone()).or_default().push(name.clone());
            }
        }
        granted
    }

    fn brought(&self, version: &str) -> Definition {
        let spec = &self.cluster.world.releases[&format!("cache-{version}")].spec;
        Definition::parse(&Value::Object(spec.crds[0].inline.clone().unwrap())).unwrap()
    }

    pub fn live(&self) -> Definition {
        (**self.cluster.world.crds[CRD].definition.as_ref().unwrap()).clone()
    }

    pub fn stored_versions(&self) -> &[String] {
        &self.cluster.world.crds[CRD].stored_versions
    }

    pub fn status(&self, version: &str) -> CrdUpgradeStatus {
        let upgrade = self.cluster.world.crd_upgrades.get(&format!("{CRD}-cache-{version}"));
        upgrade.unwrap_or_else(|| panic!("nothing is on record of {version}")).status.clone().unwrap()
    }

    pub fn phases(&self) -> Vec<(String, CrdPhase, String)> {
        let upgrades = self.cluster.world.crd_upgrades.iter();
        upgrades
            .filter_map(|(name, upgrade)| {
                let status = upgrade.status.as_ref()?;
                Some((name.clone(), status.phase, status.message.clone()))
            })
            .collect()
    }
}
