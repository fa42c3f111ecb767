//! Several releases at once: other operators, other versions, other wishes. None of them undoes what another one needs.
use leasehold::{
    api::{CrdPhase, OperatorRelease},
    domain::world::Pledge,
    plan::crds::{CrdStep, Stage},
    simulate::{Act, Object},
};
use serde_json::{Value, json};

use crate::house::{CRD, House, definition, release, tenant, version};

const NAMES: [&str; 3] = ["acme", "bolt", "coil"];

fn with_list(atomic: bool) -> Value {
    let mut list = json!({"type": "array", "items": {"type": "string"}});
    if atomic {
        list["x-kubernetes-list-type"] = json!("atomic");
    }
    definition(&[version("v1alpha1", true, &json!({"list": list}), 5)])
}

#[test]
fn two_operators_that_spell_it_otherwise_do_not_correct_each_other() {
    for (ours, theirs) in [(true, false), (false, true)] {
        let mut house = House::with(&NAMES, "1.0.0");
        house.cluster.put(release("cache", "1.0.1", &with_list(ours), false));
        house.cluster.put(release("queue", "1.0.0", &with_list(theirs), false));
        house.cluster.put(tenant("queue", "wire", "1.0.0"));
        house.ask(&NAMES, "1.0.1");
        house.run();
        assert!(house.specs.len() <= 2, "{:?}", house.specs);
        assert_eq!(house.granted()["1.0.1"].len(), 3);
        assert!(house.granted()["1.0.0"].contains(&"wire".to_owned()));
    }
}

#[test]
fn what_another_operator_asks_for_is_not_contracted_beneath_it() {
    let mut house = House::with(&NAMES, "1.1.0");
    let bare = definition(&[version("v1alpha1", true, &json!({}), 5)]);
    let noted = definition(&[version("v1alpha1", true, &json!({"note": {"type": "string"}}), 5)]);
    house.cluster.put(release("cache", "1.2.0", &bare, true));
    house.cluster.put(release("queue", "1.0.0", &noted, false));
    house.cluster.put(tenant("queue", "wire", "1.0.0"));
    house.ask(&NAMES, "1.2.0");
    house.run();
    assert!(house.specs.is_empty(), "{:?}", house.specs);
    assert!(house.granted()["1.0.0"].contains(&"wire".to_owned()));
    assert!(house.live().version("v1alpha1").unwrap().schema.pointer("/properties/spec/properties/note").is_some());
}

#[test]
fn one_storage_version_is_for_all_operators() {
    let mut house = House::with(&NAMES, "1.1.0");
    let both = |storage: &str| {
        let fields = json!({"note": {"type": "string"}});
        definition(&[
            version("v1alpha1", storage == "v1alpha1", &fields, 5),
            version("v1", storage == "v1", &fields, 5),
        ])
    };
    house.cluster.put(release("cache", "1.2.0", &both("v1"), false));
    house.cluster.put(release("queue", "1.0.0", &both("v1alpha1"), false));
    house.cluster.put(tenant("queue", "wire", "1.0.0"));
    house.ask(&NAMES, "1.2.0");
    house.run();
    assert!(!house.specs.contains(&"flip"), "{:?}", house.specs);
    let status = house.status("1.2.0");
    assert_eq!(status.phase, CrdPhase::Flip);
    assert!(status.message.contains("queue 1.0.0 stores its objects at v1alpha1"), "{}", status.message);
    house.act(&Act::Delete(vec!["Tenant/wire".into()]));
    house.run();
    assert_eq!(house.status("1.2.0").phase, CrdPhase::Done);
    assert_eq!(house.stored_versions(), ["v1"]);
}

#[test]
fn one_wish_for_a_higher_version_does_not_stop_what_everybody_is_ready_for() {
    let mut house = House::with(&NAMES, "1.1.0");
    house.ask(&NAMES, "2.0.0");
    house.run_for(70);
    assert!(!house.specs.contains(&"flip"), "the soak is not over: {:?}", house.specs);
    house.ask(&NAMES[..1], "3.0.0");
    house.run();
    assert!(house.specs.contains(&"flip"), "{:?}", house.phases());
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Done, "{:?}", house.phases());
    assert_eq!(house.stored_versions(), ["v1"]);
    let status = house.status("3.0.0");
    assert_eq!((status.phase, status.blocked), (CrdPhase::Barrier, 2), "{}", status.message);
    assert!(house.live().version("v1alpha1").unwrap().served);
}

#[test]
fn a_way_over_a_release_that_nobody_asks_for_is_expanded() {
    let mut house = House::with(&NAMES, "1.0.0");
    let mut far: OperatorRelease = match release(
        "cache",
        "1.9.0",
        &definition(&[version("v1alpha1", true, &json!({"note": {"type": "string"}}), 9)]),
        false,
    ) {
        Object::Release(release) => *release,
        other => panic!("{other:?}"),
    };
    far.spec.upgrades_from = Some(">=1.1.0, <1.9.0".into());
    house.cluster.put(Object::Release(Box::new(far)));
    house.ask(&NAMES, "1.9.0");
    house.run();
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["1.9.0"], "{:?}", house.phases());
}

#[test]
fn an_edit_of_a_tenant_s_own_does_not_begin_the_soak_anew() {
    let mut house = House::with(&NAMES, "1.1.0");
    house.ask(&NAMES, "2.0.0");
    house.run_for(70);
    let at = house.status("2.0.0").barrier_at.expect("everybody is there");
    house.act(&Act::Edit { object: "Tenant/acme".into(), merge: json!({"spec": {"replicas": 3}}) });
    house.run_for(1);
    assert_eq!(house.status("2.0.0").barrier_at, Some(at));
    house.run();
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Done);
}

#[test]
fn a_waiver_that_comes_later_counts() {
    let mut house = House::with(&NAMES, "1.0.0");
    let tighter = definition(&[version("v1alpha1", true, &json!({}), 3)]);
    house.cluster.put(release("cache", "1.2.0", &tighter, false));
    house.ask(&NAMES, "1.2.0");
    house.run();
    assert_eq!(house.status("1.2.0").phase, CrdPhase::Refused);
    let Object::Release(mut waived) = release("cache", "1.2.0", &tighter, false) else { panic!() };
    let mark = [("leasehold.dev/waive".to_owned(), "spec.size=maximum-tightened".to_owned())];
    waived.metadata.annotations = Some(mark.into());
    house.cluster.put(Object::Release(waived));
    house.run();
    assert_eq!(house.status("1.2.0").phase, CrdPhase::Done, "{:?}", house.phases());
    assert_eq!(house.specs, ["unlock"], "after a pass over all objects");
}

/// A newcomer must not slip in at the old version while the answer to the write that shuts it out is on its way.
#[test]
fn nobody_is_granted_what_a_write_under_way_may_have_shut_out() {
    let mut house = House::with(&NAMES, "1.1.0");
    house.ask(&NAMES, "2.0.0");
    house.run_until(|plan| {
        plan.crds.iter().any(|step| matches!(step, CrdStep::Write(write) if write.stage == Stage::Unlock))
    });
    // It is sent, and the answer is not here; somebody falls out of the barrier.
    let resource_version = house.cluster.world.crds[CRD].resource_version.clone();
    let until = house.cluster.now.checked_add(jiff::SignedDuration::from_secs(90)).unwrap();
    house.cluster.world.crd_pledges.insert(CRD.into(), Pledge { resource_version, until });
    house.cluster.world.crd_version += 1;
    house.cluster.put(tenant("cache", "late", "1.1.0"));
    house.act(&Act::Hold { tenants: ["acme".to_owned()].into(), name: "x".into(), reason: "x".into(), until: None });
    for _ in 0..3 {
        let plan = house.cluster.plan();
        drop(plan);
        let next = house.cluster.planner.next("late").expect("it is planned for");
        assert!(format!("{:?}", next.report).contains("CrdReady"), "{:?}", next.report);
    }
}
