//! A cluster in a few dozen lines: it takes what the planner decides as done, runs pods at once, and lets their first one
//! lead. The views are drawn from the World that the real observer makes of it.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kube::api::DynamicObject;
use leasehold::{
    api::{FleetPolicy, OperatorRelease, Rollout, RolloutPolicy, Tenant},
    domain::{epoch::Epoch, kinds, marks, object::LeaseSeen, world::World},
    observe::{Index, Source},
    plan::{Plan, Planner, tenant::Step},
};
use serde_json::{Value, json};

/// The beginning of every story.
pub const BEGIN: &str = "2026-01-05T10:00:00Z";

/// A Tenant as YAML, with these fields of its spec.
pub fn tenant(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: leasehold.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: {name}}}\nspec: {{operator: memcached, {spec}}}\n"
    )
}

/// All of these at that version.
pub fn fleet_of(names: &[&str], version: &str) -> String {
    names.iter().map(|name| tenant(name, &format!("version: {version}"))).collect()
}

pub struct Model {
    pub now: Timestamp,
    index: Index,
    pub planner: Planner,
    tenants: BTreeMap<String, Value>,
    rollouts: BTreeMap<String, Value>,
    /// The stacks' objects, by tenant and kind.
    objects: BTreeMap<(String, String), Value>,
    version: u64,
}

impl Model {
    /// A cluster that holds these objects.
    pub fn new(yaml: &str) -> Self {
        let mut model = Self {
            now: BEGIN.parse().unwrap(),
            index: Index::default(),
            planner: Planner::default(),
            tenants: BTreeMap::new(),
            rollouts: BTreeMap::new(),
            objects: BTreeMap::new(),
            version: 0,
        };
        model.apply(yaml);
        model
    }

    /// One in which these run 1.0.0 of what those objects say, and have for five minutes.
    pub fn running(yaml: &str, names: &[&str]) -> Self {
        let mut model = Self::new(&(yaml.to_owned() + &fleet_of(names, "1.0.0")));
        model.settle();
        model.wait(300);
        model
    }

    pub fn world(&self) -> &World {
        self.index.world()
    }

    /// `kubectl apply`: the spec and the metadata are taken over, the status stays.
    pub fn apply(&mut self, yaml: &str) {
        for mut object in serde_saphyr::from_multiple::<Value>(yaml).unwrap() {
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            object["metadata"]["uid"] = format!("uid-{name}").into();
            object["metadata"]["creationTimestamp"] = BEGIN.into();
            match object["kind"].as_str().unwrap() {
                "Tenant" => {
                    if let Some(old) = self.tenants.get(&name) {
                        object["status"] = old["status"].clone();
                        object["metadata"]["finalizers"] = old["metadata"]["finalizers"].clone();
                        object["metadata"]["generation"] = 2.into();
                    }
                    self.put_tenant(&name, full::<Tenant>(object));
                }
                "OperatorRelease" => self.put(Source::Releases, full::<OperatorRelease>(object)),
                "RolloutPolicy" => self.put(Source::Policies, full::<RolloutPolicy>(object)),
                "FleetPolicy" => self.put(Source::Fleet, full::<FleetPolicy>(object)),
                other => panic!("{other} has no place in these stories"),
            }
        }
    }

    /// Lets time pass.
    pub fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub fn plan(&mut self) -> Plan {
        self.planner.plan(self.index.world(), &BTreeMap::new(), &Epoch::default(), self.now)
    }

    /// A restore or a hand takes the status away; with `and_grant` also what the workload says of its grant.
    pub fn lose_status(&mut self, name: &str, and_grant: bool) {
        let mut tenant = self.tenants[name].clone();
        tenant.as_object_mut().unwrap().remove("status");
        self.put_tenant(name, tenant);
        if and_grant {
            let mut workload = self.objects[&(name.to_owned(), "Deployment".to_owned())].clone();
            workload["metadata"]["annotations"].as_object_mut().unwrap().remove(marks::GRANT);
            self.put_object(name, workload);
        }
        // A new process: nothing is remembered.
        self.planner = Planner::default();
    }

    /// An object of a tenant's stack as it is stored.
    pub fn object(&self, tenant: &str, kind: &str) -> &Value {
        &self.objects[&(tenant.to_owned(), kind.to_owned())]
    }

    /// Somebody changes an object of a stack.
    pub fn tamper(&mut self, tenant: &str, kind: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.object(tenant, kind).clone();
        change(&mut object);
        self.put_object(tenant, object);
    }

    /// A tenant as it is stored.
    pub fn tenant(&self, name: &str) -> Tenant {
        serde_json::from_value(self.tenants[name].clone()).unwrap()
    }

    /// A Rollout as it is stored.
    pub fn rollout(&self, name: &str) -> Rollout {
        serde_json::from_value(self.rollouts[name].clone()).unwrap()
    }

    /// Does what is planned, until nothing is left to do without time passing.
    pub fn settle(&mut self) {
        assert!((0..64).any(|_| !self.step()), "it does not settle");
    }

    /// Does what is planned now, once. Whether that was anything.
    pub fn step(&mut self) -> bool {
        let plan = self.plan();
        let steps: Vec<(String, Step)> =
            self.planner.nexts().filter_map(|(name, next)| Some((name.clone(), next.step.clone()?))).collect();
        let busy = !(plan.rollouts.create.is_empty() && plan.rollouts.status.is_empty() && steps.is_empty());
        for rollout in plan.rollouts.create {
            let mut value = serde_json::to_value(&rollout).unwrap();
            value["metadata"]["creationTimestamp"] = self.now.to_string().into();
            self.put_rollout(value);
        }
        for (name, status) in plan.rollouts.status {
            let mut value = self.rollouts[&name].clone();
            value["status"] = serde_json::to_value(status).unwrap();
            self.put_rollout(value);
        }
        for (name, step) in &steps {
            self.take(name, step);
        }
        busy
    }

    fn take(&mut self, name: &str, step: &Step) {
        let mut tenant = self.tenants[name].clone();
        match step {
            Step::AddFinalizer => tenant["metadata"]["finalizers"] = json!([marks::FINALIZER]),
            Step::Status(status) => tenant["status"] = serde_json::to_value(status).unwrap(),
            Step::Apply(stages) => {
                for apply in stages.iter().flatten() {
                    self.put_object(name, serde_json::from_str(&apply.object.manifest).unwrap());
                }
                return;
            }
            Step::Mark { .. } => return,
            other => panic!("{other:?} has no place in these stories"),
        }
        self.put_tenant(name, tenant);
    }

    fn put_tenant(&mut self, name: &str, tenant: Value) {
        self.tenants.insert(name.to_owned(), tenant.clone());
        self.put(Source::Tenants, tenant);
    }

    fn put_rollout(&mut self, rollout: Value) {
        let name = rollout["metadata"]["name"].as_str().unwrap().to_owned();
        self.rollouts.insert(name, rollout.clone());
        self.put(Source::Rollouts, full::<Rollout>(rollout));
    }

    fn put_object(&mut self, tenant: &str, mut object: Value) {
        let kind = object["kind"].as_str().unwrap().to_owned();
        let group = object["apiVersion"].as_str().unwrap().split_once('/').map_or("", |(group, _)| group).to_owned();
        object["metadata"]["uid"] = format!("uid-{tenant}-{kind}").into();
        self.objects.insert((tenant.to_owned(), kind.clone()), object.clone());
        if kind == "Deployment" {
            self.run(tenant, &mut object);
        }
        self.put(Source::Stack(kinds::find(&group, &kind).unwrap()), object);
    }

    /// Runs a Deployment's pods; those of an image called bad, or with less than 2Mi of memory, never become ready.
    fn run(&mut self, tenant: &str, deployment: &mut Value) {
        let template = &deployment["spec"]["template"];
        let wanted = deployment["spec"]["replicas"].as_i64().unwrap();
        let container = &template["spec"]["containers"][0];
        let starved = container["resources"]["limits"]["memory"] == "1Mi";
        let good = !starved && !container["image"].as_str().unwrap().contains("bad");
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "pod-0", "namespace": deployment["metadata"]["namespace"], "uid": format!("uid-{tenant}-{}", self.version),
                "labels": template["metadata"]["labels"], "annotations": template["metadata"]["annotations"],
            },
            "status": {"conditions": [{"type": "Ready", "status": if good { "True" } else { "False" }}]},
        });
        let available = if good { wanted } else { 0 };
        deployment["metadata"]["generation"] = 1.into();
        deployment["status"] = json!({"observedGeneration": 1, "replicas": wanted, "updatedReplicas": wanted, "availableReplicas": available});
        self.put(Source::Pods, pod);
        let lease = LeaseSeen {
            known: true,
            holder: "pod-0_1".into(),
            acquired: Some(self.now),
            renewed: Some(self.now),
            leaderless_milliseconds: 12,
            handovers: 1,
            ..LeaseSeen::default()
        };
        self.index.lease(tenant, good.then_some(lease));
    }

    fn put(&mut self, source: Source, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        self.index.answer(source, &object, self.now);
    }
}

/// The object with every default, as the API server stores it.
fn full<T: serde::Serialize + serde::de::DeserializeOwned>(object: Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(object).unwrap()).unwrap()
}
