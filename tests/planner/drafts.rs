//! Long plans while they are written: tenants come and go, processes too, and writes fail.
use std::collections::BTreeSet;

use jiff::SignedDuration;
use leasehold::domain::{
    report::WaitingOn,
    world::{Fault, FaultKind, Whose},
};

use crate::{
    cluster,
    desk::{Desk, RUN, Write, name},
};

const TENANTS: usize = 5_000;

/// A fleet that has waited for as long as a plan does, so that joiners do not put it off.
fn ripe(tenants: usize) -> Desk {
    let mut desk = Desk::new(tenants);
    desk.cluster.wait(600);
    desk
}

fn join(desk: &mut Desk, n: usize) {
    let now = desk.cluster.now;
    let mut member = cluster::member(&name(n), "1.0.0", now);
    (member.desired, member.desired_since) = (Some(cluster::target("1.1.0")), now);
    desk.cluster.fleet.members.insert(name(n), member);
}

/// One look of which only the first slice gets written, as where the API server is slow.
fn slowly(desk: &mut Desk) {
    let slice = desk.writes().into_iter().find(|write| matches!(write, Write::Slice(_)));
    desk.apply(slice.expect("a slice to write"));
}

/// The plans that slices are there of.
fn sets(desk: &Desk) -> BTreeSet<&String> {
    desk.world.slices.values().map(|slice| &slice.spec.plan_hash).collect()
}

fn told(desk: &mut Desk, n: usize) -> (WaitingOn, String) {
    let (wait, note) = &desk.look().0.waits[&name(n)];
    (wait.on, note.clone())
}

fn fault(object: &str, kind: FaultKind, message: &str, desk: &Desk) -> Fault {
    let (at, retry_at) = (desk.cluster.now, desk.cluster.now + SignedDuration::from_secs(30));
    Fault { object: object.into(), kind, message: message.into(), at, retry_at, times: 3 }
}

#[test]
fn a_plan_is_written_to_its_end_however_many_join_meanwhile() {
    let mut desk = ripe(TENANTS);
    for n in 0..3 {
        slowly(&mut desk);
        join(&mut desk, TENANTS + n);
    }
    let (decisions, staged) = desk.look();
    assert_eq!((desk.world.slices.len(), sets(&desk).len(), staged.slices.len()), (3, 1, 0), "one set, and complete");
    assert_eq!(staged.create.len(), 1);
    assert_eq!(decisions.create[0].spec.plan_hash, staged.create[0].spec.plan_hash);
    let (wait, note) = &decisions.waits[&name(TENANTS)];
    assert!(wait.on == WaitingOn::Queued && note.contains("behind rollout"), "{note}");
    // The answer to the Rollout's creation takes its time.
    join(&mut desk, TENANTS + 3);
    let create = desk.look().1;
    assert_eq!((create.slices.len(), create.create.len()), (0, 1));
    desk.turns(6);
    let rollout = &desk.world.rollouts[RUN];
    assert_eq!(rollout.spec.waves.iter().map(leasehold::api::PlannedWave::size).sum::<usize>(), TENANTS);
    assert_eq!((sets(&desk).len(), desk.cluster.granted.len()), (1, 1), "the canary goes");
    desk.cluster.wait(10);
    assert_eq!(told(&mut desk, TENANTS).0, WaitingOn::Queued, "who came later is for the next run");
}

#[test]
fn a_plan_that_somebody_left_or_whose_policy_changed_is_made_anew() {
    type Change = fn(&mut Desk);
    let leaves: Change = |desk| drop(desk.cluster.fleet.members.remove(&name(7)));
    let turns: Change = |desk| desk.cluster.ask(&[&name(7)], "1.0.0");
    let policy: Change = |desk| {
        let policy = desk.cluster.fleet.policies.iter_mut().next().unwrap();
        policy.1.limits.max_failures = leasehold::api::Amount::Count(3);
        let (name, policy) = (policy.0.clone(), policy.1.clone());
        desk.world.policies.insert(name, policy);
    };
    for change in [leaves, turns, policy] {
        let mut desk = ripe(TENANTS);
        desk.world.policies = desk.cluster.fleet.policies.clone();
        slowly(&mut desk);
        let first = desk.look().0.create[0].spec.plan_hash.clone();
        change(&mut desk);
        join(&mut desk, TENANTS);
        let (decisions, staged) = desk.look();
        assert_ne!(decisions.create[0].spec.plan_hash, first);
        assert!(staged.slices.iter().all(|slice| slice.spec.plan_hash != first) && !staged.slices.is_empty());
        // What was begun is nobody's, and goes when it is old enough.
        assert!(desk.look().1.delete.is_empty());
        desk.cluster.wait(601);
        assert_eq!(desk.look().1.delete.len(), 1);
        desk.turns(6);
        assert_eq!((sets(&desk).len(), desk.world.rollouts.len(), desk.cluster.granted.len()), (1, 1, 1));
    }
}

#[test]
fn nothing_is_written_on_top_of_what_two_earlier_plans_left_behind() {
    let mut desk = ripe(TENANTS);
    for n in 0..2 {
        slowly(&mut desk);
        desk.take_over();
        join(&mut desk, TENANTS + n);
    }
    for n in 2..5 {
        join(&mut desk, TENANTS + n);
        let (decisions, staged) = desk.look();
        assert_eq!((staged.slices.len(), staged.create.len(), staged.delete.len()), (0, 0, 0));
        let (wait, note) = &decisions.waits[&name(7)];
        assert!(wait.on == WaitingOn::Inconclusive && note.contains("2 earlier plans"), "{note}");
        assert!(decisions.wake.is_some_and(|wake| wake <= desk.cluster.now + SignedDuration::from_mins(10)));
    }
    desk.cluster.wait(601);
    desk.turns(8);
    let rollout = &desk.world.rollouts[RUN];
    assert_eq!(
        rollout.spec.waves.iter().map(leasehold::api::PlannedWave::size).sum::<usize>(),
        TENANTS + 5,
        "frozen as late as can be"
    );
    assert_eq!((sets(&desk).len(), desk.cluster.granted.len()), (1, 1));
}

#[test]
fn a_slice_or_a_rollout_that_cannot_be_created_is_told_to_those_who_wait_for_it() {
    let mut desk = ripe(1_500);
    let slice = desk.look().1.slices[0].metadata.name.clone().unwrap();
    let object = format!("RolloutSlice/{slice}");
    let denied = fault(&object, FaultKind::Denied, "no right to", &desk);
    desk.world.faults.insert((Whose::Slice, slice.clone()), denied);
    let (on, note) = told(&mut desk, 7);
    assert!(on == WaitingOn::Inconclusive && note.contains(&object) && note.contains("no right to"), "{note}");
    assert!(desk.look().1.slices.is_empty(), "not before its time");
    // What time may heal is told when it lasts.
    let late = Fault { times: 1, ..fault(&object, FaultKind::Transient, "no answer", &desk) };
    desk.world.faults.insert((Whose::Slice, slice.clone()), late.clone());
    assert_eq!(told(&mut desk, 7).0, WaitingOn::Queued);
    desk.world.faults.insert((Whose::Slice, slice), Fault { times: 3, ..late });
    assert_eq!(told(&mut desk, 7).0, WaitingOn::Inconclusive);
    desk.world.faults.clear();
    desk.turn();
    for tenants in [Some(&mut desk), None] {
        let mut short = ripe(20);
        let desk = tenants.unwrap_or(&mut short);
        assert_eq!(told(desk, 7).0, WaitingOn::Queued);
        let refused = fault(&format!("Rollout/{RUN}"), FaultKind::Invalid, "too long", desk);
        desk.world.faults.insert((Whose::Rollout, RUN.into()), refused);
        let (on, note) = told(desk, 7);
        assert!(on == WaitingOn::Inconclusive && note.contains(RUN) && note.contains("too long"), "{note}");
    }
}

#[test]
fn a_slice_that_is_being_deleted_is_no_part_of_a_plan_and_is_not_deleted_again() {
    let mut desk = ripe(1_500);
    desk.turn();
    let going = |slice: &mut leasehold::api::RolloutSlice| {
        slice.metadata.deletion_timestamp = slice.metadata.creation_timestamp.clone();
    };
    desk.replace(going);
    desk.cluster.wait(601);
    let (decisions, staged) = desk.look();
    assert_eq!((staged.create.len(), staged.slices.len()), (0, 0));
    assert!(decisions.waits[&name(7)].1.contains("is being deleted"));
    desk.cluster.ask(&[], "1.0.0");
    assert!(desk.look().1.delete.is_empty());
}

#[test]
fn what_may_still_come_keeps_its_slices() {
    let mut desk = ripe(1_500);
    desk.turn();
    desk.cluster.wait(7_200);
    assert_eq!(desk.look().1.create.len(), 1, "and it had no answer");
    let unanswered = fault(&format!("Rollout/{RUN}"), FaultKind::Transient, "no answer", &desk);
    desk.world.faults.insert((Whose::Rollout, RUN.into()), unanswered);
    desk.cluster.ask(&[], "1.0.0");
    assert!(desk.look().1.delete.is_empty());
    desk.cluster.wait(601);
    assert_eq!(desk.look().1.delete.len(), 1);
}
