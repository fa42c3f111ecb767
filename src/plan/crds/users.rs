//! Who uses a shared CRD: which releases are asked for, and which tenants keep the next step from being taken.
use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::claims::Sight;
use crate::{
    api::Blocker,
    domain::{
        crd::CrdSeen,
        fleet::{Fleet, Health, Member, OwnEdit, Standing},
        some::some,
        world::World,
    },
    plan::rollout::{Releases, Way},
};

/// Blockers that are named; the others are counted.
const NAMED: usize = 10;

/// The versions that somebody of the operator runs, asks for, is being moved to, or may pass on the way.
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
    let (mut last, paths) = (None, Releases::new(fleet));
    for member in fleet.members.values() {
        let granted = member.granted.as_ref().map(|granted| &granted.target);
        // Of ten thousand most say the same as the one before.
        let said = (member.operator.as_str(), granted, member.desired.as_ref(), &member.rejected);
        if last.replace(said) == Some(said) {
            continue;
        }
        granted.into_iter().chain(&member.desired).for_each(|target| note(&member.operator, &target.version));
        // A run to a version on the way is planned only once that can be granted.
        if let Some((from, to)) = granted.zip(member.desired.as_ref())
            && let Way::Over(first) = paths.way(&member.operator, from, to, &member.rejected)
        {
            note(&member.operator, &first.version);
        }
    }
    for (operator, version) in open_runs(fleet) {
        note(operator, version);
    }
    wanted
}

/// Operator and version of every run that has not ended.
pub fn open_runs(fleet: &Fleet) -> impl Iterator<Item = (&str, &str)> {
    let open = fleet.rollouts.values().filter(|run| !run.status.as_ref().is_some_and(|status| status.phase.ended()));
    open.map(|run| (run.spec.operator.as_str(), run.spec.target.version.as_str()))
}

/// Tenants that are not where a step needs them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Blockers {
    pub named: Vec<Blocker>,
    pub count: u32,
    /// One of them is on its way, or waits for its turn: it needs nobody's help.
    pub moving: bool,
    /// One of them is by nothing but an old pod, which no watch of members shows the end of.
    pub pods: bool,
}

/// What a step needs of everybody.
pub struct Barrier<'a> {
    pub operator: &'a str,
    pub version: &'a Version,
    /// Operators that use the definition.
    pub users: &'a BTreeSet<&'a str>,
    /// Whether another operator's release can work with what comes next; `None`: there is no such release any more.
    pub carries: &'a dyn Fn(&str, &str) -> Option<bool>,
}

/// Whoever keeps that step from being taken: paused, held and leaving tenants too, as long as they may have an operator
/// that runs. Those who need somebody's help come first.
#[must_use]
pub fn blockers(barrier: &Barrier, fleet: &Fleet, world: &World) -> Blockers {
    let mut found = Blockers::default();
    let (mut stuck, mut moving) = (Vec::new(), Vec::new());
    for (name, why) in unread(fleet, world) {
        found.count += 1;
        if stuck.len() < NAMED {
            stuck.push(blocker(name, None, &why));
        }
    }
    for (name, member) in fleet.members.iter().filter(|(_, member)| barrier.users.contains(member.operator.as_str())) {
        let granted = member.granted.as_ref().map(|granted| granted.target.version.as_str());
        let why = barrier.against(member, granted).or_else(|| {
            let pod = granted.and_then(|_| leftover(name, world))?;
            found.pods = true;
            Some(Against { text: format!("pod {pod} of an earlier revision is still there"), moving: true })
        });
        let Some(why) = why else { continue };
        found.count += 1;
        found.moving |= why.moving;
        let list = if why.moving { &mut moving } else { &mut stuck };
        if list.len() < NAMED {
            list.push(blocker(name, granted, &why.text));
        }
    }
    found.named = stuck.into_iter().chain(moving).take(NAMED).collect();
    found
}

fn blocker(tenant: &str, granted: Option<&str>, why: &str) -> Blocker {
    let version = granted.unwrap_or("none").to_owned();
    Blocker { tenant: tenant.to_owned(), version, why: why.chars().take(500).collect() }
}

/// Tenants that nothing is known of, and why: whatever their operators can work with, nobody can say.
fn unread<'a>(fleet: &'a Fleet, world: &'a World) -> impl Iterator<Item = (&'a str, String)> {
    let tenants = world.undecodable.iter().filter(|((plural, _), _)| plural == "tenants");
    let unknown = tenants.filter(|((_, name), _)| !fleet.members.contains_key(name));
    unknown.map(|((_, name), found)| {
        (name.as_str(), format!("its Tenant cannot be read, so nobody knows what it runs: {}", found.error))
    })
}

/// Why a tenant is not there.
struct Against {
    text: String,
    moving: bool,
}

impl Against {
    fn stuck(text: impl Into<String>) -> Self {
        Self { text: text.into(), moving: false }
    }

    fn moving(text: impl Into<String>) -> Self {
        Self { text: text.into(), moving: true }
    }
}

impl Barrier<'_> {
    fn against(&self, member: &Member, granted: Option<&str>) -> Option<Against> {
        if member.operator != self.operator {
            return self.against_other(member, granted);
        }
        let granted = granted?;
        let there = Version::parse(granted).is_ok_and(|version| version >= *self.version);
        let (text, moving) = match (&member.standing, &member.health) {
            _ if there => return arrived(member),
            (Standing::Paused, _) => ("it is paused".into(), false),
            (Standing::Held(holds), _) => (format!("it is held: {}", holds.join(", ")), false),
            (Standing::Deleting, _) => ("it is being offboarded".into(), true),
            (Standing::Active, _) => self.on_its_way(member),
        };
        Some(Against { text, moving })
    }

    /// Of another operator counts what it runs, what it ran before that is proven, and what it asks for: a step that makes a wish
    /// impossible is one that somebody has to decide.
    fn against_other(&self, member: &Member, granted: Option<&str>) -> Option<Against> {
        let operator = &member.operator;
        let before = member.granted.as_ref().filter(|_| arrived(member).is_some()).and_then(|g| g.from.as_ref());
        let desired = member.desired.as_ref().map(|desired| desired.version.as_str());
        let versions = [(granted, "runs"), (before.map(|from| from.version.as_str()), "ran"), (desired, "asks for")];
        versions.into_iter().filter_map(|(version, does)| Some((version?, does))).find_map(|(version, does)| {
            match (self.carries)(operator, version) {
                Some(true) => None,
                Some(false) => {
                    Some(Against::stuck(format!("it {does} {operator} {version}, which cannot work with it")))
                }
                None if does == "asks for" => None,
                None => Some(Against::stuck(format!(
                    "it {does} {operator} {version}, whose release is gone: nobody knows what that can work with"
                ))),
            }
        })
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

/// Why a tenant that was granted what is needed, or more, may still have a pod of something else.
fn arrived(member: &Member) -> Option<Against> {
    let granted = member.granted.as_ref()?;
    match &member.health {
        Health::Proven | Health::Regressed => None,
        Health::Failed { reason, .. } => Some(Against::stuck(format!("it failed on it: {reason}"))),
        // Its first install, or its own edit of what was proven: there is no older pod.
        Health::Moving if granted.rollout.is_none() && granted.own_edit == OwnEdit::No => None,
        Health::Moving if granted.own_edit == OwnEdit::AfterProof => None,
        Health::Moving => Some(Against::moving("it is not proven there yet")),
    }
}

impl Blockers {
    /// Nobody is in the way.
    #[must_use]
    pub const fn none(&self) -> bool {
        self.count == 0
    }

    /// The first of them, as people are told.
    #[must_use]
    pub fn spoken(&self) -> String {
        let first = self.named.iter().take(3).map(|b| format!("{} ({}: {})", b.tenant, b.version, b.why));
        some(&first.collect::<Vec<_>>(), self.count as usize, ", ")
    }
}

/// A pod that may still write as the operator that it was: of another revision than the youngest that stays. Also one that is not
/// said to be going yet: that the workload is through is often seen before the last of its old pods is.
fn leftover<'a>(tenant: &str, world: &'a World) -> Option<&'a str> {
    let pods = &world.tenants.get(tenant)?.pods;
    let stays = pods.values().filter(|pod| !pod.deleting).max_by_key(|pod| pod.created);
    let stays = stays.and_then(|pod| pod.pod_revision.as_ref());
    let old = pods.iter().find(|(_, pod)| pod.pod_revision.as_ref() != stays);
    old.map(|(name, _)| name.as_str())
}

/// The operators whose releases bring that definition, and those that the cluster remembers, whose releases may be gone: who made
/// the definition, or took it further, and whose change of it is on record.
#[must_use]
pub fn operators<'a>(sight: &Sight<'a>, crd: &str, seen: &'a CrdSeen) -> BTreeSet<&'a str> {
    let releases = sight.catalog.releases.iter();
    let bring = releases.filter(|(_, release)| release.crds.iter().any(|shared| shared.name == crd));
    let records = sight.world.crd_upgrades.values().filter(|upgrade| upgrade.spec.crd == crd);
    let recorded = seen.unlocked.keys().chain(records.map(|upgrade| &upgrade.spec.operator));
    bring.map(|((operator, _), _)| operator).chain(recorded).map(String::as_str).collect()
}
