//! A tenant goes with everything that is its own by its UID, whatever became of labels, and with nothing else.
use leasehold::{
    domain::{epoch::Epoch, marks, object::ObjectKey, world::Lookup},
    observe::Source,
    plan::tenant::Step,
};
use serde_json::{Value, json};

use crate::desk::{Desk, tenant};

const ROLE: &str = "tenant-acme/memcached-operator";

fn onboarded(policy: &str) -> Desk {
    let mut desk = Desk::onboarded(Epoch::default());
    desk.patch(Source::Tenants, "acme", |tenant| tenant["spec"]["deletionPolicy"] = policy.into());
    desk.settle();
    desk
}

fn role() -> Source {
    Source::Stack(leasehold::domain::kinds::find("rbac.authorization.k8s.io", "Role").unwrap())
}

fn take_off(desk: &mut Desk, source: Source, key: &str, field: &str, mark: &str) {
    desk.patch(source, key, |object| {
        object["metadata"][field].as_object_mut().unwrap().remove(mark);
    });
}

fn offboarded(desk: &mut Desk) -> Vec<Step> {
    desk.delete_tenant();
    let steps = desk.settle();
    assert!(desk.get("Tenant", "acme").is_none(), "the Tenant is gone");
    steps
}

#[test]
fn what_lost_its_label_goes_with_the_rest() {
    let mut desk = onboarded("Retain");
    // Behind the back of drift repair: the Tenant is being deleted already.
    desk.delete_tenant();
    take_off(&mut desk, role(), ROLE, "labels", marks::TENANT);
    offboarded(&mut desk);
    assert!(desk.get("Role", ROLE).is_none());
    assert!(desk.get("Namespace", "tenant-acme").is_some(), "that is kept");
}

#[test]
fn a_label_taken_off_in_the_middle_of_an_offboarding_saves_nothing() {
    let mut desk = onboarded("Retain");
    desk.delete_tenant();
    desk.until("scales down", |step| matches!(step, Step::Scale(_)));
    take_off(&mut desk, role(), ROLE, "labels", marks::TENANT);
    offboarded(&mut desk);
    assert!(desk.get("Role", ROLE).is_none());
}

#[test]
fn a_namespace_that_lost_its_label_goes_too() {
    let mut desk = onboarded("Delete");
    desk.delete_tenant();
    let namespaces = Source::Stack(leasehold::domain::kinds::find("", "Namespace").unwrap());
    take_off(&mut desk, namespaces, "tenant-acme", "labels", marks::TENANT);
    offboarded(&mut desk);
    assert!(desk.get("Namespace", "tenant-acme").is_none());
}

#[test]
fn what_carries_no_mark_of_the_tenant_is_not_ours_to_delete() {
    for (labelled, field, mark) in [(false, "labels", marks::TENANT), (true, "annotations", marks::TENANT_UID)] {
        let mut desk = onboarded("Retain");
        desk.delete_tenant();
        take_off(&mut desk, role(), ROLE, "annotations", marks::TENANT_UID);
        take_off(&mut desk, role(), ROLE, field, mark);
        let steps = offboarded(&mut desk);
        assert!(desk.get("Role", ROLE).is_some(), "labelled: {labelled}");
        let looked =
            steps.iter().any(|step| matches!(step, Step::Recall(keys) if keys.iter().any(|k| k.kind == "Role")));
        assert_eq!(looked, !labelled);
    }
}

#[test]
fn what_is_left_behind_is_named() {
    let mut desk = onboarded("Retain");
    desk.delete_tenant();
    take_off(&mut desk, role(), ROLE, "annotations", marks::TENANT_UID);
    take_off(&mut desk, role(), ROLE, "labels", marks::TENANT);
    desk.until("looks something up", |step| matches!(step, Step::Recall(_)));
    let lookups = &desk.world().tenants["acme"].lookups;
    let strays: Vec<String> =
        lookups.iter().filter(|(_, found)| **found == Lookup::Stray).map(|(key, _)| key.spoken()).collect();
    assert_eq!(strays, ["Role/memcached-operator"]);
    let notice = leasehold::plan::notice::left_behind(lookups).unwrap();
    assert!(notice.warning && notice.note.contains("Role/memcached-operator"), "{}", notice.note);
}

#[test]
fn orphan_takes_the_marks_off_what_lost_its_label() {
    let mut desk = onboarded("Orphan");
    desk.delete_tenant();
    take_off(&mut desk, role(), ROLE, "labels", marks::TENANT);
    offboarded(&mut desk);
    let metadata = &desk.get("Role", ROLE).unwrap()["metadata"];
    assert!(!metadata.to_string().contains("leasehold.dev/"), "{metadata}");
}

#[test]
fn an_inventory_that_names_what_stands_elsewhere_reaches_nothing_there() {
    let mut desk = onboarded("Delete");
    let elsewhere =
        json!(["kube-system_coredns__ConfigMap", "_kube-system__Namespace", "tenant-acme-2_a__ConfigMap", "a_b_c_d"]);
    desk.patch(Source::Tenants, "acme", |tenant| {
        let entries = tenant["status"]["inventory"]["entries"].as_array_mut().unwrap();
        entries.extend(elsewhere.as_array().unwrap().iter().cloned());
    });
    let steps = offboarded(&mut desk);
    let keys = steps.iter().filter_map(|step| if let Step::Recall(keys) = step { Some(keys) } else { None }).flatten();
    let homes: Vec<&str> = keys.map(ObjectKey::home).collect();
    assert!(!homes.is_empty() && homes.iter().all(|home| *home == "tenant-acme"), "{homes:?}");
}

#[test]
fn pods_that_a_tenant_of_this_name_left_behind_hold_nobody_up() {
    let mut desk = onboarded("Orphan");
    offboarded(&mut desk);
    let pod = desk.get("Pod", "tenant-acme/pod-0").unwrap().clone();
    assert_eq!(pod["metadata"]["labels"][marks::TENANT], "acme", "its Deployment selects by it");

    // A Tenant of the same name and namespace, with an operator of its own beside the old pods.
    let mut left: Value = pod;
    left["metadata"]["name"] = "left-behind".into();
    let kinds: Vec<_> = desk.store.keys().filter(|(_, key)| key.contains("tenant-acme")).cloned().collect();
    for (source, key) in kinds {
        let source = desk.store[&(source, key.clone())].0;
        desk.remove(source, &key);
    }
    desk.put(Source::Pods, left);
    desk.put(Source::Tenants, tenant(&json!({})));
    desk.settle();
    assert_eq!(desk.report().word(), "Done");
    let pods: Vec<&String> = desk.world().tenants["acme"].pods.keys().collect();
    assert_eq!(pods, ["pod-0"], "only its own");
    offboarded(&mut desk);
}

#[test]
fn of_what_lost_its_labels_the_namespace_gets_its_own_back_first() {
    let mut desk = onboarded("Delete");
    desk.delete_tenant();
    let deployment = Source::Stack(leasehold::domain::kinds::find("apps", "Deployment").unwrap());
    let namespace = Source::Stack(leasehold::domain::kinds::find("", "Namespace").unwrap());
    take_off(&mut desk, deployment, ROLE, "labels", marks::TENANT);
    take_off(&mut desk, namespace, "tenant-acme", "labels", marks::TENANT);
    let steps = offboarded(&mut desk);
    let recalled = steps.iter().find_map(|step| if let Step::Recall(keys) = step { Some(keys) } else { None });
    let kinds: Vec<&str> = recalled.unwrap().iter().map(|key| &*key.kind).collect();
    // Only in a namespace that is the tenant's does an admission policy let anything become its own again.
    assert_eq!((kinds[0], kinds.contains(&"Deployment")), ("Namespace", true), "{kinds:?}");
}

#[test]
fn a_paused_tenant_for_which_nothing_was_made_goes_at_once() {
    let mut desk = Desk::new(leasehold::domain::world::Apis::default());
    let born = json!({"metadata": {"finalizers": [marks::FINALIZER]}, "spec": {"mode": "Paused"}});
    desk.put(Source::Tenants, tenant(&born));
    desk.settle();
    offboarded(&mut desk);
}
