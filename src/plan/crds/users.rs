//! Who uses a shared CRD: which releases are asked for, and which tenants keep the next step from being taken.
use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::{
    api::Blocker,
    domain::{
        fleet::{Fleet, Health, Member, Standing},
        world::World,
    },
    plan::catalog::Catalog,
};

/// Blockers that are named; the others are counted.
const NAMED: usize = 10;

/// The versions that somebody of the operator runs, asks for, or is being moved to.
pub type Wanted = BTreeMap<String, BTreeSet<Version>>;

/// Which versions of which operators are wanted.
#[must_use]
pub fn wanted(fleet: &Fleet) -> Wanted {
    let mut wanted = Wanted::new();
    let mut note = |operator: &str, version: &str| {
        let Ok(version) = Version::parse(version) else { return };
        if let Some(versions) = wanted.get_mut(operator) {
            versions.insert(version);
        } else {
            wanted.insert(operator.to_owned(), [version].into());
        }
    };
    let mut last = None;
    for member in fleet.members.values() {
        let granted = member.granted.as_ref().map(|granted| granted.target.version.as_str());
        let desired = member.desired.as_ref().map(|target| target.version.as_str());
        // Of ten thousand most say the same as the one before.
        let said = (member.operator.as_str(), granted, desired);
        if last.replace(said) != Some(said) {
            granted.into_iter().chain(desired).for_each(|version| note(&member.operator, version));
        }
    }
    for run in fleet.rollouts.values() {
        if !run.status.as_ref().is_some_and(|status| status.phase.ended()) {
            note(&run.spec.operator, &run.spec.target.version);
        }
    }
    wanted
}

/// Tenants that are not where a step needs them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Blockers {
    pub named: Vec<Blocker>,
    pub count: u32,
    /// One of them is on its way, or waits for its turn: it needs nobody's help.
    pub moving: bool,
    /// One of them is but by a pod that is being terminated, which no watch of members shows the end of.
    pub pods: bool,
}

/// What a step needs of everybody.
pub struct Barrier<'a> {
    pub operator: &'a str,
    pub version: &'a Version,
    /// Operators whose releases bring the definition.
    pub users: &'a BTreeSet<&'a str>,
    /// Whether another operator's release can work with what comes next.
    pub carries: &'a dyn Fn(&str, &str) -> bool,
}

/// Whoever keeps that step from being taken: paused, held and leaving tenants too, as long as they may have an operator
/// that runs.
#[must_use]
pub fn blockers(barrier: &Barrier, fleet: &Fleet, world: &World) -> Blockers {
    let mut found = Blockers::default();
    for (name, member) in fleet.members.iter().filter(|(_, member)| barrier.users.contains(member.operator.as_str())) {
        let Some(granted) = &member.granted else { continue };
        let version = &granted.target.version;
        let Some(why) = barrier.against(member, version) else {
            if terminating(name, world) && member.operator == barrier.operator {
                found.pods = true;
                found.add(name, version, "a pod of its operator is still being terminated".into(), true);
            }
            continue;
        };
        found.add(name, version, why.text, why.moving);
    }
    found
}

/// Why a tenant is not there.
struct Against {
    text: String,
    moving: bool,
}

impl Barrier<'_> {
    fn against(&self, member: &Member, version: &str) -> Option<Against> {
        if member.operator != self.operator {
            let text = format!("{} {version} cannot work with it yet", member.operator);
            return (!(self.carries)(&member.operator, version)).then_some(Against { text, moving: false });
        }
        let there = Version::parse(version).is_ok_and(|version| version >= *self.version);
        let (text, moving) = match (&member.standing, &member.health) {
            _ if there && matches!(member.health, Health::Proven | Health::Regressed) => return None,
            (_, Health::Failed { reason, .. }) if there => (format!("it failed on it: {reason}"), false),
            _ if there => ("it is not proven there yet".into(), true),
            (Standing::Paused, _) => ("it is paused".into(), false),
            (Standing::Held(holds), _) => (format!("it is held: {}", holds.join(", ")), false),
            (Standing::Deleting, _) => ("it is being offboarded".into(), true),
            (Standing::Active, _) => self.on_its_way(member),
        };
        Some(Against { text: text.chars().take(500).collect(), moving })
    }

    fn on_its_way(&self, member: &Member) -> (String, bool) {
        let asks = member.desired.as_ref().map(|desired| &desired.version);
        match asks {
            Some(asks) if Version::parse(asks).is_ok_and(|asks| asks >= *self.version) => match &member.blocked {
                Some(why) => (format!("it cannot be granted {asks}: {why}"), false),
                None => (format!("it asks for {asks} and waits for its turn"), true),
            },
            Some(asks) => (format!("it asks for {asks}: change its spec.version"), false),
            None => ("it asks for a version that no release has".into(), false),
        }
    }
}

impl Blockers {
    fn add(&mut self, tenant: &str, version: &str, why: String, moving: bool) {
        self.count += 1;
        self.moving |= moving;
        // Those who need somebody's help are named before those who do not.
        if self.named.len() < NAMED {
            self.named.push(Blocker { tenant: tenant.to_owned(), version: version.to_owned(), why });
        }
    }

    /// Nobody is in the way.
    #[must_use]
    pub const fn none(&self) -> bool {
        self.count == 0
    }

    /// The first of them, as people are told.
    #[must_use]
    pub fn spoken(&self) -> String {
        let first = self.named.iter().take(3).map(|b| format!("{} ({}: {})", b.tenant, b.version, b.why));
        let first: Vec<String> = first.collect();
        let more = (self.count as usize).saturating_sub(first.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{}{more}", first.join(", "))
    }
}

/// A pod that has been told to go may still write as the operator that it was.
fn terminating(tenant: &str, world: &World) -> bool {
    world.tenants.get(tenant).is_some_and(|seen| seen.pods.values().any(|pod| pod.deleting))
}

/// The operators whose releases bring that definition.
#[must_use]
pub fn operators<'a>(catalog: &'a Catalog, crd: &str) -> BTreeSet<&'a str> {
    let bring = catalog.releases.iter().filter(|(_, release)| release.crds.iter().any(|shared| shared.name == crd));
    bring.map(|((operator, _), _)| operator.as_str()).collect()
}
