//! A fake cluster: it stores what the engine decides and lets tenants be well or not. No rule of the engine is in here.
use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use leasehold::{
    api::{Amount, Limits, Phase, PolicySpec, Rollout, RolloutStatus, RolloutTarget, Selector, Soak, Span, Wave},
    domain::{
        fleet::{Fleet, Granted, Health, Member, OwnEdit, ReleaseFacts, Standing},
        report::WaitingOn,
        world::World,
    },
    plan::rollout::{Decisions, EventReason, FailureOrder, GrantOrder, decide, invariants},
    plan::slices,
};
use serde::{Serialize, de::DeserializeOwned};

/// One write of the shell. Each can be lost, and they can come in any order.
#[derive(Clone, Debug)]
pub enum Write {
    Create(Box<Rollout>),
    Fail(String, FailureOrder),
    Status(String, Box<RolloutStatus>),
    Grant(GrantOrder),
    Delete(String),
}

/// The writes that decisions stand for.
pub fn writes(decisions: &Decisions) -> Vec<Write> {
    let create = decisions.create.iter().map(|rollout| Write::Create(Box::new(rollout.clone())));
    let failures = decisions.failures.iter().map(|(name, order)| Write::Fail(name.clone(), order.clone()));
    let status = decisions.status.iter().map(|(name, status)| Write::Status(name.clone(), Box::new(status.clone())));
    let grants = decisions.grants.iter().map(|order| Write::Grant(order.clone()));
    let delete = decisions.delete.iter().map(|name| Write::Delete(name.clone()));
    create.chain(failures).chain(status).chain(grants).chain(delete).collect()
}

/// The fake cluster and its clock.
pub struct Cluster {
    pub fleet: Fleet,
    pub now: Timestamp,
    /// What people were told, in order.
    pub told: Vec<(String, EventReason)>,
    /// The order in which tenants were granted.
    pub granted: Vec<String>,
}

pub fn target(version: &str) -> RolloutTarget {
    RolloutTarget { version: version.into(), digest: format!("digest-{version}") }
}

pub fn member(name: &str, version: &str, now: Timestamp) -> Member {
    let granted = Granted {
        target: target(version),
        rollout: None,
        wave: None,
        at: now,
        broken_before: false,
        own_edit: OwnEdit::No,
        from: None,
        towards: None,
        paused: 0,
    };
    Member {
        uid: format!("uid-{name}"),
        labels: BTreeMap::new(),
        operator: "memcached".into(),
        policy: "default".into(),
        desired: Some(target(version)),
        desired_since: now,
        granted: Some(granted),
        health: Health::Proven,
        standing: Standing::Active,
        blocked: None,
        refused: None,
        rejected: Vec::new(),
    }
}

/// The most that an object of ours may have, of the 1.5 MiB that etcd takes.
pub const LARGEST: usize = 256 * 1024;

/// An object as the API server keeps it: as JSON, within bounds.
pub fn stored<T: Serialize + DeserializeOwned>(object: &T) -> T {
    let json = serde_json::to_vec(object).unwrap();
    assert!(json.len() <= LARGEST, "an object of {} bytes", json.len());
    serde_json::from_slice(&json).unwrap()
}

/// The plan as it comes back from where it is kept: a long one is in slices.
fn kept(rollout: &Rollout) -> Rollout {
    let (short, slices) = slices::cut(rollout);
    let slices = slices.iter().map(|slice| (slice.metadata.name.clone().unwrap(), Arc::new(stored(slice)))).collect();
    let whole =
        slices::whole(&stored(&short), &World { slices, ..World::default() }).expect("the plan comes back whole");
    assert!(whole.spec.waves.iter().zip(&rollout.spec.waves).all(|(back, wave)| back.members == wave.members));
    whole
}

/// A wave with a label `ring=<name>` as its selector; the wave `rest` takes everybody.
pub fn wave(name: &str) -> Wave {
    let selector = (name != "rest")
        .then(|| Selector { match_labels: [("ring".into(), name.into())].into(), ..Selector::default() });
    Wave {
        name: name.into(),
        selector,
        take: None,
        max_concurrency: Some(Amount::Count(1)),
        max_failures: Some(Amount::Count(0)),
        progress_deadline: Span::secs(600),
        soak: Soak { duration: Span::secs(60) },
        gates: leasehold::api::Gates::default(),
    }
}

pub fn policy(waves: &[Wave]) -> PolicySpec {
    let limits = Limits { max_concurrency: Amount::Count(10), max_failures: Amount::Count(0) };
    PolicySpec { waves: waves.to_vec(), limits, order: leasehold::api::Order::Name, ..PolicySpec::built_in() }
}

impl Cluster {
    /// Releases 1.0.0 to 1.4.0 of one operator, each reachable from and with a way back to all the others.
    pub fn new(policy: PolicySpec) -> Self {
        let facts = |minor: u32| {
            let version = format!("1.{minor}.0");
            let rollback_to = Some(">=1.0.0".parse().unwrap());
            let target = target(&version);
            (("memcached".into(), version), ReleaseFacts { target, upgrades_from: None, rollback_to, not_ready: None })
        };
        let fleet = Fleet {
            policies: [("default".into(), policy)].into(),
            releases: (0..5).map(facts).collect(),
            max_concurrency: 50,
            ..Fleet::default()
        };
        Self { fleet, now: "2026-03-01T12:00:00Z".parse().unwrap(), told: Vec::new(), granted: Vec::new() }
    }

    /// Adds tenants that run 1.0.0; `name@ring` sets the label.
    pub fn with(mut self, names: &[&str]) -> Self {
        for spec in names {
            let (name, ring) = spec.split_once('@').unwrap_or((spec, ""));
            let mut member = member(name, "1.0.0", self.now);
            member.labels.insert("ring".into(), ring.into());
            self.fleet.members.insert(name.into(), member);
        }
        self
    }

    pub fn member(&mut self, name: &str) -> &mut Member {
        self.fleet.members.get_mut(name).unwrap_or_else(|| panic!("no tenant {name}"))
    }

    /// The user asks for a version on these tenants; none: on all.
    pub fn ask(&mut self, names: &[&str], version: &str) {
        let now = self.now;
        for (_, member) in
            self.fleet.members.iter_mut().filter(|(name, _)| names.is_empty() || names.contains(&&***name))
        {
            (member.desired, member.desired_since) = (Some(target(version)), now);
        }
    }

    pub fn prove(&mut self, name: &str) {
        self.member(name).health = Health::Proven;
    }

    pub fn regress(&mut self, name: &str) {
        self.member(name).health = Health::Regressed;
    }

    pub fn fail(&mut self, name: &str) {
        let at = self.now;
        self.member(name).health = Health::Failed { reason: "CrashLoop".into(), message: "exit 1".into(), at };
    }

    /// A person edits a Rollout.
    pub fn edit(&mut self, name: &str, change: impl FnOnce(&mut leasehold::api::RolloutSpec)) {
        let rollout = self.fleet.rollouts.get_mut(name).unwrap_or_else(|| panic!("no rollout {name}"));
        change(&mut rollout.spec);
        rollout.metadata.generation = Some(rollout.metadata.generation.unwrap_or(0) + 1);
    }

    pub fn wait(&mut self, secs: i64) {
        self.now += SignedDuration::from_secs(secs);
    }

    /// Decides once, checks the decision, and carries all of it out.
    pub fn tick(&mut self) -> Decisions {
        let decisions = decide(&self.fleet, self.now);
        let violations = invariants::check(&self.fleet, &decisions, self.now);
        assert!(violations.is_empty(), "{violations:?}");
        for write in writes(&decisions) {
            self.apply(write);
        }
        self.told.extend(decisions.events.iter().map(|event| (event.rollout.clone(), event.reason)));
        decisions
    }

    /// Ticks until nothing more is decided at this instant.
    pub fn settle(&mut self) -> Decisions {
        for _ in 0..100 {
            let decisions = self.tick();
            if writes(&decisions).is_empty() {
                return decisions;
            }
        }
        panic!("the engine does not come to rest");
    }

    /// Waits, then settles.
    pub fn after(&mut self, secs: i64) -> Decisions {
        self.wait(secs);
        self.settle()
    }

    pub fn apply(&mut self, write: Write) {
        match write {
            Write::Create(rollout) => {
                let mut rollout = kept(&rollout);
                rollout.metadata.generation = Some(1);
                let name = rollout.metadata.name.clone().expect("a created rollout has a name");
                self.fleet.rollouts.entry(name).or_insert(rollout);
            }
            Write::Status(name, status) => {
                if let Some(rollout) = self.fleet.rollouts.get_mut(&name) {
                    rollout.status = Some(*status);
                }
            }
            Write::Grant(order) => self.grant(&order),
            Write::Fail(name, order) => self.overdue(&name, &order),
            Write::Delete(name) => drop(self.fleet.rollouts.remove(&name)),
        }
    }

    fn grant(&mut self, order: &GrantOrder) {
        let now = self.now;
        let Some(member) = self.fleet.members.get_mut(&order.tenant).filter(|member| member.uid == order.uid) else {
            return;
        };
        let proven = matches!(member.health, Health::Proven | Health::Regressed);
        let before = member.granted.take().map(|old| (old.target, old.from));
        let from = before.map(|(target, from)| if proven { target } else { from.unwrap_or(target) });
        member.rejected.extend(order.reject.iter().map(|target| target.digest.clone()));
        member.granted = Some(Granted {
            target: order.target.clone(),
            rollout: Some(order.rollout.clone()),
            wave: Some(order.wave.clone()),
            at: now,
            broken_before: order.broken_before,
            own_edit: OwnEdit::No,
            from: from.filter(|from| *from != order.target),
            towards: order.towards.clone(),
            paused: 0,
        });
        member.health = Health::Moving;
        self.granted.push(order.tenant.clone());
    }

    fn overdue(&mut self, name: &str, order: &FailureOrder) {
        let at = self.now;
        let Some(member) = self.fleet.members.get_mut(name).filter(|member| member.uid == order.uid) else { return };
        let same = member.granted.as_ref().is_some_and(|granted| granted.target == order.target);
        if same && matches!(member.health, Health::Moving | Health::Regressed) {
            member.health = Health::Failed { reason: order.reason.clone(), message: order.message.clone(), at };
        }
    }

    // What stories ask about.

    pub fn status(&self, name: &str) -> &RolloutStatus {
        let rollout = self.fleet.rollouts.get(name).unwrap_or_else(|| panic!("no rollout {name}"));
        rollout.status.as_ref().unwrap_or_else(|| panic!("rollout {name} has no status"))
    }

    pub fn phase(&self, name: &str) -> Phase {
        self.status(name).phase
    }

    pub fn version(&self, name: &str) -> &str {
        &self.fleet.members[name].granted.as_ref().expect("a tenant with a stack").target.version
    }

    /// Tenants in flight, by name.
    pub fn moving(&self) -> Vec<&str> {
        let moving = |(_, member): &(&String, &Member)| member.health == Health::Moving;
        self.fleet.members.iter().filter(moving).map(|(name, _)| &**name).collect()
    }

    pub fn waits_on(&self, name: &str) -> Option<WaitingOn> {
        decide(&self.fleet, self.now).waits.get(name).map(|(wait, _)| wait.on)
    }

    pub fn was_told(&self, reason: EventReason) -> bool {
        self.told.iter().any(|(_, told)| *told == reason)
    }
}
