//! Plans that are too long for one object: how they are written, read, and what follows where a part is missing.
use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as MetaTime;
use leasehold::{
    api::{Phase, RolloutSlice},
    domain::report::WaitingOn,
    plan::slices::cut,
};

use crate::{
    cluster,
    desk::{Desk, RUN, Write, name},
};

const TENANTS: usize = 10_000;

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
                    desk.take_over();
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
        desk.take_over();
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
    for write in writes {
        desk.apply(write);
    }
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
    for write in first {
        desk.apply(write);
    }
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

#[test]
fn what_a_lower_history_limit_leaves_over_goes_a_few_at_a_time() {
    let mut desk = Desk::new(4);
    desk.turns(6);
    let ended = desk.world.rollouts[RUN].clone();
    for n in 0..60 {
        let mut old = ended.clone();
        let name = format!("memcached-1.0.{n}-0");
        old.metadata.name = Some(name.clone());
        (old.spec.sequence, old.metadata.uid) = (0, Some(format!("uid-{name}")));
        old.status.as_mut().unwrap().phase = Phase::Succeeded;
        desk.world.rollouts.insert(name, old);
    }
    let left = |desk: &Desk| desk.world.rollouts.len();
    assert_eq!(desk.look().0.delete.len(), 16);
    desk.turns(6);
    assert_eq!(left(&desk), 11, "the newest, and as many as the limit keeps");
}

#[test]
fn a_slice_that_was_missing_and_turns_up_unreadable_is_said_to_be_that() {
    let mut desk = Desk::begun(1_500);
    let (lost, _) = desk.world.slices.pop_first().unwrap();
    desk.stands_still(&format!("RolloutSlice {lost} is not there"));
    let unread = leasehold::domain::world::Undecodable { error: "odd".into(), generation: 1, reported: false };
    desk.world.undecodable.insert(("rolloutslices".into(), lost.clone()), unread);
    desk.stands_still(&format!("RolloutSlice {lost} cannot be read: odd"));
    desk.world.undecodable.clear();
    desk.stands_still(&format!("RolloutSlice {lost} is not there"));
}
