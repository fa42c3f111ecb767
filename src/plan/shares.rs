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
    /// The version of what was seen of the tenant, and which one of that name it is.
    version: u64,
    uid: Option<String>,
    claim: Claim,
    /// Who may have the namespace that it claims, if somebody else.
    owner: Option<String>,
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
    fn new(version: u64, tenant: &Tenant) -> Self {
        Self { version, uid: tenant.metadata.uid.clone(), claim: Claim::of(tenant), owner: None, surplus: false }
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
                Some(known) if known.version == seen.version && known.uid == tenant.metadata.uid => {}
                Some(known) => {
                    let claim = Claim::of(tenant);
                    changed |= known.claim != claim;
                    (known.version, known.claim) = (seen.version, claim);
                    known.uid.clone_from(&tenant.metadata.uid);
                }
                None => newcomers.push((name.clone(), Share::new(seen.version, tenant))),
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

    /// Of each tenant in the order of names, who else has the namespace that it claims, if so, and whether it is one too many.
    pub fn iter(&self) -> impl Iterator<Item = (&String, (Option<&str>, bool))> {
        self.known.iter().map(|(name, share)| (name, (share.owner.as_deref(), share.surplus)))
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
            share.owner = self.claims.get(&share.claim.namespace).filter(|owner| *owner != name).cloned();
            share.surplus = self.surplus.contains(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use serde_json::json;

    use super::*;
    use crate::{
        domain::{epoch::Epoch, world::TenantSeen},
        plan::Planner,
    };

    /// A Tenant that claims that namespace, by age.
    fn claims(world: &mut World, name: &str, uid: &str, namespace: &str, born: u32) {
        let tenant: Tenant = serde_json::from_value(json!({
            "apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant",
            "metadata": {"name": name, "uid": uid, "creationTimestamp": format!("2026-03-01T12:00:{born:02}Z")},
            "spec": {"operator": "memcached", "version": "1.0.0", "namespace": namespace},
        }))
        .unwrap();
        let seen = TenantSeen { tenant: Some(Arc::new(tenant)), version: 1, ..TenantSeen::default() };
        world.tenants.insert(name.into(), seen);
    }

    /// What stands in the way of `b`.
    fn said(planner: &mut Planner, world: &World) -> String {
        planner.plan(world, &BTreeMap::new(), &Epoch::default(), "2026-03-01T13:00:00Z".parse().unwrap());
        planner.fleet().members["b"].blocked.clone().unwrap_or_default()
    }

    fn world() -> World {
        let mut world = World::default();
        world.fleet.max_tenants = 10;
        for (name, born) in [("a", 1), ("c", 2), ("b", 3)] {
            claims(&mut world, name, &format!("uid-{name}"), "shared", born);
        }
        world
    }

    #[test]
    fn who_has_the_namespace_is_said_anew_when_it_is_somebody_else() {
        let (mut planner, mut world) = (Planner::default(), world());
        assert!(said(&mut planner, &world).contains("belongs to Tenant a:"));
        world.tenants.remove("a");
        let told = said(&mut planner, &world);
        assert!(told.contains("belongs to Tenant c:"), "{told}");
    }

    #[test]
    fn a_tenant_made_anew_under_the_same_name_is_another_one() {
        let (mut planner, mut world) = (Planner::default(), world());
        said(&mut planner, &world);
        claims(&mut world, "a", "uid-of-another", "elsewhere", 4);
        let told = said(&mut planner, &world);
        assert!(told.contains("belongs to Tenant c:"), "{told}");
        assert_eq!(planner.fleet().members["a"].uid, "uid-of-another");
    }
}
