//! What kubectl does to the model's own kinds: apply, edit, delete. As the API server has it: the status stays, a changed spec
//! gets a new generation, a Tenant with a finalizer waits for its offboarding.
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time as MetaTime};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    cluster::Cluster,
    people::{Object, Refused, absent},
};
use crate::{
    api::{FleetPolicy, FleetSpec, Rollout, RolloutPolicy, Tenant},
    domain::marks,
};

impl Cluster {
    /// `kubectl apply`: the spec is taken over, the status stays.
    pub fn put(&mut self, object: Object) {
        let (version, now) = (self.next_version(), self.now);
        let world = &mut self.world;
        match object {
            Object::Tenant(tenant) => self.put_tenant(*tenant),
            Object::Release(mut release) => {
                let name = born(&mut release.metadata, version, now);
                release.status = world.releases.get(&name).and_then(|old| old.status.clone());
                world.releases.insert(name, Arc::from(release));
                world.shared_version += 1;
            }
            Object::Policy(policy) => {
                world.policies.insert(policy.metadata.name.clone().unwrap_or_default(), policy.spec);
            }
            Object::Fleet(fleet) => {
                world.fleet = fleet.spec;
                world.shared_version += 1;
            }
            Object::Window(mut window) => {
                let name = born(&mut window.metadata, version, now);
                window.status = world.windows.get(&name).and_then(|old| old.status.clone());
                world.windows.insert(name, Arc::from(window));
            }
            Object::Approval(mut approval) => {
                let name = born(&mut approval.metadata, version, now);
                world.approvals.insert(name, Arc::from(approval));
            }
        }
    }

    pub(super) fn put_tenant(&mut self, mut tenant: Tenant) {
        let (version, now) = (self.next_version(), self.now);
        let name = born(&mut tenant.metadata, version, now);
        let seen = self.world.tenants.entry(&name);
        if let Some(old) = &seen.tenant {
            let generation = old.metadata.generation.unwrap_or(1) + i64::from(old.spec != tenant.spec);
            tenant.metadata = ObjectMeta {
                labels: tenant.metadata.labels.take(),
                annotations: tenant.metadata.annotations.take(),
                resource_version: tenant.metadata.resource_version.take(),
                generation: Some(generation),
                ..old.metadata.clone()
            };
            tenant.status.clone_from(&old.status);
        }
        if seen.tenant.as_ref().is_none_or(|old| old.spec.version != tenant.spec.version) {
            seen.desired_since = now;
        }
        seen.fault = None;
        seen.tenant = Some(Arc::new(tenant));
    }

    pub(super) fn delete_object(&mut self, object: &str) -> Result<(), Refused> {
        let (kind, name) = split(object)?;
        let world = &mut self.world;
        let was_there = match kind {
            "Tenant" => return self.delete_tenant(name),
            "Rollout" => world.rollouts.remove(name).is_some(),
            "RolloutPolicy" => world.policies.remove(name).is_some(),
            "ChangeWindow" => world.windows.remove(name).is_some(),
            "RolloutApproval" => world.approvals.remove(name).is_some(),
            "OperatorRelease" => {
                world.shared_version += 1;
                world.releases.remove(name).is_some()
            }
            "FleetPolicy" => {
                world.shared_version += 1;
                world.fleet = FleetSpec::default();
                true
            }
            _ => return Err(Refused(format!("there is no kind {kind} here"))),
        };
        if was_there { Ok(()) } else { Err(Refused(format!("there is no {kind} {name} at this time"))) }
    }

    fn delete_tenant(&mut self, name: &str) -> Result<(), Refused> {
        let now = self.now;
        let Some(tenant) = self.world.tenants.get(name).and_then(|seen| seen.tenant.as_ref()) else {
            return Err(absent("Tenant", name, self.world.tenants.keys()));
        };
        if tenant.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == marks::FINALIZER) {
            self.edit_tenant(name, |tenant| tenant.metadata.deletion_timestamp = Some(MetaTime(now)));
        } else {
            self.world.tenants.remove(name);
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, object: &str, merge: &Value) -> Result<(), Refused> {
        let (kind, name) = split(object)?;
        let none = || Refused(format!("there is no {kind} {name} at this time"));
        let world = &self.world;
        match kind {
            "Tenant" => {
                let old = world.tenants.get(name).and_then(|seen| seen.tenant.as_deref()).ok_or_else(none)?;
                let tenant = merged(old, merge)?;
                self.put_tenant(tenant);
            }
            "Rollout" => {
                let old: &Rollout = world.rollouts.get(name).ok_or_else(none)?;
                let spec = merged(old, merge)?.spec;
                self.edit_rollout(name, |old| *old = spec)?;
            }
            "RolloutPolicy" => {
                let spec = world.policies.get(name).cloned().ok_or_else(none)?;
                let policy = merged(&RolloutPolicy::new(name, spec), merge)?;
                self.put(Object::Policy(Box::new(policy)));
            }
            "FleetPolicy" => {
                let fleet = merged(&FleetPolicy::new(name, world.fleet.clone()), merge)?;
                self.put(Object::Fleet(Box::new(fleet)));
            }
            "ChangeWindow" => {
                let window = merged(&**world.windows.get(name).ok_or_else(none)?, merge)?;
                self.put(Object::Window(Box::new(window)));
            }
            _ => return Err(Refused(format!("a {kind} is immutable, or no kind of Leasehold's"))),
        }
        Ok(())
    }
}

/// What the API server numbers and notes on a new object. Returns its name.
fn born(metadata: &mut ObjectMeta, version: u64, now: Timestamp) -> String {
    let name = metadata.name.clone().unwrap_or_default();
    metadata.uid.get_or_insert_with(|| format!("uid-{name}"));
    metadata.generation.get_or_insert(1);
    metadata.creation_timestamp.get_or_insert(MetaTime(now));
    metadata.resource_version = Some(version.to_string());
    name
}

fn split(object: &str) -> Result<(&str, &str), Refused> {
    object.split_once('/').ok_or_else(|| Refused(format!("`{object}` names no object: write Kind/name")))
}

fn merged<T: Serialize + DeserializeOwned>(old: &T, merge: &Value) -> Result<T, Refused> {
    let mut value = serde_json::to_value(old).map_err(|why| Refused(why.to_string()))?;
    patch(&mut value, merge);
    serde_json::from_value(value).map_err(|why| Refused(format!("the API server would refuse that: {why}")))
}

/// A JSON merge patch (RFC 7386).
fn patch(into: &mut Value, merge: &Value) {
    let Value::Object(merge) = merge else {
        into.clone_from(merge);
        return;
    };
    if !into.is_object() {
        *into = Value::Object(serde_json::Map::new());
    }
    let Some(object) = into.as_object_mut() else { return };
    for (key, value) in merge {
        if value.is_null() {
            object.remove(key);
        } else {
            patch(object.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
