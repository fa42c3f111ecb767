//! Decides what to write. Flows in: a Memcached, the `ConfigMap` that was found, who is asking. Flows out: a [`Decision`].
//! Pure: it must never make a request or look at a clock, so that everything here is tested without a cluster.
//!
//! Each change is applied once, whoever leads: the counter goes up in the same write that applies the change, and that
//! write is refused by the API server unless the `ConfigMap` is still the one that was found.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Resource, ResourceExt, api::ObjectMeta};
use leasehold::election::Epoch;

use crate::{
    kind::{Memcached, MemcachedStatus},
    release::{Edition, Release},
};

type Data = BTreeMap<String, String>;

/// What goes along with a write but is no reason for one.
const STAMPS: [&str; 3] = ["writes", "epoch", "lease"];

/// Who is asking.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    pub release: &'a Release,
    /// The term under which the write would be made; none without election.
    pub epoch: Option<&'a Epoch>,
}

/// What to do about the `ConfigMap` of one Memcached.
#[derive(Debug, PartialEq)]
pub enum Decision {
    /// Nothing: it is as it should be, or about to go with its owner.
    Keep,
    /// POST: fails if somebody else was faster.
    Create(ConfigMap),
    /// PUT with the uid and resourceVersion that were found: fails if anything was written since.
    Replace(ConfigMap),
    Refuse(Refusal),
}

/// Why nothing may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the ConfigMap belongs to somebody else, or to a deleted Memcached of the same name")]
    NotOurs,
    #[error("a later leader wrote the ConfigMap: this term is over")]
    LaterLeader,
    #[error("the ConfigMap is ahead of the Memcached in this replica's cache")]
    StaleCache,
    #[error("the Memcached asks for more servers than this release of the operator can run")]
    TooMany,
}

/// The `ConfigMap`'s name.
pub fn name_of(memcached: &Memcached) -> String {
    format!("{}-memcached", memcached.name_any())
}

pub fn decide(memcached: &Memcached, found: Option<&ConfigMap>, writer: Writer<'_>) -> Decision {
    // In a foreground deletion the ConfigMap goes first: making it anew would keep both alive.
    if memcached.metadata.deletion_timestamp.is_some() {
        return Decision::Keep;
    }
    if memcached.spec.size > writer.release.edition.most_servers() {
        return Decision::Refuse(Refusal::TooMany);
    }
    let wanted = contents(memcached, writer.release);
    let Some(found) = found else {
        let metadata = ObjectMeta { name: Some(name_of(memcached)), ..ObjectMeta::default() };
        return Decision::Create(stamped(owned(metadata, memcached, writer), wanted, 1, writer));
    };
    if let Some(refusal) = refusal(memcached, found, writer) {
        return Decision::Refuse(refusal);
    }
    if unstamped(found) == wanted {
        return Decision::Keep;
    }
    let metadata = owned(found.metadata.clone(), memcached, writer);
    Decision::Replace(stamped(metadata, wanted, number(found, "writes") + 1, writer))
}

/// Named by the version of the kind that the writer works with: a reference through one that is no longer served tells the
/// garbage collector nothing, and the `ConfigMap` would outlive its owner.
fn owned(mut metadata: ObjectMeta, memcached: &Memcached, writer: Writer<'_>) -> ObjectMeta {
    let owner = memcached.controller_owner_ref(&writer.release.edition.resource());
    let owners = metadata.owner_references.get_or_insert_default();
    owners.retain(|other| owner.as_ref().is_none_or(|owner| owner.uid != other.uid));
    owners.extend(owner);
    metadata
}

/// What the `ConfigMap` says was applied: the status can always be made anew from it.
pub fn status(applied: &ConfigMap) -> MemcachedStatus {
    MemcachedStatus {
        writes: number(applied, "writes"),
        observed_generation: number(applied, "generation"),
        operator_version: text(applied, "version").unwrap_or_default().to_owned(),
    }
}

fn refusal(memcached: &Memcached, found: &ConfigMap, writer: Writer<'_>) -> Option<Refusal> {
    let ours = found.owner_references().iter().any(|owner| Some(&owner.uid) == memcached.metadata.uid.as_ref());
    // Transitions of two Leases cannot be compared: a Lease that was deleted starts again at 0.
    let later = |epoch: &Epoch| {
        text(found, "lease") == Some(&epoch.uid) && number(found, "epoch") > i64::from(epoch.transitions)
    };
    match () {
        () if !ours => Some(Refusal::NotOurs),
        () if writer.epoch.is_some_and(later) => Some(Refusal::LaterLeader),
        () if number(found, "generation") > generation(memcached) => Some(Refusal::StaleCache),
        () => None,
    }
}

/// What makes a write necessary when it differs.
fn contents(memcached: &Memcached, release: &Release) -> Data {
    let (spec, knows) = (&memcached.spec, release.edition);
    let fields = [
        (Edition::First, "size", Some(spec.size.to_string())),
        (Edition::First, "generation", Some(generation(memcached).to_string())),
        (Edition::First, "version", Some(release.version.clone())),
        (Edition::First, "image", spec.image.clone()),
        (Edition::MaxItemSize, "maxItemSize", spec.max_item_size.map(|kib| kib.to_string())),
        (Edition::V1, "threads", spec.threads.map(|threads| threads.to_string())),
    ];
    let known = fields.into_iter().filter(|(since, ..)| *since <= knows);
    known.filter_map(|(_, key, value)| Some((key.to_owned(), value?))).collect()
}

fn unstamped(found: &ConfigMap) -> Data {
    let mut data = found.data.clone().unwrap_or_default();
    data.retain(|key, _| !STAMPS.contains(&key.as_str()));
    data
}

fn stamped(metadata: ObjectMeta, mut data: Data, count: i64, writer: Writer<'_>) -> ConfigMap {
    data.insert("writes".to_owned(), count.to_string());
    if let Some(epoch) = writer.epoch {
        data.insert("epoch".to_owned(), epoch.transitions.to_string());
        data.insert("lease".to_owned(), epoch.uid.clone());
    }
    ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }
}

fn generation(memcached: &Memcached) -> i64 {
    memcached.metadata.generation.unwrap_or_default()
}

fn text<'a>(found: &'a ConfigMap, key: &str) -> Option<&'a str> {
    found.data.as_ref()?.get(key).map(String::as_str)
}

/// What is missing or was garbled by hand counts as 0.
fn number(found: &ConfigMap, key: &str) -> i64 {
    text(found, key).and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
