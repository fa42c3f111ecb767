//! In: the logs of one or more proxies. Out: the rules that every run must keep, checked. Never: asks the cluster.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::proxy::Request;

/// How many objects of each kind came to be, and how many were deleted.
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
    tally
}

/// I6: nothing is deleted but by UID.
pub fn deletes_carry_the_uid(log: &[Request]) {
    for request in log.iter().filter(|request| request.is_work() && request.verb.starts_with("delete")) {
        assert!(request.verb == "delete" && request.uid.is_some(), "a delete without UID: {request}");
    }
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
