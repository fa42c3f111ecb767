//! What a person says, and what a person is told.
use leasehold::{
    api::Phase,
    domain::{
        fleet::{Health, Standing},
        report::WaitingOn,
    },
    plan::rollout::{EventReason, decide},
};

use crate::{FIRST, begun, brake, cluster::Cluster};

type Step = fn(&mut Cluster);

/// argo-cd #17974, #22001; kargo #3687: no way to pause, and no hold that says whose it is.
#[test]
fn argo_cd_17974_a_run_can_be_suspended_and_a_tenant_held_by_somebody_who_is_named() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.edit(FIRST, |spec| spec.suspend = true);
    cluster.after(3600);
    assert_eq!((cluster.phase(FIRST), cluster.granted.len()), (Phase::Suspended, 1));
    cluster.edit(FIRST, |spec| spec.suspend = false);
    cluster.member("b").standing = Standing::Held(vec!["quarter-end of finance".into()]);
    cluster.settle();
    cluster.after(60);
    assert_eq!(cluster.moving(), ["c"], "one is held, the others go on");
    let (wait, note) = &decide(&cluster.fleet, cluster.now).waits["b"];
    assert!(wait.on == WaitingOn::Hold && note.contains("quarter-end of finance"), "{note}");
}

/// kubefleet #807: slow and stuck looked alike.
#[test]
fn kubefleet_807_every_wait_has_a_reason_and_a_beginning_and_what_is_slow_has_an_end() {
    let mut cluster = begun();
    let decisions = cluster.settle();
    for (tenant, (wait, note)) in &decisions.waits {
        assert!(wait.since.is_some() && !note.is_empty(), "{tenant}: {wait:?} {note}");
    }
    let deadline = decisions.wake.expect("whoever is in flight has a deadline");
    assert_eq!((deadline - cluster.now).get_seconds(), 600);
    cluster.now = deadline;
    cluster.settle();
    assert!(
        matches!(&cluster.fleet.members["a"].health, Health::Failed { reason, .. } if reason == "DeadlineExceeded")
    );
    let (wait, _) = &decide(&cluster.fleet, cluster.now).waits["b"];
    assert_eq!(wait.on, WaitingOn::Budget, "stuck is another word than slow");
    let mut soaking = begun();
    soaking.prove("a");
    let decisions = soaking.settle();
    let (wait, _) = &decisions.waits["b"];
    assert_eq!((wait.on, wait.until), (WaitingOn::Soak, decisions.wake));
}

/// flagger #724, argo-rollouts #4128: could not be aborted.
#[test]
fn flagger_724_abort_outranks_every_state() {
    let states: [(&str, Step); 5] = [
        ("running", |_| ()),
        ("soaking", |cluster| cluster.prove("a")),
        ("halted", |cluster| cluster.fail("a")),
        ("suspended", |cluster| cluster.edit(FIRST, |spec| spec.suspend = true)),
        ("superseding", |cluster| cluster.ask(&["b", "c"], "1.2.0")),
    ];
    for (state, reach) in states {
        let mut cluster = begun();
        reach(&mut cluster);
        cluster.settle();
        cluster.edit(FIRST, |spec| spec.abort = true);
        cluster.settle();
        assert_eq!(cluster.phase(FIRST), Phase::Aborted, "from {state}");
        assert!(cluster.was_told(EventReason::RolloutAborted));
        cluster.ask(&[], "1.1.0");
        cluster.after(86_400);
        assert_eq!(cluster.granted, ["a"], "from {state}");
        assert_eq!(cluster.phase(FIRST), Phase::Aborted, "from {state}: for ever");
    }
}

/// flagger #724, argo-rollouts #4461: the deadline never fired.
#[test]
fn argo_rollouts_4461_a_deadline_fires_even_when_the_run_is_over_or_gone() {
    let mut cluster = begun();
    cluster.edit(FIRST, |spec| spec.abort = true);
    cluster.settle();
    assert_eq!(cluster.phase(FIRST), Phase::Aborted);
    cluster.fleet.rollouts.remove(FIRST);
    cluster.after(600);
    assert!(
        matches!(&cluster.fleet.members["a"].health, Health::Failed { reason, .. } if reason == "DeadlineExceeded")
    );
}

/// argo-cd #11817, fleet #2891: gates checked in one place only.
#[test]
fn argo_cd_11817_holds_and_suspension_are_read_again_at_each_grant() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.wait(60);
    cluster.tick();
    cluster.edit(FIRST, |spec| spec.suspend = true);
    cluster.settle();
    assert!(cluster.moving().is_empty(), "suspended between the wave's opening and its first grant");
    cluster.edit(FIRST, |spec| spec.suspend = false);
    cluster.member("b").standing = Standing::Held(vec!["now".into()]);
    cluster.settle();
    assert_eq!(cluster.moving(), ["c"]);
}

/// The same for windows: one that opens or closes between two grants counts for the second.
#[test]
fn fleet_2891_windows_are_read_again_at_each_grant() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.wait(60);
    cluster.tick();
    cluster.fleet.windows.insert("brake".into(), brake());
    cluster.settle();
    assert!(cluster.moving().is_empty(), "the brake was pulled between the wave's opening and its first grant");
    cluster.fleet.windows.clear();
    cluster.settle();
    assert_eq!(cluster.moving(), ["b"]);
}
