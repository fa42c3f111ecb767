//! A way over versions in between: the shortest chain of legal upgrades, each of which becomes a run of its own.
//!
//! Only upward. Downward the release that a tenant has now says in one word how far back it can go.
use std::collections::HashMap;

use semver::Version;

use crate::{api::RolloutTarget, domain::fleet::ReleaseFacts};

/// The first step of the shortest legal way from `old` to `new`; of several the one that gets furthest. `releases`: those
/// of one operator, with their parsed versions; `usable`: whether a release may be stepped on.
pub fn first<'a>(
    releases: &[(Version, &'a ReleaseFacts)],
    old: &Version,
    new: &Version,
    usable: impl Fn(&RolloutTarget) -> bool,
) -> Option<&'a RolloutTarget> {
    let between = |version: &Version| old < version && version <= new;
    let mut steps: HashMap<&Version, u32> = HashMap::from([(new, 0)]);
    // From the highest down: whoever can be stepped on is reached from lower versions only.
    let mut stones: Vec<_> = releases.iter().filter(|(version, _)| between(version)).collect();
    stones.sort_by(|a, b| b.0.cmp(&a.0));
    for (version, facts) in stones.iter().skip_while(|(version, _)| version == new) {
        let onward = stones.iter().filter(|(next, onto)| next > version && onto.reachable_from(version));
        let least = onward.filter_map(|(next, _)| steps.get(next)).min().map(|least| least + 1);
        if let Some(least) = least.filter(|_| usable(&facts.target)) {
            steps.insert(version, least);
        }
    }
    let starts = stones.iter().filter(|(version, facts)| version != new && facts.reachable_from(old));
    let (_, first) = starts.filter(|(version, _)| steps.contains_key(version)).min_by_key(|(version, _)| {
        // `min_by_key` keeps the first of equals: the highest.
        steps.get(version).copied().unwrap_or(u32::MAX)
    })?;
    Some(&first.target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: &str, from: &str) -> ReleaseFacts {
        let target = RolloutTarget { version: version.into(), digest: format!("d{version}") };
        ReleaseFacts { target, upgrades_from: Some(from.parse().unwrap()), rollback_to: None, not_ready: None }
    }

    fn way(list: &[ReleaseFacts], from: &str, to: &str) -> Option<String> {
        let releases: Vec<(Version, &ReleaseFacts)> =
            list.iter().map(|facts| (facts.target.version.parse().unwrap(), facts)).collect();
        let first =
            first(&releases, &from.parse().unwrap(), &to.parse().unwrap(), |target| !target.digest.contains('x'));
        first.map(|target| target.version.clone())
    }

    #[test]
    fn the_shortest_way_is_taken_and_of_two_the_one_that_gets_further() {
        let list = [
            facts("1.1.0", ">=1.0.0"),
            facts("1.5.0", ">=1.1.0"),
            facts("1.9.0", ">=1.0.0"),
            facts("2.0.0", ">=1.1.0, <2.0.0"),
            facts("3.0.0", ">=2.0.0, <3.0.0"),
        ];
        assert_eq!(way(&list, "1.0.0", "2.0.0").as_deref(), Some("1.9.0"), "1.1.0 would do as well");
        assert_eq!(way(&list, "1.0.0", "3.0.0").as_deref(), Some("1.9.0"));
        assert_eq!(way(&list, "1.9.0", "3.0.0").as_deref(), Some("2.0.0"));
    }

    #[test]
    fn where_no_chain_leads_there_is_no_way() {
        let list = [facts("1.1.0", ">=1.0.0, <1.1.0"), facts("3.0.0", ">=2.0.0, <3.0.0")];
        assert_eq!(way(&list, "1.0.0", "3.0.0"), None);
    }

    #[test]
    fn what_may_not_be_stepped_on_is_gone_around() {
        let mut list = [facts("1.1.0", ">=1.0.0"), facts("1.9.0", ">=1.0.0"), facts("2.0.0", ">=1.1.0")];
        list[1].target.digest = "x".into();
        assert_eq!(way(&list, "1.0.0", "2.0.0").as_deref(), Some("1.1.0"));
    }
}
