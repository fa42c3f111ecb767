//! One observed object → its place in the World. What says nothing new leaves no trace, so that nothing is planned anew.
use std::sync::Arc;

use jiff::Timestamp;
use kube::{ResourceExt, api::DynamicObject};
use serde::de::DeserializeOwned;

use super::{
    allowance,
    index::{self, Index},
    reduce,
    watch::Source,
};
use crate::{
    api::{
        ChangeWindow, CrdUpgrade, FleetPolicy, FleetSpec, OperatorRelease, Rollout, RolloutApproval, RolloutPolicy,
        RolloutSlice, Tenant,
    },
    domain::{crd::CrdSeen, kinds::StackKind, marks, object::PodSeen, world::Undecodable},
};

impl Index {
    pub(super) fn record(&mut self, source: Source, object: &DynamicObject, now: Timestamp) {
        let name = object.name_any();
        match source {
            Source::Tenants => {
                if let Some(tenant) = self.decode::<Tenant>(source, object) {
                    self.record_tenant(&name, tenant, now);
                }
            }
            Source::Releases => {
                if let Some(release) = self.decode::<OperatorRelease>(source, object) {
                    self.record_release(name, release);
                }
            }
            Source::Policies => {
                if let Some(policy) = self.decode::<RolloutPolicy>(source, object) {
                    self.world.policies.insert(name, policy.spec);
                }
            }
            Source::Rollouts => {
                if let Some(rollout) = self.decode::<Rollout>(source, object) {
                    self.world.rollouts.insert(name, rollout);
                }
            }
            Source::Slices => {
                if let Some(slice) = self.decode::<RolloutSlice>(source, object) {
                    self.world.slices.insert(name, Arc::new(slice));
                }
            }
            Source::Windows => {
                if let Some(window) = self.decode::<ChangeWindow>(source, object) {
                    self.world.windows.insert(name, Arc::new(window));
                }
            }
            Source::Approvals => {
                if let Some(approval) = self.decode::<RolloutApproval>(source, object) {
                    self.world.approvals.insert(name, Arc::new(approval));
                }
            }
            Source::CrdUpgrades => {
                if let Some(upgrade) = self.decode::<CrdUpgrade>(source, object) {
                    self.world.crd_upgrades.insert(name, Arc::new(upgrade));
                    self.world.crd_version += 1;
                }
            }
            Source::Fleet => self.record_fleet(object),
            Source::Crds => self.record_crd(&name, object),
            Source::CrdMaps => self.record_crd_map(object),
            Source::Pods => self.record_pod(object),
            Source::Stack(kind) => self.record_object(kind, object),
        }
    }

    fn record_pod(&mut self, object: &DynamicObject) {
        let Some((name, pod)) = reduce::pod(object) else { return };
        let ours = self.at_home(&pod.tenant, &pod.namespace) && self.made(&pod);
        if !ours || !self.has_room_for_pod(&pod.tenant, &name) {
            return;
        }
        let known = self.world.tenants.get(&pod.tenant).and_then(|seen| seen.pods.get(&name));
        if known.map(AsRef::as_ref) == Some(&pod) {
            return;
        }
        if pod.is_in_trouble() {
            self.intends();
        }
        self.tenant(&pod.tenant.clone()).pods.insert(name, Box::new(pod));
    }

    /// What is said of a release in its status concerns no tenant: of ten thousand, none is looked at again for it.
    fn record_release(&mut self, name: String, release: OperatorRelease) {
        let waived = |release: &OperatorRelease| release.annotations().get(marks::WAIVE).cloned();
        let same = |old: &Arc<OperatorRelease>| {
            old.spec == release.spec && old.metadata.uid == release.metadata.uid && waived(old) == waived(&release)
        };
        if !self.world.releases.get(&name).is_some_and(same) {
            self.world.shared_version += 1;
        }
        self.world.releases.insert(name, Arc::new(release));
    }

    /// One that cannot be read leaves the last one that could in force. Without any, nobody knows the ceilings: that is noted,
    /// and nothing is granted.
    fn record_fleet(&mut self, object: &DynamicObject) {
        match self.decode::<FleetPolicy>(Source::Fleet, object) {
            Some(policy) => {
                self.fleet_read = true;
                self.set_fleet(policy.spec, None);
            }
            None if self.fleet_read => {}
            None => {
                let key = (Source::Fleet.name().to_owned(), object.name_any());
                let error = self.world.undecodable.get(&key).map(|found| found.error.clone());
                self.set_fleet(FleetSpec::default(), Some(error.unwrap_or_default()));
            }
        }
    }

    /// There is none, or no longer: the defaults apply.
    pub(super) fn no_fleet_policy(&mut self) {
        self.fleet_read = false;
        self.set_fleet(FleetSpec::default(), None);
    }

    fn set_fleet(&mut self, mut fleet: FleetSpec, unread: Option<String>) {
        if !self.world.home.is_empty() && !fleet.protected_namespaces.contains(&self.world.home) {
            fleet.protected_namespaces.push(self.world.home.clone());
        }
        if self.world.fleet != fleet || self.world.fleet_unread != unread {
            self.world.fleet = fleet;
            self.world.fleet_unread = unread;
            self.world.shared_version += 1;
        }
    }

    fn record_tenant(&mut self, name: &str, tenant: Tenant, now: Timestamp) {
        let seen = self.tenant(name);
        let uid = |tenant: &Tenant| tenant.metadata.uid.clone();
        // What was found out about one that is gone says nothing of another one of its name.
        if seen.tenant.as_deref().map(uid) != Some(uid(&tenant)) {
            seen.customs = None;
            seen.lookups.clear();
        }
        let wanted = |t: &Tenant| (t.spec.version.clone(), t.metadata.uid.clone());
        if seen.tenant.as_deref().map(wanted) != Some(wanted(&tenant)) {
            seen.desired_since = now;
        }
        // A person's edit deserves a fresh look, whatever failed before.
        if seen.tenant.as_ref().is_some_and(|old| old.metadata.generation != tenant.metadata.generation) {
            seen.fault = None;
        }
        // What came before the Tenant was taken on its label's word; a label is anybody's to write.
        let home = tenant.target_namespace();
        if seen.objects.keys().any(|key| key.home() != home) {
            seen.objects.retain(|key, _| key.home() == home);
        }
        seen.pods.retain(|_, pod| pod.namespace == home && pod.tenant_uid == tenant.metadata.uid);
        seen.tenant = Some(Arc::new(tenant));
    }

    /// Whether something stands where that tenant's things stand: elsewhere its mark means nothing, and another tenant
    /// could have written it.
    fn at_home(&self, tenant: &str, namespace: &str) -> bool {
        let known = self.world.tenants.get(tenant).and_then(|seen| seen.tenant.as_ref());
        known.is_none_or(|tenant| tenant.target_namespace() == namespace)
    }

    /// Whether a pod is of that very Tenant's stack. The label stays on what a tenant of the same name left behind.
    fn made(&self, pod: &PodSeen) -> bool {
        let known = self.world.tenants.get(&pod.tenant).and_then(|seen| seen.tenant.as_ref());
        known.is_none_or(|tenant| tenant.metadata.uid == pod.tenant_uid)
    }

    fn record_object(&mut self, kind: &StackKind, object: &DynamicObject) {
        if let Some((key, mut reduced)) = reduce::object(kind, object)
            && self.at_home(&reduced.tenant, key.home())
            && self.has_room_for(&reduced.tenant, &key)
        {
            let version = reduced.resource_version.clone();
            let known = self.world.tenants.get(&reduced.tenant).and_then(|seen| seen.objects.get(&key));
            let same = known.is_some_and(|old| {
                reduced.resource_version.clone_from(&old.resource_version);
                *old == reduced
            });
            if same {
                self.world.tenants.renumber(&reduced.tenant, &key, version);
                return;
            }
            reduced.resource_version = version;
            if reduced.workload.as_ref().is_some_and(|workload| workload.refused.is_some()) {
                self.intends();
            }
            let seen = self.tenant(&reduced.tenant.clone());
            seen.objects.insert(key, reduced);
            allowance::keep_within(seen);
        }
    }

    fn record_crd(&mut self, name: &str, object: &DynamicObject) {
        let Ok(object) = serde_json::to_value(object) else { return };
        let seen = CrdSeen::read(&object);
        if self.world.crds.get(name) != Some(&seen) {
            self.world.crds.insert(name.to_owned(), seen);
            self.world.shared_version += 1;
        }
    }

    /// One text that two releases name is parsed once and kept once, and so is one that a new list shows again.
    fn record_crd_map(&mut self, object: &DynamicObject) {
        let maps = &self.world.crd_maps;
        let known = |digest: &str| maps.values().flat_map(|map| map.texts.values()).find(|text| text.digest == digest);
        let map = reduce::crd_map(object, known);
        let key = index::key(object);
        if maps.get(&key) != Some(&map) {
            self.world.crd_maps.insert(key, map);
            self.world.shared_version += 1;
        }
    }

    /// One undecodable object must not stop the watch for all (CVE-2022-39272): it is noted, and its last good state stays.
    fn decode<T: DeserializeOwned + kube::Resource>(&mut self, source: Source, object: &DynamicObject) -> Option<T> {
        let key = (source.name().to_owned(), object.name_any());
        match serde_json::to_value(object).and_then(serde_json::from_value::<T>) {
            Ok(decoded) => {
                self.correct(&key);
                Some(decoded)
            }
            Err(error) => {
                tracing::warn!(kind = key.0, name = key.1, %error, "object cannot be decoded; ignored until it is corrected");
                let undecodable = Undecodable {
                    error: error.to_string(),
                    generation: object.metadata.generation.unwrap_or_default(),
                    reported: reduce::says_undecodable(object),
                };
                // A tenant that nobody can read is in the way of what shared definitions become.
                self.world.crd_version += u64::from(source == Source::Tenants);
                self.world.undecodable.insert(key, undecodable);
                None
            }
        }
    }

    /// That object can be read again, or is gone.
    pub(super) fn correct(&mut self, key: &(String, String)) {
        if self.world.undecodable.remove(key).is_some() && key.0 == Source::Tenants.name() {
            self.world.crd_version += 1;
        }
    }
}
