//! The fake cluster with Rollouts and slices as they are kept, and the planner's way of writing and reading them.
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as MetaTime;
use leasehold::{
    api::{Amount, Rollout, RolloutSlice},
    domain::world::World,
    plan::{
        rollout::{Decisions, decide, invariants},
        slices::{Drafts, Plans, Staged, stage},
    },
};

use crate::cluster::{self, Cluster, policy, stored, wave, writes};

pub const RUN: &str = "memcached-1.1.0-1";

/// One write of the shell.
pub enum Write {
    Slice(Box<RolloutSlice>),
    Create(Box<Rollout>),
    DeleteSlice(String),
    Other(Box<cluster::Write>),
}

/// The fake cluster, with Rollouts and slices as they are kept, and the planner's way of reading them.
pub struct Desk {
    pub cluster: Cluster,
    pub world: World,
    pub plans: Plans,
    pub drafts: Drafts,
    made: u32,
}

/// As long as a name may be.
pub fn name(n: usize) -> String {
    format!("tenant-{n:05}-{}", "x".repeat(50))
}

impl Desk {
    /// A fleet that has asked for another version for long enough: one canary, then everybody.
    pub fn new(tenants: usize) -> Self {
        let names: Vec<String> = (0..tenants).map(name).collect();
        let (mut canary, mut rest) = (wave("rest"), wave("rest"));
        (canary.name, canary.take) = ("canary".into(), Some(Amount::Count(1)));
        rest.max_concurrency = Some(Amount::Count(20));
        let mut cluster =
            Cluster::new(policy(&[canary, rest])).with(&names.iter().map(String::as_str).collect::<Vec<_>>());
        cluster.ask(&[], "1.1.0");
        cluster.wait(10);
        Self { cluster, world: World::default(), plans: Plans::default(), drafts: Drafts::default(), made: 0 }
    }

    /// The run is there and its canary was granted.
    pub fn begun(tenants: usize) -> Self {
        let mut desk = Self::new(tenants);
        desk.turns(6);
        assert_eq!(desk.cluster.granted.len(), 1, "the canary goes");
        desk
    }

    pub fn look(&mut self) -> (Decisions, Staged) {
        self.plans.gather(&self.world, &mut self.cluster.fleet);
        let mut decisions = decide(&self.cluster.fleet, self.cluster.now);
        let violations = invariants::check(&self.cluster.fleet, &decisions, self.cluster.now);
        assert!(violations.is_empty(), "{violations:?}");
        let staged = stage(&mut decisions, &mut self.drafts, &self.world, self.cluster.now);
        (decisions, staged)
    }

    /// Another process takes over.
    pub fn take_over(&mut self) {
        (self.plans, self.drafts) = (Plans::default(), Drafts::default());
    }

    /// What is written now, in the order in which it could come.
    pub fn writes(&mut self) -> Vec<Write> {
        let (decisions, staged) = self.look();
        let slices = staged.slices.into_iter().map(|slice| Write::Slice(Box::new(slice)));
        let create = staged.create.into_iter().map(|rollout| Write::Create(Box::new(rollout)));
        let others = Decisions { create: Vec::new(), ..decisions };
        let others = writes(&others).into_iter().map(|write| Write::Other(Box::new(write)));
        slices.chain(create).chain(others).chain(staged.delete.into_iter().map(Write::DeleteSlice)).collect()
    }

    pub fn apply(&mut self, write: Write) {
        self.made += 1;
        let metadata = |metadata: &mut kube::api::ObjectMeta, now| {
            metadata.uid = Some(format!("uid-{}-{}", metadata.name.clone().unwrap(), self.made));
            metadata.creation_timestamp = Some(MetaTime(now));
            (metadata.generation, metadata.resource_version) = (Some(1), Some(self.made.to_string()));
        };
        match write {
            Write::Slice(slice) => {
                let mut slice = stored(&*slice);
                metadata(&mut slice.metadata, self.cluster.now);
                self.world.slices.entry(slice.metadata.name.clone().unwrap()).or_insert_with(|| Arc::new(slice));
            }
            Write::Create(rollout) => {
                let mut rollout = stored(&*rollout);
                metadata(&mut rollout.metadata, self.cluster.now);
                self.world.rollouts.entry(rollout.metadata.name.clone().unwrap()).or_insert(rollout);
            }
            Write::DeleteSlice(name) => drop(self.world.slices.remove(&name)),
            Write::Other(write) => self.other(*write),
        }
    }

    fn other(&mut self, write: cluster::Write) {
        match write {
            cluster::Write::Delete(name) => drop(self.world.rollouts.remove(&name)),
            cluster::Write::Status(name, status) => {
                let rollout = self.world.rollouts.get_mut(&name).unwrap();
                rollout.status = Some(*status);
                rollout.metadata.resource_version = Some(self.made.to_string());
                stored(rollout);
            }
            write => self.cluster.apply(write),
        }
    }

    /// Decides and writes once.
    pub fn turn(&mut self) -> usize {
        let writes = self.writes();
        let many = writes.len();
        for write in writes {
            self.apply(write);
        }
        many
    }

    pub fn turns(&mut self, many: usize) {
        for _ in 0..many {
            self.turn();
        }
    }

    /// A person edits a Rollout.
    pub fn edit(&mut self, name: &str, change: impl FnOnce(&mut Rollout)) {
        self.made += 1;
        let rollout = self.world.rollouts.get_mut(name).unwrap();
        change(rollout);
        rollout.metadata.generation = rollout.metadata.generation.map(|generation| generation + 1);
        rollout.metadata.resource_version = Some(self.made.to_string());
    }

    pub fn message(&self, name: &str) -> &str {
        &self.world.rollouts[name].status.as_ref().unwrap().message
    }

    /// A slice of the run with something else in it, as somebody would make it who deleted the one that was there.
    pub fn replace(&mut self, change: impl FnOnce(&mut RolloutSlice)) -> Arc<RolloutSlice> {
        let (name, old) = self.world.slices.iter().next().map(|(name, slice)| (name.clone(), slice.clone())).unwrap();
        let mut other = (*old).clone();
        change(&mut other);
        self.world.slices.insert(name, Arc::new(other));
        old
    }

    /// Nobody is granted, planned for or cleaned up after, and the run says why.
    pub fn stands_still(&mut self, why: &str) {
        let before = self.cluster.granted.len();
        for _ in 0..3 {
            self.turn();
            self.cluster.wait(700);
        }
        let (decisions, staged) = self.look();
        assert_eq!((self.cluster.granted.len(), decisions.create.len(), staged), (before, 0, Staged::default()));
        let status = self.world.rollouts[RUN].status.as_ref().unwrap();
        assert!(status.message.contains(why) && !status.phase.ended(), "{status:?}");
        let stalled = status.conditions.iter().find(|condition| condition.type_ == "Stalled").unwrap();
        assert_eq!((&*stalled.status, &*stalled.reason), ("True", "PlanUnread"));
        assert_eq!(self.turn(), 0, "and then it is at rest");
    }
}
