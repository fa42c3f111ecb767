use serde_json::{Value, json};

use super::*;

fn memcached(spec: &Value, generation: i64) -> Memcached {
    serde_json::from_value(json!({
        "apiVersion": "cache.example.com/v1alpha1", "kind": "Memcached",
        "metadata": {"name": "sessions", "namespace": "tenant-acme", "uid": "m1", "generation": generation},
        "spec": spec,
    }))
    .unwrap()
}

fn epoch(lease: &str, transitions: i32) -> Epoch {
    Epoch { uid: lease.into(), transitions }
}

fn ask(memcached: &Memcached, found: Option<&ConfigMap>, version: &str, epoch: &Epoch) -> Decision {
    decide(memcached, found, Writer { release: &version.parse().unwrap(), epoch: Some(epoch) })
}

/// A model of the API server: it stores what it was sent, under a new resourceVersion.
fn carried_out(decision: Decision) -> ConfigMap {
    let (Decision::Create(mut configmap) | Decision::Replace(mut configmap)) = decision else {
        panic!("expected a write, got {decision:?}");
    };
    let version: u64 = configmap.resource_version().map_or(0, |v| v.parse().unwrap());
    configmap.metadata.resource_version = Some((version + 1).to_string());
    configmap.metadata.uid.get_or_insert("c1".into());
    configmap
}

fn data(configmap: &ConfigMap) -> Value {
    json!(configmap.data)
}

#[test]
fn the_first_write_counts_as_one_and_names_its_owner() {
    let written = carried_out(ask(&memcached(&json!({"size": 3}), 1), None, "1.0.0", &epoch("l1", 7)));
    assert_eq!(written.name_any(), "sessions-memcached");
    assert_eq!(written.owner_references()[0].uid, "m1");
    let expected =
        json!({"size": "3", "generation": "1", "version": "1.0.0", "writes": "1", "epoch": "7", "lease": "l1"});
    assert_eq!(data(&written), expected);
}

#[test]
fn what_is_applied_is_not_applied_again_by_whoever_leads_next() {
    let desired = memcached(&json!({"size": 3}), 1);
    let written = carried_out(ask(&desired, None, "1.0.0", &epoch("l1", 7)));
    assert_eq!(ask(&desired, Some(&written), "1.0.0", &epoch("l1", 7)), Decision::Keep);
    assert_eq!(ask(&desired, Some(&written), "1.0.0", &epoch("l1", 8)), Decision::Keep);
    assert_eq!(ask(&desired, Some(&written), "1.0.0", &epoch("l2", 0)), Decision::Keep);
}

#[test]
fn each_change_counts_once() {
    let term = epoch("l1", 0);
    let first = carried_out(ask(&memcached(&json!({"size": 1}), 1), None, "1.0.0", &term));
    let resized = carried_out(ask(&memcached(&json!({"size": 2}), 2), Some(&first), "1.0.0", &term));
    let pinned = memcached(&json!({"size": 2, "image": "example.com/memcached:1.6"}), 3);
    let pinned_once = carried_out(ask(&pinned, Some(&resized), "1.0.0", &term));
    let upgraded = carried_out(ask(&pinned, Some(&pinned_once), "1.1.0", &epoch("l1", 1)));
    let expected = json!({
        "size": "2", "image": "example.com/memcached:1.6", "generation": "3", "version": "1.1.0",
        "writes": "4", "epoch": "1", "lease": "l1",
    });
    assert_eq!(data(&upgraded), expected);
    let unpinned = carried_out(ask(&memcached(&json!({"size": 2}), 4), Some(&upgraded), "1.1.0", &epoch("l1", 1)));
    assert_eq!(unpinned.data.as_ref().unwrap().get("image"), None);
}

#[test]
fn a_replacement_is_guarded_by_the_very_object_that_was_found() {
    let term = epoch("l1", 0);
    let found = carried_out(ask(&memcached(&json!({"size": 1}), 1), None, "1.0.0", &term));
    let Decision::Replace(sent) = ask(&memcached(&json!({"size": 2}), 2), Some(&found), "1.0.0", &term) else {
        panic!("a change is a replacement");
    };
    assert_eq!(sent.metadata, found.metadata);
}

#[test]
fn what_somebody_edited_is_put_right_and_counted() {
    let (desired, term) = (memcached(&json!({"size": 3}), 1), epoch("l1", 0));
    let mut found = carried_out(ask(&desired, None, "1.0.0", &term));
    found.data.as_mut().unwrap().insert("size".into(), "5".into());
    let repaired = carried_out(ask(&desired, Some(&found), "1.0.0", &term));
    assert_eq!((&data(&repaired)["size"], &data(&repaired)["writes"]), (&json!("3"), &json!("2")));
}

#[test]
fn a_former_leader_does_not_overwrite_a_later_one() {
    let found = carried_out(ask(&memcached(&json!({"size": 1}), 1), None, "1.1.0", &epoch("l1", 8)));
    let refused = ask(&memcached(&json!({"size": 1}), 1), Some(&found), "1.0.0", &epoch("l1", 7));
    assert_eq!(refused, Decision::Refuse(Refusal::LaterLeader));
}

#[test]
fn a_new_lease_starts_its_epochs_anew() {
    let found = carried_out(ask(&memcached(&json!({"size": 1}), 1), None, "1.0.0", &epoch("l1", 8)));
    let written = carried_out(ask(&memcached(&json!({"size": 2}), 2), Some(&found), "1.0.0", &epoch("l2", 0)));
    assert_eq!(data(&written)["lease"], "l2");
}

#[test]
fn a_cache_that_lags_behind_does_not_bring_an_old_spec_back() {
    let term = epoch("l1", 0);
    let found = carried_out(ask(&memcached(&json!({"size": 3}), 5), None, "1.0.0", &term));
    let refused = ask(&memcached(&json!({"size": 2}), 4), Some(&found), "1.0.0", &term);
    assert_eq!(refused, Decision::Refuse(Refusal::StaleCache));
}

#[test]
fn a_configmap_of_somebody_else_is_left_alone() {
    let term = epoch("l1", 0);
    let mut found = carried_out(ask(&memcached(&json!({"size": 3}), 1), None, "1.0.0", &term));
    found.metadata.owner_references.as_mut().unwrap()[0].uid = "m0".into();
    let desired = memcached(&json!({"size": 4}), 2);
    assert_eq!(ask(&desired, Some(&found), "1.0.0", &term), Decision::Refuse(Refusal::NotOurs));
    found.metadata.owner_references = None;
    assert_eq!(ask(&desired, Some(&found), "1.0.0", &term), Decision::Refuse(Refusal::NotOurs));
}

#[test]
fn nothing_is_made_for_what_is_being_deleted() {
    let mut desired = memcached(&json!({"size": 3}), 1);
    desired.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    assert_eq!(ask(&desired, None, "1.0.0", &epoch("l1", 0)), Decision::Keep);
}

#[test]
fn the_status_is_read_off_the_configmap() {
    let written = carried_out(ask(&memcached(&json!({"size": 3}), 9), None, "1.1.0", &epoch("l1", 0)));
    let expected = MemcachedStatus { writes: 1, observed_generation: 9, operator_version: "1.1.0".into() };
    assert_eq!(status(&written), expected);
}

#[test]
fn a_release_applies_the_fields_it_knows() {
    let all = memcached(&json!({"size": 2, "image": "a", "maxItemSize": 64, "threads": 8}), 1);
    let term = epoch("l1", 0);
    let applied = |version| data(&carried_out(ask(&all, None, version, &term)));
    assert_eq!((applied("1.0.0").get("maxItemSize"), applied("1.0.0").get("threads")), (None, None));
    assert_eq!((&applied("1.1.0")["maxItemSize"], applied("1.1.0").get("threads")), (&json!("64"), None));
    assert_eq!((&applied("2.0.0")["maxItemSize"], &applied("2.0.0")["threads"]), (&json!("64"), &json!("8")));
}

#[test]
fn a_release_refuses_more_servers_than_it_can_run() {
    let term = epoch("l1", 0);
    let found = carried_out(ask(&memcached(&json!({"size": 5}), 1), None, "1.1.0", &term));
    let more = memcached(&json!({"size": 9}), 2);
    assert_eq!(ask(&more, Some(&found), "1.1.0", &term), Decision::Refuse(Refusal::TooMany));
    assert_eq!(data(&carried_out(ask(&more, Some(&found), "2.0.0", &term)))["size"], "9");
}

/// Also back again: an older operator that leads anew works with the older version of the kind.
#[test]
fn a_configmap_names_its_owner_by_the_version_of_the_kind_that_the_writer_works_with() {
    let (desired, term) = (memcached(&json!({"size": 2}), 1), epoch("l1", 0));
    let mut found = carried_out(ask(&desired, None, "1.1.0", &term));
    for (version, api_version) in [("2.0.0", "cache.example.com/v1"), ("1.1.0", "cache.example.com/v1alpha1")] {
        found = carried_out(ask(&desired, Some(&found), version, &term));
        let owners: Vec<(&str, &str)> =
            found.owner_references().iter().map(|owner| (&*owner.api_version, &*owner.uid)).collect();
        assert_eq!(owners, [(api_version, "m1")]);
    }
    assert_eq!(data(&found)["writes"], "3", "whoever leads, the counter only grows");
}

#[test]
fn owners_of_somebody_else_stay() {
    let (desired, term) = (memcached(&json!({"size": 2}), 1), epoch("l1", 0));
    let mut found = carried_out(ask(&desired, None, "1.1.0", &term));
    let other = serde_json::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "x"}));
    found.metadata.owner_references.as_mut().unwrap().insert(0, other.unwrap());
    let moved = carried_out(ask(&desired, Some(&found), "2.0.0", &term));
    let uids: Vec<&str> = moved.owner_references().iter().map(|owner| &*owner.uid).collect();
    assert_eq!(uids, ["x", "m1"]);
}
