//! Who is in the way of what comes after the waves.
use leasehold::{
    api::{CrdPhase, Span},
    simulate::{Act, Becomes, Fate, Turn},
};

use crate::house::House;

const NAMES: [&str; 3] = ["acme", "bolt", "coil"];

/// The last of three fares so with 2.0.0.
fn with(is: Becomes, then: Vec<Turn>) -> House {
    let mut house = House::with(&NAMES, "1.1.0");
    let (version, tenants) = (Some("2.0.0".into()), Some(["coil".to_owned()].into()));
    house.act(&Act::Fate(Fate { version, tenants, is, then, ..Fate::good() }));
    house.ask(&NAMES, "2.0.0");
    house
}

/// Goes on until everybody is granted 2.0.0.
fn granted(house: &mut House) {
    for _ in 0..120 {
        house.run_for(1);
        if house.granted().into_keys().eq(["2.0.0"]) {
            return;
        }
    }
    panic!("not everybody was granted it: {:?}", house.granted());
}

#[test]
fn who_is_granted_the_release_and_not_proven_on_it_yet() {
    let mut house = with(Becomes::NotReady, vec![Turn { is: Becomes::Ready, after: Span::secs(30) }]);
    granted(&mut house);
    house.run_for(25);
    let status = house.status("2.0.0");
    assert_eq!((status.phase, status.blocked), (CrdPhase::Waves, 1), "{}", status.message);
    assert_eq!((&*status.blockers[0].tenant, &*status.blockers[0].why), ("coil", "it is not proven there yet"));
    house.run_for(10);
    assert_eq!(house.specs, ["expand"], "what it ran before may still run");
    house.run();
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Done);
}

#[test]
fn who_failed_on_it() {
    let mut house = with(Becomes::CrashLoop, Vec::new());
    house.run_for(600);
    let status = house.status("2.0.0");
    assert_eq!((status.phase, status.blocked), (CrdPhase::Barrier, 1), "{}", status.message);
    assert!(status.blockers[0].tenant == "coil" && status.blockers[0].why.starts_with("it failed on it"), "{status:?}");
    assert_eq!(house.specs, ["expand"]);
}

/// An old pod of the first of three is there once all are granted 2.0.0, until it is taken away.
fn with_an_old_pod(deleting: bool) {
    let mut house = with(Becomes::Ready, Vec::new());
    granted(&mut house);
    let acme = house.cluster.world.tenants.get_mut("acme").unwrap();
    let mut pod = acme.pods.values().next().unwrap().clone();
    (pod.deleting, pod.pod_revision) = (deleting, Some("earlier".into()));
    acme.pods.insert("a-goes".into(), pod);
    house.run_for(60);
    assert_eq!(house.specs, ["expand"], "{}", house.status("2.0.0").message);
    let blockers = house.status("2.0.0").blockers;
    assert!(blockers[0].tenant == "acme" && blockers[0].why.contains("pod a-goes"), "{blockers:?}");
    house.cluster.world.tenants.get_mut("acme").unwrap().pods.remove("a-goes");
    house.run();
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Done);
}

#[test]
fn who_has_a_pod_of_an_earlier_revision_that_is_still_going() {
    with_an_old_pod(true);
}

#[test]
fn who_has_one_that_is_not_said_to_be_going_yet() {
    with_an_old_pod(false);
}
