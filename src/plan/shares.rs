//! Who may have which namespace, and who is beyond the fleet's ceiling: worked out again only when something that decides
//! it has changed. Must never: prefer a newcomer to the tenant that has its namespace.
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

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
    /// Takes in what became of these tenants. Returns those that have another share than before, somebody else's doing or
    /// their own.
    pub fn update(&mut self, world: &World, touched: &BTreeSet<String>) -> Vec<String> {
        let mut changed = self.ceiling != world.fleet.max_tenants;
        self.ceiling = world.fleet.max_tenants;
        for name in touched {
            let tenant = world.tenants.get(name).and_then(|seen| seen.tenant.as_deref());
            changed |= match (tenant.map(Claim::of), self.known.get_mut(name)) {
                (Some(claim), Some(known)) if claim == known.claim => false,
                (Some(claim), Some(known)) => {
                    known.claim = claim;
                    true
                }
                (Some(claim), None) => {
                    self.known.insert(name.clone(), Share { claim, owner: None, surplus: false });
                    true
                }
                (None, _) => self.known.remove(name).is_some(),
            };
        }
        if changed { self.share_out() } else { Vec::new() }
    }

    /// The tenant that has a namespace keeps it; among newcomers the older one gets it.
    fn share_out(&mut self) -> Vec<String> {
        let mut order: Vec<(&String, &Claim)> = self.known.iter().map(|(name, share)| (name, &share.claim)).collect();
        order.sort_unstable_by_key(|(name, claim)| (!claim.settled, claim.born, *name));
        self.claims.clear();
        for (name, claim) in &order {
            self.claims.entry(claim.namespace.clone()).or_insert_with(|| (*name).clone());
        }
        let ceiling = usize::try_from(self.ceiling).unwrap_or(usize::MAX);
        let beyond = order.iter().skip(ceiling).filter(|(_, claim)| !claim.settled);
        self.surplus = beyond.map(|(name, _)| (*name).clone()).collect();
        let mut others = Vec::new();
        for (name, share) in &mut self.known {
            let owner = self.claims.get(&share.claim.namespace).filter(|owner| *owner != name);
            let surplus = self.surplus.contains(name);
            if share.owner.as_ref() != owner || share.surplus != surplus {
                (share.owner, share.surplus) = (owner.cloned(), surplus);
                others.push(name.clone());
            }
        }
        others
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
        let seen = TenantSeen { tenant: Some(Arc::new(tenant)), ..TenantSeen::default() };
        world.tenants.insert(name, seen);
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
