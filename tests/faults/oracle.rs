//! In: the logs of one or more proxies. Out: the rules that every run must keep, checked. Never: asks the cluster.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::proxy::Request;

/// How many objects of each kind came to be, how many were deleted, and how often the spec of a definition was written.
pub type Tally = BTreeMap<(&'static str, String), usize>;

/// Creates are counted each: an object that came twice is counted twice. A delete that is repeated, because nobody knew
/// whether the first had arrived, is one.
pub fn tally(log: &[Request]) -> Tally {
    let mut tally = Tally::new();
    let work = || log.iter().filter(|request| request.is_work());
    for made in work().filter(|request| request.code == Some(201)) {
        *tally.entry(("create", made.resource.clone())).or_default() += 1;
    }
    let deleted = work().filter(|request| request.verb == "delete" && request.succeeded());
    let deleted: BTreeSet<_> = deleted.map(|request| (request.resource.clone(), request.uid.clone())).collect();
    for (resource, _) in deleted {
        *tally.entry(("delete", resource)).or_default() += 1;
    }
    for spec in work().filter(|request| request.succeeded() && writes_spec(request)) {
        *tally.entry(("spec", spec.resource.clone())).or_default() += 1;
    }
    tally
}

/// Whether the spec of a definition is written, an equal one counted, too.
fn writes_spec(request: &Request) -> bool {
    if request.resource != "customresourcedefinitions" || !request.subresource.is_empty() {
        return false;
    }
    let body = request.object();
    let Some(patch) = body.as_array() else { return body.get("spec").is_some() };
    patch.iter().any(|op| op["op"] != "test" && op["path"].as_str().is_some_and(|path| path.starts_with("/spec")))
}

/// I6: nothing is deleted but by UID.
pub fn deletes_carry_the_uid(log: &[Request]) {
    for request in log.iter().filter(|request| request.is_work() && request.verb.starts_with("delete")) {
        assert!(request.verb == "delete" && request.uid.is_some(), "a delete without UID: {request}");
    }
}

/// F2: whatever a workload is rendered from was granted on record before: claim, then act.
pub fn claims_come_first(log: &[Request]) {
    let mut claimed: BTreeSet<(String, String)> = BTreeSet::new();
    let mut answered: Vec<&Request> = log.iter().filter(|request| request.is_work()).collect();
    answered.sort_by_key(|request| request.seq);
    for request in answered {
        let object = request.object();
        if request.resource == "tenants" && request.subresource == "status" && request.succeeded() {
            let revision = object["status"]["granted"]["revision"].as_str().unwrap_or_default();
            claimed.insert((request.name.clone(), revision.to_owned()));
        }
        let annotations = &object["metadata"]["annotations"];
        let Some(grant) = annotations["leasehold.dev/grant"].as_str() else { continue };
        let grant: serde_json::Value = serde_json::from_str(grant).expect("a grant is JSON");
        let tenant = object["metadata"]["labels"]["leasehold.dev/tenant"].as_str().unwrap_or_default();
        let claim = (tenant.to_owned(), grant["revision"].as_str().unwrap_or_default().to_owned());
        assert!(claimed.contains(&claim), "not granted on record before: {request}");
    }
}

/// Whatever is made for a tenant is in the inventory that was on record before.
pub fn the_inventory_comes_first(log: &[Request]) {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut there: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in log.iter().filter(|request| request.is_work() && request.succeeded()) {
        let object = request.object();
        if request.resource == "tenants" && request.subresource == "status" {
            let entries = object["status"]["inventory"]["entries"].as_array().cloned().unwrap_or_default();
            let entries: BTreeSet<String> =
                entries.iter().filter_map(|entry| Some(entry.as_str()?.to_owned())).collect();
            let lost: Vec<&String> = there.entry(request.name.clone()).or_default().difference(&entries).collect();
            assert!(lost.is_empty(), "{lost:?} are there and not in the inventory of {request}");
            known.insert(request.name.clone(), entries);
        }
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let (group, _) = api_version.split_once('/').unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default();
        let tenant = object["metadata"]["labels"]["leasehold.dev/tenant"].as_str().unwrap_or_default();
        match request.verb.as_str() {
            "apply" if !tenant.is_empty() => {
                let entry = format!("{}_{}_{group}_{kind}", request.namespace, request.name);
                let listed = known.get(tenant).is_some_and(|known| known.contains(&entry));
                assert!(listed, "{entry} is not in the inventory: {request}");
                there.entry(tenant.to_owned()).or_default().insert(entry);
            }
            "delete" => {
                let prefix = format!("{}_{}_{}_", request.namespace, request.name, request.group);
                // Of that kind and name: the entries say the kind, the request its plural.
                for there in there.values_mut() {
                    there.retain(|entry| !(entry.starts_with(&prefix) && is_kind(entry, &request.resource)));
                }
            }
            _ => {}
        }
    }
}

fn is_kind(entry: &str, plural: &str) -> bool {
    let kind = entry.rsplit('_').next().unwrap_or_default().to_ascii_lowercase();
    plural.starts_with(kind.trim_end_matches('y'))
}

/// I3: the epochs that a Lease was written with, each at least the one before. Ordered by the API server's own count.
pub fn epochs_only_grow(logs: &[&[Request]], lease: &str) -> Vec<i64> {
    let mut written: Vec<(u64, i64)> = logs
        .iter()
        .flat_map(|log| log.iter())
        .filter(|request| request.is_write() && request.resource == "leases" && request.succeeded())
        .filter(|request| request.object()["metadata"]["name"] == lease)
        .filter_map(|request| Some((committed(request)?, request.object()["spec"]["leaseTransitions"].as_i64()?)))
        .collect();
    written.sort_unstable();
    let epochs: Vec<i64> = written.into_iter().map(|(_, epoch)| epoch).collect();
    assert!(epochs.is_sorted(), "epochs of {lease}: {epochs:?}");
    epochs
}

/// I1: nothing that the older leader wrote took effect after the first thing that the newer one wrote.
pub fn no_write_of_the_older_after_the_newer(older: &[Request], newer: &[Request]) {
    let took_effect = |log: &[Request]| -> BTreeMap<u64, Request> {
        let work = log.iter().filter(|request| request.is_work() && request.succeeded());
        work.filter_map(|request| Some((committed(request)?, request.clone()))).collect()
    };
    let (older, newer) = (took_effect(older), took_effect(newer));
    // A write that changes nothing is answered with the version of somebody else's.
    let first = newer.iter().find(|(version, _)| !older.contains_key(version)).expect("the newer leader wrote");
    if let Some((_, late)) = older.range(first.0..).next() {
        panic!("after the newer leader's\n  {}\nthe older one wrote\n  {late}", first.1);
    }
}

fn committed(request: &Request) -> Option<u64> {
    request.resource_version_out.as_ref()?.parse().ok()
}
