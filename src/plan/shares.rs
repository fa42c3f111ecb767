//! Who may have which namespace, and who is beyond the fleet's ceiling: worked out again only when something that decides
//! it has changed. Must never: prefer a newcomer to the tenant that has its namespace.
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::joined::joined;
use crate::{api::Tenant, domain::world::World};

/// The shares of all tenants, as of the last look.
#[derive(Debug, Default)]
pub struct Shares {
    known: BTreeMap<String, Share>,
    ceiling: u32,
    /// Namespaces and the tenants that may have them.
    pub claims: BTreeMap<String, String>,
    /// Tenants beyond the ceiling.
    pub surplus: BTreeSet<String>,
}

/// One tenant's share.
#[derive(Debug)]
struct Share {
    /// The version of what was seen of the tenant.
    version: u64,
    claim: Claim,
    /// It may have the namespace that it claims.
    owner: bool,
    surplus: bool,
}

/// What decides a tenant's share.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    /// It has a stack.
    settled: bool,
    born: Option<Timestamp>,
    namespace: String,
}

impl Share {
    const fn new(version: u64, claim: Claim) -> Self {
        Self { version, claim, owner: false, surplus: false }
    }
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
        let (mut there, mut newcomers) = (0, Vec::new());
        for (name, seen, known) in joined(world.tenants.iter(), self.known.iter_mut()) {
            let Some(tenant) = &seen.tenant else { continue };
            there += 1;
            match known {
                Some(known) if known.version == seen.version => {}
                Some(known) => {
                    let claim = Claim::of(tenant);
                    changed |= known.claim != claim;
                    (known.version, known.claim) = (seen.version, claim);
                }
                None => newcomers.push((name.clone(), Share::new(seen.version, Claim::of(tenant)))),
            }
        }
        changed |= !newcomers.is_empty();
        self.known.extend(newcomers);
        if self.known.len() != there {
            self.known.retain(|name, _| world.tenants.get(name).is_some_and(|seen| seen.tenant.is_some()));
            changed = true;
        }
        if changed {
            self.share_out();
        }
    }

    /// Of each tenant in the order of names, whether it may have the namespace that it claims, and whether it is one too
    /// many.
    pub fn iter(&self) -> impl Iterator<Item = (&String, (bool, bool))> {
        self.known.iter().map(|(name, share)| (name, (share.owner, share.surplus)))
    }

    /// The tenant that has a namespace keeps it; among newcomers the older one gets it.
    fn share_out(&mut self) {
        let mut order: Vec<(&String, &Claim)> = self.known.iter().map(|(name, share)| (name, &share.claim)).collect();
        order.sort_unstable_by_key(|(name, claim)| (!claim.settled, claim.born, *name));
        self.claims.clear();
        for (name, claim) in &order {
            self.claims.entry(claim.namespace.clone()).or_insert_with(|| (*name).clone());
        }
        let ceiling = usize::try_from(self.ceiling).unwrap_or(usize::MAX);
        let beyond = order.iter().skip(ceiling).filter(|(_, claim)| !claim.settled);
        self.surplus = beyond.map(|(name, _)| (*name).clone()).collect();
        for (name, share) in &mut self.known {
            share.owner = self.claims.get(&share.claim.namespace) == Some(name);
            share.surplus = self.surplus.contains(name);
        }
    }
}
