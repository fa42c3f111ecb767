//! Which releases bring which definition, and what is decided from.
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::record;
use crate::{
    domain::{fleet::Fleet, world::World},
    plan::catalog::{Catalog, Release, SharedCrd},
};

/// A release that brings the definition.
pub struct Claim<'a> {
    pub operator: &'a str,
    pub release: &'a Release,
    pub shared: &'a SharedCrd,
}

impl Claim<'_> {
    pub(super) fn key(&self) -> (String, String) {
        (self.operator.to_owned(), self.release.object.spec.version.clone())
    }

    /// The name of the record of its way.
    pub(super) fn record(&self) -> String {
        record::name(&self.shared.name, self.operator, &self.release.object.spec.version)
    }
}

/// Everything that is decided from.
pub struct Sight<'a> {
    pub catalog: &'a Catalog,
    pub fleet: &'a Fleet,
    pub world: &'a World,
    pub now: Timestamp,
}

/// The releases by the names of the definitions that they bring: of each by operator, the lowest version first.
pub fn by_definition(catalog: &Catalog) -> BTreeMap<&str, Vec<Claim<'_>>> {
    let mut claims: BTreeMap<&str, Vec<Claim>> = BTreeMap::new();
    for ((operator, _), release) in &catalog.releases {
        for shared in &release.crds {
            claims.entry(&shared.name).or_default().push(Claim { operator, release, shared });
        }
    }
    for claims in claims.values_mut() {
        claims.sort_by(|a, b| (a.operator, &a.release.version).cmp(&(b.operator, &b.release.version)));
    }
    claims
}
