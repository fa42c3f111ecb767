//! [`Change`]s and the answers to our own writes → the [`World`]. Newer wins: an answer that overtakes the watch is not
//! undone by the watch's older event.
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use kube::{ResourceExt, api::DynamicObject};

use super::watch::{Change, Source, Step};
use crate::domain::world::{TenantSeen, World};

/// The World, kept up to date.
#[derive(Debug, Default)]
pub struct Index {
    pub(super) world: World,
    /// Objects by source: where an object without its mark is looked up again.
    known: HashMap<Source, BTreeMap<String, Known>>,
    /// What a list that is under way has shown so far.
    listing: HashMap<Source, HashSet<String>>,
    synced: HashSet<Source>,
    /// A FleetPolicy was read, and not deleted since.
    pub(super) fleet_read: bool,
    /// Counts what runs go by.
    intents: u64,
    /// UIDs of the objects that went last: an answer that the watch has overtaken must not bring one back.
    buried: VecDeque<String>,
}

/// How many of them are remembered: more than go in the seconds that an answer takes.
const BURIED: usize = 4096;

#[derive(Clone, Debug)]
struct Known {
    uid: String,
    version: u64,
    /// The newest version that the watch itself has shown.
    watched: u64,
    tenant: String,
}

/// The API server's past came back: etcd was restored from a backup, and nothing in memory can be trusted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{object} went back from resourceVersion {had} to {got}: etcd was restored from a backup; starting anew")]
pub struct WentBack {
    pub object: String,
    pub had: u64,
    pub got: u64,
}

impl Index {
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Counts what was seen that may keep a run from letting somebody go, beside that tenant itself: what people and policies say,
    /// gates' answers, and pods that may be a failure.
    #[must_use]
    pub const fn intents(&self) -> u64 {
        self.intents
    }

    pub(super) const fn intends(&mut self) {
        self.intents += 1;
    }

    /// Watches that have not shown a complete list yet.
    #[must_use]
    pub fn missing(&self, of: &[Source]) -> Vec<&'static str> {
        of.iter().filter(|source| !self.synced.contains(source)).map(|source| source.name()).collect()
    }

    pub fn set_apis(&mut self, apis: crate::domain::world::Apis) {
        self.world.apis = apis;
        self.world.shared_version += 1;
    }

    /// How long the changes of shared CRDs wait where the API servers may take one in late.
    pub fn set_crd_soak(&mut self, soak: SignedDuration) {
        self.world.crd_soak = soak;
    }

    /// `namespace` is Leasehold's own: no tenant may have it, whatever the FleetPolicy protects.
    pub fn set_home(&mut self, namespace: &str) {
        namespace.clone_into(&mut self.world.home);
        self.no_fleet_policy();
    }

    /// Takes a change in.
    ///
    /// # Errors
    /// [`WentBack`] when the watch shows an older version of an object than it did before.
    pub fn apply(&mut self, change: Change, now: Timestamp) -> Result<(), WentBack> {
        let source = change.source;
        match change.step {
            Step::Begin => {
                self.listing.insert(source, HashSet::new());
            }
            Step::Put(object) => self.put(source, &object, true, now)?,
            Step::Gone(object) => self.gone(source, &object),
            Step::End => self.complete(source),
        }
        Ok(())
    }

    /// Takes the answer to one of our own writes in.
    pub fn answer(&mut self, source: Source, object: &DynamicObject, now: Timestamp) {
        if object.uid().is_some_and(|uid| self.buried.contains(&uid)) {
            return;
        }
        // Only the watch can go back.
        let _ = self.put(source, object, false, now);
    }

    fn put(&mut self, source: Source, object: &DynamicObject, watched: bool, now: Timestamp) -> Result<(), WentBack> {
        let key = key(object);
        let uid = object.uid().unwrap_or_default();
        let version = object.resource_version().and_then(|v| v.parse().ok()).unwrap_or(0);
        if let Some(listed) = self.listing.get_mut(&source) {
            listed.insert(key.clone());
        }
        let known = self.known.entry(source).or_default();
        let old = known.get_mut(&key).filter(|k| k.uid == uid);
        let seen = old.as_ref().map_or(0, |k| k.watched);
        if let Some(old) = old {
            if watched && version < old.watched {
                return Err(WentBack { object: format!("{} {key}", source.name()), had: old.watched, got: version });
            }
            if version < old.version {
                return Ok(());
            }
            if watched && version == old.version && old.watched < version {
                // What the answer to our own write has told already.
                old.watched = version;
                return Ok(());
            }
        }
        let tenant = tenant_of(source, object);
        let before = known.get(&key).map(|k| k.tenant.clone());
        let watched = if watched { version } else { seen };
        known.insert(key.clone(), Known { uid, version, watched, tenant: tenant.clone() });
        if let Some(before) = before.filter(|before| *before != tenant) {
            self.forget(source, &key, &before);
        }
        if source.is_intent() {
            self.intends();
        }
        self.record(source, object, now);
        Ok(())
    }

    /// Takes in that an object is gone: the watch has shown it, or we have ended it ourselves.
    pub fn gone(&mut self, source: Source, object: &DynamicObject) {
        let key = key(object);
        let known = self.known.entry(source).or_default();
        // The end of an earlier object of that name says nothing of the one that is there now.
        if known.get(&key).is_some_and(|k| Some(&k.uid) == object.uid().as_ref()) {
            self.remove(source, &key);
        }
    }

    fn complete(&mut self, source: Source) {
        let listed = self.listing.remove(&source).unwrap_or_default();
        let lost: Vec<String> = self
            .known
            .get(&source)
            .into_iter()
            .flat_map(|k| k.keys())
            .filter(|k| !listed.contains(*k))
            .cloned()
            .collect();
        for key in lost {
            self.remove(source, &key);
        }
        self.synced.insert(source);
    }

    fn remove(&mut self, source: Source, key: &str) {
        if let Some(known) = self.known.get_mut(&source).and_then(|known| known.remove(key)) {
            self.buried.push_back(known.uid.clone());
            if self.buried.len() > BURIED {
                self.buried.pop_front();
            }
            self.forget(source, key, &known.tenant);
        }
    }

    pub(super) fn tenant(&mut self, name: &str) -> &mut TenantSeen {
        self.world.tenants.entry(name)
    }

    fn forget(&mut self, source: Source, key: &str, tenant: &str) {
        if source.is_intent() {
            self.intends();
        }
        self.correct(&(source.name().to_owned(), key.to_owned()));
        let world = &mut self.world;
        match source {
            Source::Releases => drop(world.releases.remove(key)),
            Source::Policies => drop(world.policies.remove(key)),
            Source::Rollouts => drop(world.rollouts.remove(key)),
            Source::Windows => drop(world.windows.remove(key)),
            Source::Approvals => drop(world.approvals.remove(key)),
            Source::Slices => return drop(world.slices.remove(key)),
            Source::Fleet => return self.no_fleet_policy(),
            Source::Crds => drop(world.crds.remove(key)),
            Source::CrdUpgrades => {
                world.crd_upgrades.remove(key);
                world.sweeps.remove(key);
                return world.crd_version += 1;
            }
            Source::CrdMaps => drop(world.crd_maps.remove(key)),
            Source::Tenants | Source::Pods | Source::Stack(_) => {
                let Some(seen) = world.tenants.get_mut(tenant) else { return };
                let (namespace, name) = key.split_once('/').unwrap_or(("", key));
                match source {
                    Source::Tenants => seen.tenant = None,
                    Source::Pods => drop(seen.pods.remove(name)),
                    Source::Stack(kind) => seen
                        .objects
                        .retain(|k, _| (k.kind.as_str(), &*k.namespace, &*k.name) != (kind.kind, namespace, name)),
                    _ => {}
                }
                if seen.tenant.is_none() && seen.objects.is_empty() && seen.pods.is_empty() {
                    world.tenants.remove(tenant);
                }
                return;
            }
        }
        world.shared_version += 1;
    }
}

/// `namespace/name`, or the name alone.
pub(super) fn key(object: &DynamicObject) -> String {
    match object.namespace() {
        Some(namespace) => format!("{namespace}/{}", object.name_any()),
        None => object.name_any(),
    }
}

/// The tenant that an object belongs to, by its own word.
fn tenant_of(source: Source, object: &DynamicObject) -> String {
    match source {
        Source::Tenants => object.name_any(),
        _ => object.labels().get(crate::domain::marks::TENANT).cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
