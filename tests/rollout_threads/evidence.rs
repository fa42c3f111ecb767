//! What counts as proof, and for how long.
use leasehold::{
    api::{Phase, WavePhase},
    plan::rollout::EventReason,
};

use crate::{FIRST, begun, cluster::target};

/// argo-cd #29410, #29347, #22558: the next step opened on the health of the old revision.
#[test]
fn argo_cd_29410_being_well_on_the_old_revision_opens_nothing() {
    let mut cluster = begun();
    assert_eq!(cluster.moving(), ["a"]);
    let old = cluster.fleet.members["a"].granted.clone();
    cluster.prove("a");
    cluster.member("a").granted.as_mut().unwrap().target = target("1.0.0");
    cluster.after(3600);
    assert_eq!(cluster.granted, ["a", "a"], "proven on 1.0.0 says nothing about 1.1.0: granted again, wave not passed");
    assert_eq!(cluster.status(FIRST).waves[0].phase, WavePhase::Running);
    assert_eq!(old.unwrap().target, target("1.1.0"));
}

/// open-cluster-management #1201, #1237: a soak from a condition's time that had not moved; all clusters at once.
#[test]
fn ocm_1201_the_soak_is_counted_from_the_proof_and_not_from_the_tenants_old_times() {
    let mut cluster = begun();
    cluster.after(590);
    cluster.prove("a");
    cluster.settle();
    assert!(cluster.moving().is_empty(), "granted long ago, proven just now");
    cluster.after(59);
    assert!(cluster.moving().is_empty());
    cluster.after(1);
    assert_eq!(cluster.moving(), ["b"]);
}

/// argo-cd #19535, #12459: stuck after the work was done, because an edge was missed.
#[test]
fn argo_cd_19535_a_missed_edge_is_made_up_for() {
    let mut cluster = begun();
    for name in ["a", "b", "c"] {
        cluster.member(name).granted.as_mut().unwrap().target = target("1.1.0");
        cluster.prove(name);
    }
    cluster.settle();
    cluster.after(60);
    cluster.after(60);
    assert_eq!(cluster.phase(FIRST), Phase::Succeeded);
}

/// kubefleet's `TimedWait` never looks again, and a stop restarts it and counts the stopped time.
#[test]
fn kubefleet_timed_wait_a_soak_starts_again_after_a_regression() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.after(59);
    cluster.regress("a");
    cluster.settle();
    assert!(cluster.was_told(EventReason::WaveSoakRestarted));
    cluster.prove("a");
    cluster.after(1);
    cluster.after(59);
    assert!(cluster.moving().is_empty());
    cluster.after(1);
    assert_eq!(cluster.moving(), ["b"]);
}

#[test]
fn kubefleet_timed_wait_a_suspension_neither_restarts_the_soak_nor_counts() {
    let mut cluster = begun();
    cluster.prove("a");
    cluster.settle();
    cluster.after(40);
    cluster.edit(FIRST, |spec| spec.suspend = true);
    cluster.settle();
    cluster.after(3600);
    cluster.edit(FIRST, |spec| spec.suspend = false);
    cluster.settle();
    cluster.after(19);
    assert!(cluster.moving().is_empty());
    cluster.after(1);
    assert_eq!(cluster.moving(), ["b"]);
}
