//! Who may have which namespace, and who is beyond the fleet's ceiling: worked out again only when something that decides
//! it has changed. Must never: prefer a newcomer to the tenant that has its namespace.
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    api::Tenant,
    domain::world::{TenantSeen, World},
};

/// The shares of all tenants, as of the last look.
#[derive(Debug, Default)]
pub struct Shares {
    /// By tenant: the version of what was seen of it, and what it claims.
    known: BTreeMap<String, (u64, Claim)>,
    ceiling: u32,
    /// Namespaces and the tenants that may have them.
    pub claims: BTreeMap<String, String>,
    /// Tenants beyond the ceiling.
    pub surplus: BTreeSet<String>,
}

/// What decides a tenant's share.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    /// It has a stack.
    settled: bool,
    born: Option<Timestamp>,
    namespace: String,
}

impl Claim {
    fn of(tenant: &Tenant) -> Self {
        Self {
            settled: tenant.status.as_ref().is_some_and(|status| status.granted.is_some()),
            born: tenant.metadata.creation_timestamp.as_ref().map(|created| created.0),
            namespace: tenant.target_namespace(),
        }
    }
}

impl Shares {
    /// Takes the World in.
    pub fn update(&mut self, world: &World) {
        let mut changed = self.ceiling != world.fleet.max_tenants;
        self.ceiling = world.fleet.max_tenants;
        let there = |name: &String| world.tenants.get(name).is_some_and(|seen| seen.tenant.is_some());
        let before = self.known.len();
        self.known.retain(|name, _| there(name));
        changed |= self.known.len() != before;
        for (name, seen) in &world.tenants {
            changed |= self.look(name, seen);
        }
        if changed {
            self.share_out();
        }
    }

    /// The namespace that a tenant claims, and whether it may have it.
    pub fn of(&self, name: &str) -> (bool, bool) {
        let owner = self.known.get(name).and_then(|(_, claim)| self.claims.get(&claim.namespace));
        (owner.is_some_and(|owner| owner == name), self.surplus.contains(name))
    }

    fn look(&mut self, name: &str, seen: &TenantSeen) -> bool {
        let Some(tenant) = &seen.tenant else { return false };
        match self.known.get_mut(name) {
            Some((version, _)) if *version == seen.version => false,
            Some((version, known)) => {
                let claim = Claim::of(tenant);
                *version = seen.version;
                let changed = *known != claim;
                *known = claim;
                changed
            }
            None => {
                self.known.insert(name.to_owned(), (seen.version, Claim::of(tenant)));
                true
            }
        }
    }

    /// The tenant that has a namespace keeps it; among newcomers the older one gets it.
    fn share_out(&mut self) {
        let mut order: Vec<(&String, &Claim)> = self.known.iter().map(|(name, (_, claim))| (name, claim)).collect();
        order.sort_unstable_by_key(|(name, claim)| (!claim.settled, claim.born, *name));
        self.claims.clear();
        for (name, claim) in &order {
            self.claims.entry(claim.namespace.clone()).or_insert_with(|| (*name).clone());
        }
        let ceiling = usize::try_from(self.ceiling).unwrap_or(usize::MAX);
        let beyond = order.iter().skip(ceiling).filter(|(_, claim)| !claim.settled);
        self.surplus = beyond.map(|(name, _)| (*name).clone()).collect();
    }
}
