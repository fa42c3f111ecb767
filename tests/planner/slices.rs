//! Plans that are too long for one object: how they are written, read, and what follows where a part is missing.
use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as MetaTime;
use leasehold::{
    api::{Amount, Phase, Rollout, RolloutSlice},
    domain::{report::WaitingOn, world::World},
    plan::{
        rollout::{Decisions, decide, invariants},
        slices::{Plans, Staged, cut, stage},
    },
};

use crate::cluster::{self, Cluster, policy, stored, wave, writes};

const TENANTS: usize = 10_000;
const RUN: &str = "memcached-1.1.0-1";

/// One write of the shell.
enum Write {
    Slice(RolloutSlice),
    Create(Rollout),
    DeleteSlice(String),
    Other(cluster::Write),
}

/// The fake cluster, with Rollouts and slices as they are kept, and the planner's way of reading them.
struct Desk {
    cluster: Cluster,
    world: World,
    plans: Plans,
    made: u32,
}

/// As long as a name may be.
fn name(n: usize) -> String {
    format!("tenant-{n:05}-{}", "x".repeat(50))
}

impl Desk {
    /// A fleet that has asked for another version for long enough: one canary, then everybody.
    fn new(tenants: usize) -> Self {
        let names: Vec<String> = (0..tenants).map(name).collect();
        let (mut canary, mut rest) = (wave("rest"), wave("rest"));
        (canary.name, canary.take) = ("canary".into(), Some(Amount::Count(1)));
        rest.max_concurrency = Some(Amount::Count(20));
        let mut cluster =
            Cluster::new(policy(&[canary, rest])).with(&names.iter().map(String::as_str).collect::<Vec<_>>());
        cluster.ask(&[], "1.1.0");
        cluster.wait(10);
        Self { cluster, world: World::default(), plans: Plans::default(), made: 0 }
    }

    /// The run is there and its canary was granted.
    fn begun(tenants: usize) -> Self {
        let mut desk = Self::new(tenants);
        desk.turns(6);
        assert_eq!(desk.cluster.granted.len(), 1, "the canary goes");
        desk
    }

    fn look(&mut self) -> (Decisions, Staged) {
        self.plans.gather(&self.world, &mut self.cluster.fleet);
        let mut decisions = decide(&self.cluster.fleet, self.cluster.now);
        let violations = invariants::check(&self.cluster.fleet, &decisions, self.cluster.now);
        assert!(violations.is_empty(), "{violations:?}");
        let staged = stage(&mut decisions, &self.world, self.cluster.now);
        (decisions, staged)
    }

    /// What is written now, in the order in which it could come.
    fn writes(&mut self) -> Vec<Write> {
        let (decisions, staged) = self.look();
        let slices = staged.slices.into_iter().map(Write::Slice);
        let create = staged.create.into_iter().map(Write::Create);
        let others = Decisions { create: Vec::new(), ..decisions };
        let others = writes(&others).into_iter().map(Write::Other);
        slices.chain(create).chain(others).chain(staged.delete.into_iter().map(Write::DeleteSlice)).collect()
    }

    fn apply(&mut self, write: Write) {
        self.made += 1;
        let metadata = |metadata: &mut kube::api::ObjectMeta, now| {
            metadata.uid = Some(format!("uid-{}-{}", metadata.name.clone().unwrap(), self.made));
            metadata.creation_timestamp = Some(MetaTime(now));
            (metadata.generation, metadata.resource_version) = (Some(1), Some(self.made.to_string()));
        };
        match write {
            Write::Slice(slice) => {
                let mut slice = stored(&slice);
                metadata(&mut slice.metadata, self.cluster.now);
                self.world.slices.entry(slice.metadata.name.clone().unwrap()).or_insert_with(|| Arc::new(slice));
            }
            Write::Create(rollout) => {
                let mut rollout = stored(&rollout);
                metadata(&mut rollout.metadata, self.cluster.now);
                self.world.rollouts.entry(rollout.metadata.name.clone().unwrap()).or_insert(rollout);
            }
            Write::DeleteSlice(name) => drop(self.world.slices.remove(&name)),
            Write::Other(cluster::Write::Delete(name)) => drop(self.world.rollouts.remove(&name)),
            Write::Other(cluster::Write::Status(name, status)) => {
                let rollout = self.world.rollouts.get_mut(&name).unwrap();
                rollout.status = Some(*status);
                rollout.metadata.resource_version = Some(self.made.to_string());
                stored(rollout);
            }
            Write::Other(write) => self.cluster.apply(write),
        }
    }

    /// Decides and writes once.
    fn turn(&mut self) -> usize {
        let writes = self.writes();
        let many = writes.len();
        writes.into_iter().for_each(|write| self.apply(write));
        many
    }

    fn turns(&mut self, many: usize) {
        for _ in 0..many {
            self.turn();
        }
    }

    /// A person edits a Rollout.
    fn edit(&mut self, name: &str, change: impl FnOnce(&mut Rollout)) {
        self.made += 1;
        let rollout = self.world.rollouts.get_mut(name).unwrap();
        change(rollout);
        rollout.metadata.generation = rollout.metadata.generation.map(|generation| generation + 1);
        rollout.metadata.resource_version = Some(self.made.to_string());
    }

    fn message(&self, name: &str) -> &str {
        &self.world.rollouts[name].status.as_ref().unwrap().message
    }

    /// A slice of the run with something else in it, as somebody would make it who deleted the one that was there.
    fn replace(&mut self, change: impl FnOnce(&mut RolloutSlice)) -> Arc<RolloutSlice> {
        let (name, old) = self.world.slices.iter().next().map(|(name, slice)| (name.clone(), slice.clone())).unwrap();
        let mut other = (*old).clone();
        change(&mut other);
        self.world.slices.insert(name, Arc::new(other));
        old
    }

    /// Nobody is granted, planned for or cleaned up after, and the run says why.
    fn stands_still(&mut self, why: &str) {
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

#[test]
fn a_plan_is_named_in_the_rollout_as_long_as_it_is_short() {
    let inline = |tenants| cut(&Desk::new(tenants).look().0.create[0]);
    let (short, slices) = inline(1_000);
    assert_eq!((short.spec.waves[1].members.len(), slices.len()), (999, 0));
    let (long, slices) = inline(1_001);
    let waves = &long.spec.waves;
    assert_eq!((waves[0].members.len(), waves[1].members.len(), waves[1].count), (1, 0, Some(1_000)));
    assert_eq!(waves[1].slices, [slices[0].metadata.name.clone().unwrap()], "who the canary is can still be read");
}

#[test]
fn no_object_of_ten_thousand_tenants_with_the_longest_names_is_large() {
    let mut desk = Desk::new(TENANTS);
    let (decisions, _) = desk.look();
    let (rollout, slices) = cut(&decisions.create[0]);
    let size = |json: Vec<u8>| json.len();
    let largest = slices.iter().map(|slice| size(serde_json::to_vec(slice).unwrap())).max().unwrap();
    let run = size(serde_json::to_vec(&rollout).unwrap());
    let whole = size(serde_json::to_vec(&decisions.create[0]).unwrap());
    println!("whole {whole}, {} slices of at most {largest}, the Rollout {run} bytes", slices.len());
    assert!(whole > 2 * cluster::LARGEST, "it would not fit");
    assert!(largest <= cluster::LARGEST && run <= cluster::LARGEST && slices.len() == 5);
}

#[test]
fn killed_after_any_write_of_its_creation_a_long_plan_becomes_the_same_run() {
    let undisturbed = Desk::begun(TENANTS);
    let plan = |desk: &Desk| (desk.world.rollouts[RUN].spec.clone(), desk.cluster.granted.clone());
    let slices = |desk: &Desk| -> BTreeMap<String, _> {
        desk.world.slices.iter().map(|(name, slice)| (name.clone(), slice.spec.clone())).collect()
    };
    for after in 0..8 {
        let (mut desk, mut left) = (Desk::new(TENANTS), after);
        let mut killed = false;
        for _ in 0..8 {
            let named = desk.world.rollouts.contains_key(RUN);
            for write in desk.writes() {
                if matches!(write, Write::Create(_)) {
                    assert_eq!(desk.world.slices.len(), 5, "the Rollout comes when its slices are there");
                }
                if !killed && left == 0 {
                    killed = true;
                    desk.plans = Plans::default();
                    break;
                }
                left -= usize::from(!killed);
                desk.apply(write);
            }
            assert!(named || desk.cluster.granted.is_empty());
        }
        assert!(killed, "after {after} writes nothing was left to be killed in");
        assert_eq!(plan(&desk), plan(&undisturbed), "killed after {after} writes");
        assert_eq!(slices(&desk), slices(&undisturbed));
    }
}

#[test]
fn a_run_of_which_a_part_is_missing_grants_nobody_until_it_is_back() {
    let mut desk = Desk::begun(1_500);
    let canary = desk.cluster.granted[0].clone();
    desk.cluster.prove(&canary);
    let (lost, part) = desk.world.slices.pop_first().unwrap();
    desk.stands_still(&format!("RolloutSlice {lost} is not there"));
    // Those who are planned for wait with that reason.
    let (decisions, _) = desk.look();
    let (wait, note) = &decisions.waits[&name(7)];
    assert!(wait.on == WaitingOn::Inconclusive && note.contains(&lost), "{note}");
    // A person's edit decides nothing either: who is stopped by it is not known.
    desk.edit(RUN, |rollout| rollout.spec.abort = true);
    assert!(!desk.world.rollouts[RUN].status.as_ref().unwrap().phase.ended());
    desk.edit(RUN, |rollout| rollout.spec.abort = false);
    desk.world.slices.insert(lost, part);
    desk.turns(2);
    assert!(desk.message(RUN).contains("soaks"), "{}", desk.message(RUN));
    desk.cluster.wait(60);
    desk.turns(3);
    assert_eq!(desk.cluster.granted.len(), 11, "the second wave goes");
}

#[test]
fn a_slice_with_other_tenants_in_it_stops_the_run() {
    type Change = fn(&mut RolloutSlice);
    let reversed: Change = |slice| slice.spec.members = slice.spec.members.iter().rev().cloned().collect();
    let fewer: Change = |slice| slice.spec.members = slice.spec.members.iter().skip(1).cloned().collect();
    let stranger: Change = |slice| {
        let names = slice.spec.members.iter().enumerate();
        slice.spec.members = names.map(|(n, name)| if n == 3 { "stranger".into() } else { name.clone() }).collect();
    };
    let twice: Change = |slice| {
        let first = slice.spec.members[0].clone();
        slice.spec.members = slice.spec.members.iter().skip(1).cloned().chain([first.clone(), first]).collect();
    };
    let other_run: Change = |slice| slice.spec.rollout = "memcached-1.0.0-9".into();
    let other_plan: Change = |slice| slice.spec.plan_hash = "0123456789abcdef".into();
    for (change, why) in [
        (reversed, "not what was frozen"),
        (fewer, "not what was frozen"),
        (stranger, "not what was frozen"),
        (twice, "not what was frozen"),
        (other_run, "is not of this plan"),
        (other_plan, "is not of this plan"),
    ] {
        let mut desk = Desk::begun(1_500);
        desk.replace(change);
        desk.stands_still(why);
        // Another leader finds the same.
        desk.plans = Plans::default();
        desk.stands_still(why);
    }
}

#[test]
fn the_operator_s_other_runs_stand_still_too_and_other_operators_go_on() {
    let mut desk = Desk::begun(1_500);
    for n in 0..3 {
        let mut member = cluster::member("other", "1.0.0", desk.cluster.now);
        (member.operator, member.uid) = ("redis".into(), format!("uid-redis-{n}"));
        desk.cluster.fleet.members.insert(format!("redis-{n}"), member);
    }
    let facts = desk.cluster.fleet.releases.clone();
    desk.cluster
        .fleet
        .releases
        .extend(facts.into_iter().map(|((_, version), facts)| (("redis".into(), version), facts)));
    desk.world.slices.clear();
    desk.cluster.ask(&["redis-0", "redis-1", "redis-2"], "1.1.0");
    desk.cluster.ask(&[&name(9)], "1.2.0");
    desk.cluster.wait(20);
    desk.turns(4);
    let runs: Vec<&String> = desk.world.rollouts.keys().collect();
    assert_eq!(runs, [RUN, "redis-1.1.0-1"]);
    assert_eq!(desk.cluster.granted.len(), 2, "the canary of either");
}

#[test]
fn another_s_slice_of_that_name_keeps_the_run_from_beginning_and_the_tenants_are_told() {
    let mut desk = Desk::new(1_500);
    let writes = desk.writes();
    writes.into_iter().for_each(|write| desk.apply(write));
    desk.replace(|slice| slice.spec.members = ["somebody".to_owned()].into_iter().collect());
    let (decisions, staged) = desk.look();
    assert_eq!((staged.create.len(), staged.slices.len()), (0, 0));
    let (wait, note) = &decisions.waits[&name(7)];
    assert!(wait.on == WaitingOn::Inconclusive && note.contains("is there with other tenants"), "{note}");
}

#[test]
fn slices_that_no_rollout_names_go_after_a_while_and_never_those_of_one_that_comes() {
    let mut desk = Desk::new(1_500);
    let first = desk.writes();
    first.into_iter().for_each(|write| desk.apply(write));
    // They stay as long as the Rollout is about to be created, however long that takes.
    desk.cluster.wait(7_200);
    let (_, staged) = desk.look();
    assert_eq!((staged.create.len(), staged.delete.len()), (1, 0));
    // The tenants change their mind: another plan, and the parts of the first one are nobody's.
    desk.cluster.ask(&[], "1.2.0");
    let made = desk.cluster.now;
    let age = |desk: &mut Desk| {
        let mut slice = (**desk.world.slices.values().next().unwrap()).clone();
        slice.metadata.creation_timestamp = Some(MetaTime(made));
        desk.world.slices.insert(slice.metadata.name.clone().unwrap(), Arc::new(slice));
    };
    age(&mut desk);
    let (decisions, staged) = desk.look();
    assert!(staged.delete.is_empty(), "the Rollout's creation may still be on its way");
    assert!(decisions.wake.is_some_and(|wake| wake <= made + SignedDuration::from_mins(10)));
    desk.cluster.wait(601);
    desk.turns(6);
    let rollout = &desk.world.rollouts["memcached-1.2.0-1"];
    let named: Vec<&String> = rollout.spec.waves.iter().flat_map(|wave| &wave.slices).collect();
    assert_eq!(desk.world.slices.keys().collect::<Vec<_>>(), named, "what is named stays, the rest is gone");
}

#[test]
fn slices_of_a_rollout_that_cannot_be_read_stay() {
    let mut desk = Desk::begun(1_500);
    desk.cluster.wait(7_200);
    desk.world.rollouts.clear();
    desk.cluster.ask(&[], "1.0.0");
    let unread = leasehold::domain::world::Undecodable { error: "odd".into(), generation: 1, reported: false };
    desk.world.undecodable.insert(("rollouts".into(), RUN.into()), unread);
    assert!(desk.look().1.delete.is_empty());
    desk.world.undecodable.clear();
    assert_eq!(desk.look().1.delete.len(), 1);
}

#[test]
fn a_plan_that_has_ended_is_asked_for_only_where_somebody_was_stopped_in_it() {
    for (phase, stops) in [(Phase::Succeeded, false), (Phase::Superseded, false), (Phase::Aborted, true)] {
        let mut desk = Desk::begun(1_500);
        desk.edit(RUN, |rollout| rollout.status.as_mut().unwrap().phase = phase);
        desk.world.slices.clear();
        desk.plans.gather(&desk.world, &mut desk.cluster.fleet);
        assert_eq!(desk.cluster.fleet.unread.contains_key(RUN), stops, "{phase:?}");
    }
}
