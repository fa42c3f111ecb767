//! Which steps between two versions are legal, and the next one on the way to a version that no single step reaches.
use std::{cmp::Ordering, collections::HashMap};

use semver::Version;

use super::hops;
use crate::{
    api::RolloutTarget,
    domain::fleet::{Fleet, ReleaseFacts},
};

/// The releases by operator and version, without the cost of owned keys.
pub struct Releases<'a> {
    by_version: HashMap<(&'a str, &'a str), &'a ReleaseFacts>,
    of_operator: HashMap<&'a str, Vec<(Version, &'a ReleaseFacts)>>,
}

/// How a tenant gets from what it has towards what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way<'a> {
    /// In one step.
    Direct,
    /// First to this release.
    Over(&'a RolloutTarget),
    /// Not at all, and why.
    Blocked(String),
}

impl<'a> Releases<'a> {
    pub fn new(fleet: &'a Fleet) -> Self {
        let mut releases = Self { by_version: HashMap::new(), of_operator: HashMap::new() };
        for ((operator, version), facts) in &fleet.releases {
            releases.by_version.insert((operator, version), facts);
            if let Ok(parsed) = Version::parse(version) {
                releases.of_operator.entry(operator).or_default().push((parsed, facts));
            }
        }
        releases
    }

    /// The next step from `from` to `to`, over nothing that is in `rejected`.
    pub fn way(&self, operator: &str, from: &RolloutTarget, to: &RolloutTarget, rejected: &[String]) -> Way<'a> {
        let Some(why) = self.illegal(operator, from, to) else { return Way::Direct };
        let (Ok(old), Ok(new)) = (parse(&from.version), parse(&to.version)) else { return Way::Blocked(why) };
        let all = self.of_operator.get(operator).map(Vec::as_slice).unwrap_or_default();
        match hops::first(all, &old, &new, |target| !rejected.contains(&target.digest)).filter(|_| new > old) {
            Some(first) => Way::Over(first),
            None => Way::Blocked(why),
        }
    }

    /// Why nobody can be granted `target` now, if so.
    pub fn not_ready(&self, operator: &str, target: &RolloutTarget) -> Option<String> {
        let version = &target.version;
        match self.get(operator, target) {
            None => Some(format!("there is no OperatorRelease of {operator} {version}; create it")),
            Some(facts) if facts.target.digest != target.digest => Some(format!(
                "the OperatorRelease of {operator} {version} is not the one that was meant: its content changed"
            )),
            Some(facts) => facts.not_ready.as_ref().map(|why| format!("{operator} {version} is not ready: {why}")),
        }
    }

    /// Why the step is illegal, if so. Upward the target decides (`upgradesFrom`), downward the release that the tenant
    /// has now (`rollbackTo`); new content under the same version is no change of version.
    pub fn illegal(&self, operator: &str, from: &RolloutTarget, to: &RolloutTarget) -> Option<String> {
        if from.version == to.version {
            return None;
        }
        let (old, new) = match (parse(&from.version), parse(&to.version)) {
            (Ok(old), Ok(new)) => (old, new),
            (Err(why), _) | (_, Err(why)) => return Some(why),
        };
        match new.cmp(&old) {
            Ordering::Greater => upgrade(self.get(operator, to)?, &old, &new),
            Ordering::Less => rollback(self.get(operator, from), &old, &new),
            Ordering::Equal => None,
        }
    }

    fn get(&self, operator: &str, target: &RolloutTarget) -> Option<&'a ReleaseFacts> {
        self.by_version.get(&(operator, &*target.version)).copied()
    }
}

fn upgrade(target: &ReleaseFacts, old: &Version, new: &Version) -> Option<String> {
    let from = target.upgrades_from.as_ref().filter(|_| !target.reachable_from(old))?;
    Some(format!(
        "{new} can be reached from `{from}` only, not from {old}, and no release leads there from {old}; create one in between, or ask for another version"
    ))
}

fn rollback(present: Option<&ReleaseFacts>, old: &Version, new: &Version) -> Option<String> {
    let Some(facts) = present else {
        return Some(format!(
            "the OperatorRelease of {old} is gone, so nobody knows whether {new} is a way back; create it again, or ask for a higher version"
        ));
    };
    match &facts.rollback_to {
        None => Some(format!("there is no way back from {old}; ask for {old} or a higher version")),
        Some(to) if !to.matches(new) => Some(format!(
            "the way back from {old} leads to `{to}` only, not to {new}; ask for one of those, or for {old}"
        )),
        Some(_) => None,
    }
}

fn parse(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|why| format!("`{text}` is not a semantic version: {why}"))
}

/// Whether `wish` is something newer than `target`: a higher version, or other content of the same one.
pub fn newer(wish: &RolloutTarget, target: &RolloutTarget) -> bool {
    if wish.version == target.version {
        return wish.digest != target.digest;
    }
    matches!((parse(&wish.version), parse(&target.version)), (Ok(wish), Ok(target)) if wish > target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(version: &str) -> RolloutTarget {
        RolloutTarget { version: version.into(), digest: format!("d{version}") }
    }

    fn releases() -> Fleet {
        let facts = |version: &str, from: Option<&str>, to: Option<&str>| {
            let parse = |req: Option<&str>| req.map(|r| r.parse().unwrap());
            let target = target(version);
            let facts = ReleaseFacts { target, upgrades_from: parse(from), rollback_to: parse(to), not_ready: None };
            (("op".into(), version.into()), facts)
        };
        let list = [
            facts("1.0.0", None, None),
            facts("1.1.0", Some(">=1.0.0, <1.1.0"), Some(">=1.0.0")),
            facts("2.0.0", Some(">=1.1.0, <2.0.0"), None),
        ];
        Fleet { releases: list.into(), ..Fleet::default() }
    }

    #[test]
    fn the_target_says_where_it_can_be_reached_from() {
        let fleet = releases();
        let releases = Releases::new(&fleet);
        assert_eq!(releases.illegal("op", &target("1.0.0"), &target("1.1.0")), None);
        let why = releases.illegal("op", &target("1.0.0"), &target("2.0.0")).unwrap();
        assert!(why.contains("2.0.0") && why.contains("1.0.0") && why.contains(">=1.1.0"), "{why}");
    }

    #[test]
    fn the_present_release_says_what_it_can_go_back_to() {
        let fleet = releases();
        let releases = Releases::new(&fleet);
        assert_eq!(releases.illegal("op", &target("1.1.0"), &target("1.0.0")), None);
        assert!(releases.illegal("op", &target("2.0.0"), &target("1.1.0")).unwrap().contains("no way back from 2.0.0"));
        assert!(releases.illegal("op", &target("3.0.0"), &target("1.1.0")).unwrap().contains("is gone"));
    }

    #[test]
    fn other_content_of_the_same_version_is_newer_and_legal() {
        let fleet = releases();
        let other = RolloutTarget { digest: "other".into(), ..target("1.1.0") };
        assert_eq!(Releases::new(&fleet).illegal("op", &target("1.1.0"), &other), None);
        assert!(newer(&other, &target("1.1.0")) && !newer(&target("1.0.0"), &target("1.1.0")));
    }

    #[test]
    fn nonsense_is_reported_and_not_followed() {
        let fleet = releases();
        let why = Releases::new(&fleet).illegal("op", &target("1.0.0"), &target("one")).unwrap();
        assert!(why.contains("`one` is not a semantic version"), "{why}");
        assert!(!newer(&target("one"), &target("1.0.0")));
    }
}
