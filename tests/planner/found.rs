//! What random schedules have found, told as stories.
use leasehold::{
    api::{OnFailure, Phase},
    domain::{fleet::Standing, report::WaitingOn},
};

use crate::cluster::{Cluster, member, policy, wave};

const FIRST: &str = "memcached-1.1.0-1";

fn begun(on_failure: OnFailure) -> Cluster {
    let mut policy = policy(&[wave("canary"), wave("rest")]);
    (policy.on_failure, policy.revision_history_limit) = (on_failure, 1);
    let mut cluster = Cluster::new(policy).with(&["a@canary", "b@canary", "c"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster
}

/// The plan has names. A tenant that was deleted and made anew for another operator had a place in it for ever.
#[test]
fn a_tenant_of_that_name_and_of_another_operator_is_not_the_one_in_the_plan() {
    let mut cluster = begun(OnFailure::Halt);
    let others: Vec<_> =
        cluster.fleet.releases.iter().map(|((_, v), f)| (("redis".to_owned(), v.clone()), f.clone())).collect();
    cluster.fleet.releases.extend(others);
    let mut other = member("b", "1.0.0", cluster.now);
    (other.uid, other.operator) = ("another".into(), "redis".into());
    cluster.fleet.members.insert("b".into(), other);
    cluster.ask(&["b"], "1.1.0");
    cluster.after(10);
    assert_eq!((cluster.version("b"), cluster.moving()), ("1.1.0", vec!["a", "b"]), "by a run of its own operator");
}

/// A later run had moved the tenant before the abort was spoken, and so the abort did not count for it.
#[test]
fn an_abort_counts_for_whoever_a_later_run_moved_before_it() {
    let mut cluster = begun(OnFailure::Halt);
    cluster.fail("a");
    cluster.settle();
    cluster.ask(&["a"], "1.2.0");
    cluster.after(10);
    cluster.fail("a");
    cluster.ask(&["a"], "1.1.0");
    cluster.settle();
    cluster.edit(FIRST, |spec| spec.abort = true);
    cluster.after(3600);
    assert_eq!((cluster.version("a"), cluster.waits_on("a")), ("1.2.0", Some(WaitingOn::Suspended)));
}

/// A person undid the going back itself, and those who had not gone yet were planned for it again.
#[test]
fn an_undo_of_a_going_back_holds_those_who_have_not_gone() {
    let mut cluster = begun(OnFailure::Rollback);
    cluster.prove("a");
    cluster.settle();
    cluster.fail("b");
    cluster.settle();
    let back = "memcached-1.0.0-2";
    assert_eq!((cluster.phase(FIRST), cluster.moving()), (Phase::RolledBack, vec!["b"]));
    cluster.edit(back, |spec| spec.undo = true);
    cluster.prove("b");
    cluster.after(86_400);
    assert_eq!((cluster.phase(back), cluster.version("a")), (Phase::RolledBack, "1.1.0"));
}

/// The word was forgotten with its Rollout as soon as nobody seemed to be concerned, by a look that was behind.
#[test]
fn an_aborted_run_is_kept_for_an_hour_whoever_asks_for_what() {
    let mut cluster = begun(OnFailure::Halt);
    cluster.edit(FIRST, |spec| spec.abort = true);
    cluster.prove("a");
    cluster.settle();
    for version in ["1.2.0", "1.3.0"] {
        cluster.ask(&["c"], version);
        cluster.after(10);
        cluster.prove("c");
        cluster.settle();
        cluster.after(60);
    }
    cluster.ask(&["b"], "1.0.0");
    cluster.settle();
    assert!(cluster.fleet.rollouts.contains_key(FIRST));
    cluster.after(3600);
    assert!(!cluster.fleet.rollouts.contains_key(FIRST), "{:?}", cluster.fleet.rollouts.keys());
}

/// Everybody waited for a slot of the fleet that a tenant kept whom a person had paused, in a run that was not theirs, and
/// nobody was told.
#[test]
fn who_is_paused_on_the_way_and_keeps_the_last_slot_is_named() {
    let mut cluster = begun(OnFailure::Halt);
    cluster.fleet.max_concurrency = 1;
    cluster.member("a").standing = Standing::Paused;
    cluster.fleet.rollouts.remove(FIRST);
    let decisions = cluster.after(3600);
    let (wait, note) = &decisions.waits["b"];
    assert_eq!((wait.on, cluster.moving()), (WaitingOn::Concurrency, vec!["a"]));
    assert!(note.contains("a is paused on its way and keeps its slot"), "{note}");
}

/// Whoever was overdue was granted the next thing in the same breath, as one who is well. After a crash between the two writes it
/// was broken, and took the slot of another who had been granted.
#[test]
fn who_is_overdue_is_recorded_as_failed_before_the_next_run_grants() {
    let mut cluster = Cluster::new(policy(&[wave("rest")])).with(&["a", "b"]);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    cluster.edit(FIRST, |spec| spec.abort = true);
    cluster.fleet.max_concurrency = 1;
    cluster.ask(&[], "1.2.0");
    cluster.after(10);
    assert_eq!((cluster.phase("memcached-1.2.0-2"), cluster.moving()), (Phase::Running, vec!["a"]));
    cluster.fleet.max_concurrency = 50;
    cluster.wait(590);
    let decisions = cluster.tick();
    assert_eq!((decisions.failures.len(), decisions.grants.len()), (1, 0));
    let decisions = cluster.tick();
    let granted: Vec<_> = decisions.grants.iter().map(|order| (&*order.tenant, order.broken_before)).collect();
    assert_eq!(granted, [("a", true)], "a failure of its is not charged to the run");
}

/// In the breath in which a run halted, or was suspended, another one was made that led a broken tenant to the same version.
#[test]
fn nobody_is_led_to_what_a_run_stops_at_in_the_same_breath() {
    let stops: [fn(&mut Cluster); 2] =
        [|cluster| cluster.fail("a"), |cluster| cluster.edit(FIRST, |spec| spec.suspend = true)];
    for stop in stops {
        let mut cluster = begun(OnFailure::Halt).with(&["late"]);
        cluster.ask(&["late"], "1.1.0");
        cluster.after(10);
        cluster.fail("late");
        stop(&mut cluster);
        let decisions = cluster.tick();
        assert!(decisions.create.is_empty(), "{:?}", decisions.create);
        assert!(matches!(cluster.phase(FIRST), Phase::Halted | Phase::Suspended));
    }
    let mut cluster = begun(OnFailure::Halt).with(&["late"]);
    cluster.ask(&["late"], "1.1.0");
    cluster.after(10);
    cluster.fail("late");
    assert_eq!(cluster.tick().create.len(), 1, "where nothing stands in the way it takes the fix");
}

/// Whoever went back to something newer was taken for one who asks for it, and a run ended for which others waited.
#[test]
fn who_goes_back_to_something_newer_takes_the_run_from_nobody() {
    let mut cluster = Cluster::new(policy(&[wave("rest")])).with(&["c"]);
    cluster.fleet.members.insert("a".into(), member("a", "1.2.0", cluster.now));
    cluster.ask(&["a"], "1.0.0");
    cluster.after(10);
    cluster.ask(&[], "1.1.0");
    cluster.after(10);
    assert_eq!((cluster.phase("memcached-1.1.0-2"), cluster.moving()), (Phase::Queued, vec!["a"]));
    cluster.ask(&["a"], "1.0.0");
    cluster.prove("a");
    cluster.settle();
    cluster.edit("memcached-1.0.0-1", |spec| spec.undo = true);
    cluster.settle();
    assert_eq!(cluster.waits_on("a"), Some(WaitingOn::Queued), "it goes back to 1.2.0");
    assert_eq!((cluster.phase("memcached-1.1.0-2"), cluster.moving()), (Phase::Running, vec!["c"]));
    cluster.prove("c");
    cluster.settle();
    cluster.after(60);
    assert_eq!((cluster.phase("memcached-1.1.0-2"), cluster.version("a")), (Phase::Succeeded, "1.2.0"));
}

/// A tenant that was deleted and made anew for another operator was kept from what another one of its name was kept from.
#[test]
fn a_word_about_a_run_of_another_operator_is_not_about_a_tenant_of_that_name() {
    let mut cluster = begun(OnFailure::Halt);
    let others: Vec<_> =
        cluster.fleet.releases.iter().map(|((_, v), f)| (("redis".to_owned(), v.clone()), f.clone())).collect();
    cluster.fleet.releases.extend(others);
    cluster.edit(FIRST, |spec| spec.abort = true);
    cluster.settle();
    let mut other = member("b", "1.0.0", cluster.now);
    (other.uid, other.operator) = ("another".into(), "redis".into());
    cluster.fleet.members.insert("b".into(), other);
    cluster.ask(&["b"], "1.1.0");
    cluster.after(10);
    assert_eq!((cluster.version("b"), cluster.version("c")), ("1.1.0", "1.0.0"));
}
