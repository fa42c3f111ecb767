//! A cluster of plain JSON that takes one step of Tenant `acme` after the other, and shows itself to the real observer as
//! watches would: what has no label is not seen. Never: decides anything.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kube::api::DynamicObject;
use leasehold::{
    domain::{
        epoch::Epoch,
        kinds, marks,
        object::{LeaseSeen, ObjectKey},
        report::Report,
        world::{Apis, Lookup, World},
    },
    observe::{Change, Index, Source, Step as Show},
    plan::{Plan, Planner, tenant::Step},
};
use serde_json::{Value, json};

pub use crate::objects::{merge, release, tenant};

pub struct Desk {
    pub epoch: Epoch,
    pub planner: Planner,
    /// By name of the source and `namespace/name`.
    pub store: BTreeMap<(&'static str, String), (Source, Value)>,
    index: Index,
    now: Timestamp,
    version: u64,
}

impl Desk {
    /// A cluster with a release, which serves these optional APIs. No Tenant yet.
    pub fn new(apis: Apis) -> Self {
        let mut desk = Self {
            epoch: Epoch::default(),
            planner: Planner::default(),
            store: BTreeMap::new(),
            index: index(apis),
            now: "2026-01-05T10:00:00Z".parse().unwrap(),
            version: 0,
        };
        desk.put(Source::Releases, release(&json!({})));
        desk
    }

    /// The same with the Tenant's stack up and proven.
    pub fn onboarded(epoch: Epoch) -> Self {
        let mut desk = Self { epoch, ..Self::new(Apis::default()) };
        desk.put(Source::Tenants, tenant(&json!({})));
        desk.settle();
        assert_eq!(desk.report().word(), "Done", "{}", desk.report().note);
        desk
    }

    /// Another process in place of this one: it sees what there is, Tenants first, and remembers nothing.
    pub fn restart(&mut self) {
        (self.index, self.planner) = (index(self.world().apis), Planner::default());
        let mut all: Vec<(Source, Value)> = self.store.values().cloned().collect();
        all.sort_by_key(|(source, _)| matches!(source, Source::Pods | Source::Stack(_)));
        for (source, object) in &all {
            self.show(*source, object);
        }
    }

    pub fn world(&self) -> &World {
        self.index.world()
    }

    /// Creates or replaces an object, and shows what a watch would show of it.
    pub fn put(&mut self, source: Source, mut object: Value) {
        let key = key(&object);
        let old = self.store.get(&(source.name(), key.clone())).map(|(_, old)| old["metadata"]["uid"].clone());
        self.version += 1;
        object["metadata"]["uid"] = old.unwrap_or_else(|| format!("uid-{}", self.version).into());
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.show(source, &object);
        self.store.insert((source.name(), key), (source, object));
    }

    /// Changes an object, as anybody may.
    pub fn patch(&mut self, source: Source, key: &str, edit: impl FnOnce(&mut Value)) {
        let (_, mut object) = self.store[&(source.name(), key.to_owned())].clone();
        edit(&mut object);
        self.put(source, object);
    }

    pub fn get(&self, kind: &str, key: &str) -> Option<&Value> {
        let named = |found: &Source| found.api_resource().kind == kind;
        self.store.iter().find(|((_, at), (source, _))| at == key && named(source)).map(|(_, (_, object))| object)
    }

    /// Asks for the Tenant's deletion.
    pub fn delete_tenant(&mut self) {
        let now = self.now.to_string();
        self.patch(Source::Tenants, "acme", |tenant| tenant["metadata"]["deletionTimestamp"] = now.into());
    }

    pub fn remove(&mut self, source: Source, key: &str) {
        if let Some((_, object)) = self.store.remove(&(source.name(), key.to_owned())) {
            self.gone(source, &object);
        }
    }

    fn show(&mut self, source: Source, object: &Value) {
        let watched = !matches!(source, Source::Stack(_) | Source::Pods)
            || object["metadata"]["labels"].get(marks::TENANT).is_some();
        if watched {
            let step = Show::Put(Box::new(dynamic(object)));
            self.index.apply(Change { source, step }, self.now).unwrap();
        } else {
            self.gone(source, object);
        }
    }

    fn gone(&mut self, source: Source, object: &Value) {
        self.index.apply(Change { source, step: Show::Gone(Box::new(dynamic(object))) }, self.now).unwrap();
    }

    pub fn plan(&mut self) -> Plan {
        self.planner.plan(self.index.world(), &BTreeMap::new(), &self.epoch, self.now)
    }

    /// Plans, and says what is the matter with the Tenant.
    pub fn report(&mut self) -> Report {
        self.plan();
        self.planner.next("acme").expect("there is a Tenant").report.clone()
    }

    /// The next step, carried out.
    pub fn step(&mut self) -> Option<Step> {
        self.plan();
        let step = self.planner.next("acme")?.step.clone()?;
        self.carry_out(&step);
        Some(step)
    }

    /// Steps until it takes one like this.
    pub fn until(&mut self, what: &str, is: impl Fn(&Step) -> bool) {
        let taken = (0..64).any(|_| self.step().is_some_and(|step| is(&step)));
        assert!(taken, "no step {what}");
    }

    /// Steps until nothing is left to do.
    pub fn settle(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(step) = self.step() {
            steps.push(step);
            assert!(steps.len() < 64, "it does not settle: {:?}", steps.last());
            self.now += SignedDuration::from_millis(10);
        }
        steps
    }

    fn carry_out(&mut self, step: &Step) {
        match step {
            Step::AddFinalizer => {
                self.patch(Source::Tenants, "acme", |t| t["metadata"]["finalizers"] = json!([marks::FINALIZER]));
            }
            Step::RemoveFinalizer => self.remove(Source::Tenants, "acme"),
            Step::Status(status) => {
                self.patch(Source::Tenants, "acme", |t| t["status"] = serde_json::to_value(status).unwrap());
            }
            Step::Apply(stages) => {
                for apply in stages.iter().flatten() {
                    self.apply(serde_json::from_str(&apply.object.manifest).unwrap());
                }
            }
            Step::Recall(keys) => {
                let lookups = keys.iter().map(|key| (key.clone(), self.recall(key))).collect();
                self.index.looked_up("acme", lookups);
            }
            Step::Finalize(_) => self.index.customs("acme", Vec::new(), self.now),
            Step::Scale(targets) => targets.iter().for_each(|target| self.run(&target.key, 0)),
            Step::Delete(targets) => targets.iter().for_each(|target| self.delete(&target.key)),
            Step::Unmark(targets) => targets.iter().for_each(|target| self.unmark(&target.key)),
            Step::Mark { .. } | Step::Evict { .. } => {}
        }
    }

    fn apply(&mut self, mut object: Value) {
        object["metadata"]["annotations"][marks::EPOCH] = self.epoch.to_string().into();
        let kind = object["kind"].as_str().unwrap().to_owned();
        let group = object["apiVersion"].as_str().unwrap().split_once('/').map_or("", |(group, _)| group).to_owned();
        let replicas = object.pointer("/spec/replicas").and_then(Value::as_i64);
        let stack_key = ObjectKey {
            namespace: object["metadata"]["namespace"].as_str().unwrap_or_default().into(),
            name: object["metadata"]["name"].as_str().unwrap().into(),
            group: group.clone(),
            kind: kind.clone(),
        };
        self.put(Source::Stack(kinds::find(&group, &kind).unwrap()), object);
        if let Some(replicas) = replicas {
            self.run(&stack_key, replicas);
        }
    }

    /// The Deployment has that many replicas; its one pod leads, or goes.
    fn run(&mut self, key: &ObjectKey, replicas: i64) {
        let (source, at) = place(key);
        let status = json!({"replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas, "observedGeneration": 1});
        self.patch(source, &at, |deployment| {
            deployment["metadata"]["generation"] = 1.into();
            deployment["spec"]["replicas"] = replicas.into();
            deployment["status"] = status;
        });
        if replicas == 0 {
            return self.remove(Source::Pods, &format!("{}/pod-0", key.namespace));
        }
        let template = self.store[&(source.name(), at)].1["spec"]["template"]["metadata"].clone();
        let metadata = json!({"name": "pod-0", "namespace": key.namespace, "labels": template["labels"],
            "annotations": template["annotations"]});
        let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        self.put(Source::Pods, json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": ready}));
        let (acquired, renewed) = (Some(self.now), Some(self.now));
        let lease = LeaseSeen { known: true, holder: "pod-0_1".into(), acquired, renewed, ..LeaseSeen::default() };
        self.index.lease("acme", Some(lease));
    }

    /// As `act` does it.
    fn recall(&mut self, key: &ObjectKey) -> Lookup {
        let (source, at) = place(key);
        let uid = self.store[&("tenants", "acme".to_owned())].1["metadata"]["uid"].clone();
        match self.store.get(&(source.name(), at.clone())) {
            Some((_, object)) if object["metadata"]["annotations"][marks::TENANT_UID] == uid => {
                self.patch(source, &at, |object| object["metadata"]["labels"][marks::TENANT] = "acme".into());
                Lookup::Settled
            }
            Some(_) => Lookup::Stray,
            None => Lookup::Settled,
        }
    }

    fn delete(&mut self, key: &ObjectKey) {
        let (source, at) = place(key);
        self.remove(source, &at);
        if key.kind == "Namespace" {
            let within = format!("{}/", key.name);
            let all: Vec<(Source, String)> = self
                .store
                .iter()
                .filter(|((_, at), _)| at.starts_with(&within))
                .map(|((_, at), (source, _))| (*source, at.clone()))
                .collect();
            for (source, at) in all {
                self.remove(source, &at);
            }
        }
    }

    fn unmark(&mut self, key: &ObjectKey) {
        let (source, at) = place(key);
        self.patch(source, &at, |object| {
            for field in ["labels", "annotations"] {
                let map = object["metadata"][field].as_object_mut().unwrap();
                map.retain(|key, _| !key.starts_with("leasehold.dev/"));
            }
        });
    }
}

fn index(apis: Apis) -> Index {
    let mut index = Index::default();
    index.set_apis(apis);
    index.set_home("the-leaseholds");
    index
}

fn place(key: &ObjectKey) -> (Source, String) {
    let at = if key.namespace.is_empty() { key.name.clone() } else { format!("{}/{}", key.namespace, key.name) };
    (Source::Stack(key.stack_kind().unwrap()), at)
}

fn key(object: &Value) -> String {
    let name = object["metadata"]["name"].as_str().unwrap();
    object["metadata"]["namespace"].as_str().map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

fn dynamic(object: &Value) -> DynamicObject {
    serde_json::from_value(object.clone()).unwrap()
}
