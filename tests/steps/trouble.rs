//! What goes wrong: each ends in a finding with a name, nothing is lost, and nobody moves that should not.
use leasehold::{
    api::{CrdPhase, Purpose},
    domain::world::Undecodable,
    plan::crds::{CrdStep, step::What},
    simulate::{Act, Object},
};
use serde_json::{Value, json};

use crate::house::{CRD, House, definition, release, releases, tenant, version};

const NAMES: [&str; 3] = ["acme", "bolt", "coil"];

fn refused(definition: &Value, rule: &str) {
    let mut house = House::with(&NAMES, "1.0.0");
    let before = house.live();
    house.cluster.put(release("cache", "1.2.0", definition, false));
    house.ask(&NAMES, "1.2.0");
    house.run();
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["1.0.0"], "{rule}: nobody moves");
    assert_eq!((house.live(), house.specs.len()), (before, 0), "{rule}: nothing is written");
    let status = house.status("1.2.0");
    assert_eq!(status.phase, CrdPhase::Refused, "{rule}");
    assert!(status.findings.iter().any(|finding| finding.rule == rule), "{rule}: {:?}", status.findings);
    let release = &house.cluster.world.releases["cache-1.2.0"];
    let stalled = release.status.as_ref().unwrap().conditions.iter().find(|c| c.type_ == "Stalled").unwrap();
    assert_eq!(stalled.reason, "CrdRefused");
    assert!(stalled.message.contains(rule), "{}", stalled.message);
}

#[test]
fn a_change_of_type_is_refused_before_anybody_moves() {
    let mut versions = version("v1alpha1", true, &json!({}), 5);
    versions["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"] = json!({"type": "string"});
    refused(&definition(&[versions]), "type-changed");
}

#[test]
fn a_new_required_field_is_refused_before_anybody_moves() {
    let mut versions = version("v1alpha1", true, &json!({"must": {"type": "string"}}), 5);
    versions["schema"]["openAPIV3Schema"]["properties"]["spec"]["required"] = json!(["size", "must"]);
    refused(&definition(&[versions]), "required-field-added");
}

#[test]
fn a_tighter_bound_is_refused_until_it_is_waived() {
    refused(&definition(&[version("v1alpha1", true, &json!({}), 3)]), "maximum-tightened");
}

#[test]
fn a_held_and_a_paused_tenant_are_named_and_hold_up_what_comes_after_the_waves_only() {
    let mut house = House::with(&NAMES, "1.1.0");
    let hold = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    house.act(&Act::Hold { tenants: hold(&["acme"]), name: "quarter-end".into(), reason: "books".into(), until: None });
    house.act(&Act::Edit { object: "Tenant/bolt".into(), merge: json!({"spec": {"mode": "Paused"}}) });
    house.ask(&NAMES, "2.0.0");
    house.run();
    let status = house.status("2.0.0");
    assert_eq!((status.phase, status.blocked), (CrdPhase::Barrier, 2), "{}", status.message);
    let why: Vec<(&str, bool)> = status
        .blockers
        .iter()
        .map(|b| (&*b.tenant, b.why.contains("paused") || b.why.contains("quarter-end")))
        .collect();
    assert_eq!(why, [("acme", true), ("bolt", true)]);
    assert_eq!(house.specs, ["expand"]);
    house.act(&Act::Release { tenants: hold(&["acme"]), name: "quarter-end".into() });
    house.act(&Act::Edit { object: "Tenant/bolt".into(), merge: json!({"spec": {"mode": "Active"}}) });
    house.run();
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Done);
}

#[test]
fn two_operators_share_one_definition_and_each_is_waited_for() {
    let mut house = House::with(&NAMES, "1.1.0");
    let theirs = definition(&[version("v1alpha1", true, &json!({"note": {"type": "string"}}), 5)]);
    house.cluster.put(release("queue", "1.0.0", &theirs, false));
    house.cluster.put(tenant("queue", "wire", "1.0.0"));
    house.run();
    house.ask(&NAMES, "2.0.0");
    house.run();
    let status = house.status("2.0.0");
    assert_eq!((status.phase, status.blocked), (CrdPhase::Barrier, 1), "{}", status.message);
    assert_eq!(status.blockers[0].tenant, "wire");
    house.act(&Act::Delete(vec!["Tenant/wire".into()]));
    house.run();
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Done, "{}", house.status("2.0.0").message);
}

#[test]
fn a_definition_of_somebody_else_s_is_never_written() {
    let mut house = House::with(&NAMES, "1.0.0");
    if let Some(seen) = house.cluster.world.crds.get_mut(CRD) {
        seen.definition = None;
    }
    house.cluster.world.shared_version += 1;
    house.ask(&NAMES, "1.1.0");
    house.run();
    assert!(house.specs.is_empty());
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["1.0.0"]);
    let release = &house.cluster.world.releases["cache-1.1.0"];
    let stalled = release.status.as_ref().unwrap().conditions.iter().find(|c| c.type_ == "Stalled").unwrap();
    assert!(stalled.message.contains("kubectl label crd"), "{}", stalled.message);
}

#[test]
fn stored_versions_that_lie_are_put_right_by_writing_every_object() {
    let mut house = House::with(&NAMES, "1.1.0");
    house.cluster.world.crds.get_mut(CRD).unwrap().stored_versions.push("v0".into());
    house.cluster.world.shared_version += 1;
    house.ask(&NAMES, "2.0.0");
    house.run();
    assert_eq!(house.stored_versions(), ["v1"], "{:?}", house.phases());
}

#[test]
fn a_newcomer_at_an_old_version_begins_the_wait_anew_or_has_to_wait_itself() {
    let mut house = House::with(&NAMES, "1.1.0");
    house.ask(&NAMES, "2.0.0");
    // The waves are done, the soak before the flip runs: what loosens is written by now.
    house.run_for(120);
    house.cluster.put(tenant("cache", "late", "1.1.0"));
    house.run();
    assert!(!house.granted().contains_key("1.1.0"), "{:?}", house.granted());
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Done);
}

#[test]
fn an_object_that_would_not_be_migrated_stops_the_release_before_anybody_moves() {
    let mut house = House::with(&NAMES, "1.1.0");
    house.cluster.refused = [("tenant-bolt/main".into(), "a webhook denied it".into())].into();
    house.ask(&NAMES, "2.0.0");
    house.run_for(60);
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["1.1.0"]);
    assert_eq!(house.specs, ["expand"], "the new version is served, or nobody could say");
    let status = house.status("2.0.0");
    assert_eq!(status.phase, CrdPhase::Preflight);
    assert!(
        status.message.contains("1 of 3 stored objects: tenant-bolt/main (a webhook denied it)"),
        "{}",
        status.message
    );
    assert!(status.conditions.iter().any(|c| c.type_ == "Stalled"), "{:?}", status.conditions);
    let ready = house.cluster.world.releases["cache-2.0.0"].status.as_ref().unwrap();
    let ready = ready.conditions.iter().find(|c| c.type_ == "Ready").unwrap();
    assert!(
        ready.status == "False" && ready.message.contains("kubectl get crdupgrades caches.example.com-cache-2.0.0")
    );
    assert!(!ready.message.contains("bolt"), "whose objects they are is nobody else's business: {}", ready.message);

    house.cluster.refused.clear();
    house.run();
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["2.0.0"]);
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Done);
    let preflight = house.status("2.0.0").preflight.unwrap();
    assert_eq!((preflight.purpose, preflight.objects, preflight.failed), (Purpose::Rehearse, 3, 0));
}

#[test]
fn what_holds_up_one_operator_s_release_keeps_nobody_else_s_objects_from_being_looked_at() {
    let mut house = House::with(&["acme", "bolt"], "1.1.0");
    let (_, mut brought, _) = releases().into_iter().find(|(version, ..)| *version == "2.0.0").unwrap();
    brought["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["note"] = json!({"type": "string"});
    house.cluster.put(release("queue", "2.0.0", &brought, false));
    house.cluster.refused = [("tenant-acme/main".into(), "no".into())].into();
    house.ask(&["acme", "bolt"], "2.0.0");
    house.cluster.put(tenant("queue", "quay", "2.0.0"));
    house.run_for(240);
    let phases: Vec<CrdPhase> = house.phases().into_iter().map(|(_, phase, _)| phase).collect();
    assert_eq!(
        (phases, house.pages.len()),
        (vec![CrdPhase::Preflight; 2], 2),
        "each looks at all objects once, and waits"
    );
}

#[test]
fn a_tenant_that_nobody_can_read_is_in_the_way_of_what_it_may_not_stand() {
    let mut house = House::with(&NAMES, "1.1.0");
    let unread = Undecodable { error: "spec: missing field `version`".into(), generation: 1, reported: true };
    house.cluster.world.undecodable.insert(("tenants".into(), "dark".into()), unread);
    house.ask(&NAMES, "2.0.0");
    house.run();
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["2.0.0"], "the waves go on");
    let status = house.status("2.0.0");
    assert_eq!((status.phase, status.blocked), (CrdPhase::Barrier, 1), "{}", status.message);
    assert!(status.blockers[0].tenant == "dark" && status.blockers[0].why.contains("cannot be read"));
    house.cluster.world.undecodable.clear();
    house.cluster.world.crd_version += 1;
    house.run();
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Done, "{}", house.status("2.0.0").message);
}

#[test]
fn a_tenant_whose_operator_has_no_release_any_more_is_in_the_way_too() {
    let mut house = House::new();
    let theirs = definition(&[version("v1alpha1", true, &json!({"items": {"type": "integer"}}), 5)]);
    house.cluster.put(release("queue", "1.0.0", &theirs, false));
    house.cluster.put(tenant("queue", "wire", "1.0.0"));
    house.run();
    for name in NAMES {
        house.cluster.put(tenant("cache", name, "1.1.0"));
    }
    house.run();
    house.act(&Act::Delete(vec!["OperatorRelease/queue-1.0.0".into()]));
    house.ask(&NAMES, "2.0.0");
    house.run();
    let status = house.status("2.0.0");
    assert_eq!((status.phase, status.blocked), (CrdPhase::Barrier, 1), "{}", status.message);
    assert!(status.blockers[0].tenant == "wire" && status.blockers[0].why.contains("release is gone"), "{status:?}");
}

#[test]
fn a_release_may_waive_the_look_before_its_waves() {
    let mut house = House::with(&NAMES, "1.1.0");
    house.cluster.refused = [("tenant-bolt/main".into(), "a webhook denied it".into())].into();
    let (_, brought, _) = releases().into_iter().find(|(version, ..)| *version == "2.0.0").unwrap();
    let mut waiving = release("cache", "2.0.0", &brought, false);
    if let Object::Release(release) = &mut waiving {
        release.metadata.annotations.get_or_insert_default().insert("leasehold.dev/waive".into(), "=preflight".into());
    }
    house.cluster.put(waiving);
    house.ask(&NAMES, "2.0.0");
    house.run_for(180);
    assert_eq!(house.granted().into_keys().collect::<Vec<_>>(), ["2.0.0"], "the waves come all the same");
    assert_eq!(house.status("2.0.0").phase, CrdPhase::Migrate, "what is refused is found when it is written");
}

#[test]
fn a_rule_that_comes_with_a_new_version_is_tried_before_objects_are_stored_there() {
    let mut house = House::with(&NAMES, "1.1.0");
    let items = json!({"items": {"type": "integer"}});
    let mut new = version("v1", true, &items, 5);
    let spec = "/schema/openAPIV3Schema/properties/spec";
    new.pointer_mut(spec).unwrap()["x-kubernetes-validations"] = json!([{"rule": "self.size < 4"}]);
    let brought = definition(&[new, version("v1alpha1", false, &items, 5)]);
    let Object::Release(mut waiving) = release("cache", "1.2.0", &brought, false) else { panic!() };
    let mark = [("leasehold.dev/waive".to_owned(), "spec=rule-added".to_owned())];
    waiving.metadata.annotations = Some(mark.into());
    house.cluster.put(Object::Release(waiving));
    house.ask(&NAMES, "1.2.0");
    let tries = |step: &CrdStep| {
        let CrdStep::Page { work, .. } = step else { return false };
        matches!(work.what, What::Validate { dry_run: true, .. }) && work.version == "v1"
    };
    house.run_until(|plan| plan.crds.iter().any(tries));
    assert_eq!(house.specs, ["expand", "unlock"]);
    let live = house.live();
    let served = live.version("v1").unwrap().schema.pointer("/properties/spec/x-kubernetes-validations");
    assert!(served.is_some(), "the API server judges by what it serves");
    house.cluster.refused = [("tenant-bolt/main".into(), "self.size < 4".into())].into();
    house.run_for(60);
    let status = house.status("1.2.0");
    assert!(
        status.phase == CrdPhase::Flip && status.message.contains("tenant-bolt/main (self.size < 4)"),
        "{status:?}"
    );
    assert_eq!(house.live().storage(), "v1alpha1");
    house.cluster.refused.clear();
    house.run();
    assert_eq!(house.status("1.2.0").phase, CrdPhase::Done, "{}", house.status("1.2.0").message);
}
