//! What was found out beside the watches, noted in the World: how writes ended, what a look told that no watch shows.
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::index::Index;
use crate::{
    api::Sweep,
    domain::{
        object::ObjectKey,
        world::{Customs, Fault, Lookup, Pledge, Repairs, Whose},
    },
};

impl Index {
    /// Notes how the last write for a tenant ended.
    pub fn fault(&mut self, tenant: &str, fault: Option<Fault>) {
        let same = self.world.tenants.get(tenant).is_none_or(|seen| seen.fault == fault);
        if !same && let Some(seen) = self.world.tenants.get_mut(tenant) {
            seen.fault = fault;
        }
    }

    /// Notes how the last write for anything else ended.
    pub fn other_fault(&mut self, whose: Whose, name: &str, fault: Option<Fault>) {
        let key = (whose, name.to_owned());
        match fault {
            Some(fault) => drop(self.world.faults.insert(key, fault)),
            None if self.world.faults.remove(&key).is_none() => return,
            None => {}
        }
        // A release whose CRD cannot be written is not ready; what becomes of a Rollout's write is nobody else's business.
        self.world.crd_version += u64::from(whose == Whose::Crd);
    }

    /// Notes that a write to a CRD was sent, or that it is known what became of it.
    pub fn pledged(&mut self, crd: &str, pledge: Option<Pledge>) {
        match pledge {
            Some(pledge) => drop(self.world.crd_pledges.insert(crd.to_owned(), pledge)),
            None => drop(self.world.crd_pledges.remove(crd)),
        }
        self.world.crd_version += 1;
    }

    /// Notes how far a pass over the stored objects of a CRD has come, by the name of its record.
    pub fn swept(&mut self, record: &str, sweep: Sweep) {
        self.world.sweeps.insert(record.to_owned(), sweep);
        self.world.crd_version += 1;
    }

    /// Notes which custom resources were left when they were asked to go.
    pub fn customs(&mut self, tenant: &str, left: Vec<String>, now: Timestamp) {
        if let Some(seen) = self.world.tenants.get_mut(tenant) {
            seen.customs = Some(Customs { left, at: now });
        }
    }

    /// Notes what became of objects that no watch shows.
    pub fn looked_up(&mut self, tenant: &str, lookups: BTreeMap<ObjectKey, Lookup>) {
        if let Some(seen) = self.world.tenants.get_mut(tenant) {
            seen.lookups.extend(lookups);
        }
    }

    /// Notes a repair of drift. A minute of peace and the count begins anew.
    pub fn repaired(&mut self, tenant: &str, now: Timestamp) {
        if let Some(seen) = self.world.tenants.get_mut(tenant) {
            let recent = seen.repairs.last.is_some_and(|last| now.duration_since(last).as_secs() < 60);
            seen.repairs = Repairs { times: if recent { seen.repairs.times + 1 } else { 1 }, last: Some(now) };
        }
    }

    /// Has a tenant looked at again though nothing of it changed.
    pub fn touch(&mut self, tenant: &str) {
        self.world.tenants.get_mut(tenant);
    }
}
