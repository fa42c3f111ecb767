//! The model's CustomResourceDefinitions: what the API server makes of Leasehold's steps, and at which version each object is
//! stored.
use std::{collections::BTreeMap, sync::Arc};

use super::cluster::Cluster;
use crate::{
    api::CrdUpgrade,
    domain::crd::{
        CrdSeen,
        page::{PageDone, PageFailure},
    },
    plan::crds::{
        CrdStep,
        step::{CrdWrite, PageWork, What},
        sweeps,
    },
};

/// Stored objects of one kind: their names, and the version that each is stored at.
pub type Stored = BTreeMap<String, String>;

impl Cluster {
    /// What becomes of one step.
    pub(super) fn share(&mut self, step: CrdStep) {
        let version = self.next_version().to_string();
        match step {
            CrdStep::Create { crd, definition, annotations } => {
                let seen = CrdSeen::created(&definition, &annotations);
                let uid = format!("uid-{crd}");
                self.world.crds.insert(crd, CrdSeen { uid, resource_version: version, ..seen });
                self.world.shared_version += 1;
            }
            CrdStep::Write(write) => self.write_crd(write, version),
            CrdStep::Page { crd, record, sweep, work } => {
                let done = self.page(&crd, &work);
                self.world.sweeps.insert(record, sweeps::after(&sweep, &done, self.now));
                self.world.crd_version += 1;
            }
            CrdStep::Trim { crd, resource_version, stored, .. } => {
                if let Some(seen) = self.world.crds.get_mut(&crd).filter(|s| s.resource_version == resource_version) {
                    (seen.stored_versions, seen.resource_version) = (stored, version);
                    self.world.shared_version += 1;
                }
            }
            CrdStep::Begin(upgrade) => self.record(*upgrade, |_| {}),
            CrdStep::Tell { name, status } => {
                if let Some(known) = self.world.crd_upgrades.get(&name).map(|upgrade| (**upgrade).clone()) {
                    self.record(known, |upgrade| upgrade.status = Some(*status));
                }
            }
        }
    }

    fn record(&mut self, mut upgrade: CrdUpgrade, change: impl FnOnce(&mut CrdUpgrade)) {
        change(&mut upgrade);
        upgrade.metadata.generation = Some(1);
        let name = upgrade.metadata.name.clone().unwrap_or_default();
        self.world.crd_upgrades.insert(name, Arc::new(upgrade));
        self.world.crd_version += 1;
    }

    /// Nothing happens if it has changed meanwhile.
    fn write_crd(&mut self, write: CrdWrite, version: String) {
        let seen = self.world.crds.get_mut(&write.crd).filter(|seen| seen.resource_version == write.resource_version);
        let (Some(seen), definition) = (seen, write.definition) else { return };
        let storage = definition.storage().to_owned();
        if !seen.stored_versions.contains(&storage) {
            seen.stored_versions.push(storage);
        }
        seen.unlocked = CrdSeen::created(&serde_json::Value::Null, &write.annotations).unlocked;
        definition.digest().clone_into(&mut seen.digest);
        (seen.definition, seen.resource_version) = (Some(definition), version);
        self.world.shared_version += 1;
    }

    /// One page holds all that there is.
    fn page(&mut self, crd: &str, work: &PageWork) -> PageDone {
        let stored = self.stored.entry(crd.to_owned()).or_default();
        let mut page = PageDone::default();
        for (object, version) in stored {
            let refused = self.refused.get(object);
            if work.what == What::Rewrite && refused.is_none() {
                version.clone_from(&work.version);
            }
            page.count(refused.map(|why| PageFailure::new(object, why)));
        }
        page
    }
}
