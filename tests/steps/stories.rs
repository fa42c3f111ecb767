//! The way of a definition from release to release.
use leasehold::api::CrdPhase;

use crate::house::{CRD, House, tenant};

const NAMES: [&str; 4] = ["acme", "bolt", "coil", "dyno"];

#[test]
fn an_optional_field_is_written_before_the_first_tenant_moves_and_once() {
    let mut house = House::with(&NAMES, "1.0.0");
    house.ask(&NAMES, "1.1.0");
    house.run();
    assert_eq!(house.specs, ["expand"]);
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["1.1.0"]);
    let schema = house.live().version("v1alpha1").unwrap().schema.clone();
    assert!(schema.pointer("/properties/spec/properties/note").is_some());
    assert_eq!(house.status("1.1.0").phase, CrdPhase::Done);
}

#[test]
fn a_new_version_expands_moves_unlocks_flips_migrates_and_is_trimmed() {
    let mut house = House::with(&NAMES, "1.1.0");
    house.ask(&NAMES, "2.0.0");
    house.run();
    assert_eq!(house.specs, ["expand", "unlock", "flip"], "one write a phase");
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["2.0.0"]);
    assert_eq!(house.stored_versions(), ["v1"]);
    assert!(house.cluster.stored[CRD].values().all(|version| version == "v1"));
    let live = house.live();
    assert_eq!(live.storage(), "v1");
    for version in live.versions() {
        assert!(version.served, "{}", version.name);
        let field = |field: &str| version.schema.pointer(&format!("/properties/spec/properties/{field}")).cloned();
        assert!(
            field("threads").is_some() && field("note").is_some(),
            "{}: every version has all fields",
            version.name
        );
        assert_eq!(field("size").unwrap()["maximum"], 9);
    }
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Done);
}

#[test]
fn what_loosens_waits_for_the_last_tenant() {
    let mut house = House::with(&NAMES, "1.1.0");
    house.ask(&NAMES[..3], "2.0.0");
    house.run();
    assert_eq!(house.specs, ["expand"]);
    let most = |house: &House| {
        let live = house.live();
        live.version("v1alpha1").unwrap().schema.pointer("/properties/spec/properties/size/maximum").cloned().unwrap()
    };
    assert_eq!(most(&house), 5, "dyno runs 1.1.0, which knows no more than 5");
    let status = house.status("2.0.0");
    assert_eq!((status.phase, status.blocked), (CrdPhase::Barrier, 1));
    assert_eq!(status.blockers[0].tenant, "dyno");
    assert!(status.message.contains("dyno") && status.message.contains("asks for 1.1.0"), "{}", status.message);
    house.ask(&["dyno"], "2.0.0");
    house.run();
    assert_eq!(most(&house), 9);
    assert_eq!(house.specs, ["expand", "unlock", "flip"]);
}

#[test]
fn a_release_that_contracts_ends_what_no_tenant_uses() {
    let mut house = House::with(&NAMES, "2.0.0");
    house.ask(&NAMES, "3.0.0");
    house.run();
    let contracted = house.specs.clone();
    let versions: Vec<String> = house.live().versions().map(|version| version.name.to_owned()).collect();
    assert_eq!(versions, ["v1"], "{:?}", house.phases());
    assert!(contracted.ends_with(&["deprecate", "unserve", "drop"]), "{contracted:?}");
    assert_eq!(house.status("3.0.0").phase, CrdPhase::Done);
}

#[test]
fn an_older_release_is_never_written_back() {
    let mut house = House::with(&NAMES, "1.0.0");
    house.ask(&NAMES, "1.1.0");
    house.run();
    let before = house.live();
    house.ask(&NAMES, "1.0.0");
    house.run();
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["1.0.0"], "it can go back: all it knows is served");
    assert_eq!(house.live(), before);
    assert_eq!(house.specs, ["expand"]);
}

#[test]
fn nobody_goes_back_to_what_cannot_work_with_what_is_served() {
    let mut house = House::with(&NAMES, "1.1.0");
    house.ask(&NAMES, "2.0.0");
    house.run();
    house.ask(&NAMES[..1], "1.1.0");
    house.run();
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["2.0.0"]);
    let release = &house.cluster.world.releases["cache-1.1.0"];
    let ready = release.status.as_ref().unwrap().conditions.iter().find(|c| c.type_ == "Ready").unwrap();
    assert_eq!(ready.status, "False");
    assert!(ready.message.contains("has moved on to cache 2.0.0"), "{}", ready.message);
}

#[test]
fn a_fleet_that_begins_at_the_newest_has_it_at_once() {
    let house = House::with(&NAMES, "2.0.0");
    assert_eq!(house.live().storage(), "v1");
    assert!(house.specs.is_empty());
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["2.0.0"]);
}

#[test]
fn a_definition_that_is_created_carries_all_fields_in_each_version_without_a_second_write() {
    let mut house = House::new();
    house.cluster.put(tenant("cache", "acme", "2.0.0"));
    house.run();
    assert_eq!(house.specs, [] as [&str; 0]);
    let live = house.live();
    let threads = "/properties/spec/properties/threads";
    for version in ["v1alpha1", "v1"] {
        assert!(live.version(version).unwrap().schema.pointer(threads).is_some(), "{version}");
    }
}

#[test]
fn a_definition_that_is_not_served_yet_is_waited_for_and_no_change_of_it() {
    let mut house = House::with(&NAMES, "1.0.0");
    let serve = |house: &mut House, yes: bool| {
        house.cluster.world.crds.get_mut(CRD).unwrap().established = yes;
        house.cluster.world.crd_version += 1;
    };
    serve(&mut house, false);
    house.run();
    assert_eq!(house.phases(), [], "there is nothing to tell");
    house.ask(&NAMES, "1.1.0");
    house.run();
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["1.0.0"]);
    assert_eq!(house.phases()[0].1, CrdPhase::Expand, "that is a change, and waits");
    serve(&mut house, true);
    house.run();
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["1.1.0"]);
}
