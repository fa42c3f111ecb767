//! What holds for every pair of definitions, whatever is in them.
use std::collections::BTreeSet;

use leasehold::{
    domain::crd::Definition,
    plan::crds::{Findings, Stage, Verdict},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    build::{STAGES, all_ok, at, between},
    random::{Dice, first, next},
};

/// A definition and the next one; every second author is careful.
fn pair(seed: u64) -> (Definition, Definition) {
    let mut dice = Dice(seed);
    let live = first(&mut dice);
    let target = next(&mut dice, &live, seed.is_multiple_of(2));
    (live, target)
}

fn refused(findings: &Findings) -> bool {
    findings.refusing().next().is_some()
}

/// The first field of `one` that is neither in `other` nor kept there unseen.
fn lacks(other: &Value, one: &Value, at: &str) -> Option<String> {
    let kept = other["x-kubernetes-preserve-unknown-fields"] == true;
    let fields = one["properties"].as_object().into_iter().flatten();
    let fields = fields.map(|(name, field)| (format!("{at}.{name}"), field, other["properties"].get(name)));
    let below = ["items", "additionalProperties"].into_iter();
    let below = below.filter_map(|keyword| Some((format!("{at}.{keyword}"), one.get(keyword)?, other.get(keyword))));
    fields.chain(below).find_map(|(path, one, other)| match other {
        Some(other) => lacks(other, one, &path),
        None if kept => None,
        None => Some(path),
    })
}

#[test]
fn the_pairs_are_neither_all_refused_nor_all_alike() {
    let (mut taken, mut steps) = (0, 0);
    for seed in 0..1000 {
        let (live, target) = pair(seed);
        let distinct: BTreeSet<_> = STAGES.iter().map(|stage| at(&live, &target, *stage).definition.digest()).collect();
        taken += i32::from(!refused(&between(&live, &target)));
        steps += distinct.len();
    }
    println!("of 1000 pairs {taken} are taken, in {steps} different definitions");
    assert!(taken > 200 && taken < 900, "{taken} of 1000 pairs are taken");
    assert!(steps > 1500, "{steps} different definitions of 1000 pairs");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_lies_between_the_same(seed: u64) {
        let (one, _) = pair(seed);
        let closed = at(&one, &one, Stage::Drop);
        if refused(&closed.findings) {
            return Ok(());
        }
        for stage in STAGES {
            let again = at(&closed.definition, &closed.definition, stage);
            prop_assert_eq!(&again.definition, &closed.definition, "{:?}", stage);
            prop_assert_eq!(again.findings.all, vec![]);
            if one.versions().count() == 1 {
                prop_assert_eq!(&closed.definition, &one, "one version has all its fields");
            }
        }
    }

    #[test]
    fn twice_is_once(seed: u64) {
        let (live, target) = pair(seed);
        for stage in STAGES {
            let once = at(&live, &target, stage);
            let twice = at(&once.definition, &target, stage);
            prop_assert_eq!(&twice.definition, &once.definition, "{:?}", stage);
            prop_assert_eq!(refused(&twice.findings), refused(&once.findings), "{:?}: {:#?}", stage, twice.findings);
        }
    }

    #[test]
    fn step_by_step_is_at_once(seed: u64) {
        let (live, target) = pair(seed);
        let mut step = live.clone();
        for stage in STAGES {
            step = at(&step, &target, stage).definition;
            prop_assert_eq!(&step, &at(&live, &target, stage).definition, "{:?}", stage);
        }
    }

    #[test]
    fn what_is_found_does_not_hang_on_the_stage(seed: u64) {
        let (live, target) = pair(seed);
        let found = between(&live, &target);
        for stage in STAGES {
            prop_assert_eq!(&at(&live, &target, stage).findings, &found);
        }
    }

    #[test]
    fn what_is_refused_leaves_the_clusters_as_it_is(seed: u64) {
        let (live, target) = pair(seed);
        for stage in STAGES {
            let merged = at(&live, &target, stage);
            if refused(&merged.findings) {
                prop_assert_eq!(merged.definition.spec(), live.spec());
            }
        }
    }

    #[test]
    fn expanding_is_safe_at_once(seed: u64) {
        let (live, target) = pair(seed);
        let expanded = at(&live, &target, Stage::Expand).definition;
        if expanded != live {
            let found = between(&live, &expanded);
            prop_assert!(all_ok(&found), "{:#?}", found);
        }
    }

    #[test]
    fn every_earlier_definition_is_still_served_after_a_row_of_expansions(seed: u64) {
        let mut dice = Dice(seed);
        let start = first(&mut dice);
        let start = at(&start, &start, Stage::Drop).definition;
        let (mut live, mut target) = (start.clone(), start.clone());
        for _ in 0..3 {
            target = next(&mut dice, &target, false);
            live = at(&live, &target, Stage::Expand).definition;
        }
        if live != start {
            let found = between(&start, &live);
            let bad: Vec<_> = found.all.iter().filter(|f| f.verdict != Verdict::Ok).collect();
            prop_assert!(bad.is_empty(), "{:?}", bad);
        }
    }

    #[test]
    fn unlocking_waits_only_for_what_is_safe_without_old_operators(seed: u64) {
        let (live, target) = pair(seed);
        let unlocked = at(&live, &target, Stage::Unlock);
        if refused(&unlocked.findings) {
            return Ok(());
        }
        let bad = between(&live, &unlocked.definition).all.into_iter().find(|f| f.verdict > Verdict::Gate);
        prop_assert_eq!(bad, None);
        let left = between(&unlocked.definition, &target).all;
        let left: Vec<_> = left.into_iter().filter(|f| f.verdict == Verdict::Gate && f.rule != "storage-changed").collect();
        prop_assert_eq!(left, vec![]);
    }

    #[test]
    fn dropping_ends_at_the_target_with_the_fields_of_all_its_versions(seed: u64) {
        let (live, target) = pair(seed);
        let dropped = at(&live, &target, Stage::Drop);
        if refused(&dropped.findings) {
            return Ok(());
        }
        prop_assert_eq!(&dropped.definition, &at(&target, &target, Stage::Drop).definition);
        if target.versions().count() == 1 {
            prop_assert_eq!(&dropped.definition, &target);
        }
    }

    #[test]
    fn every_version_has_the_fields_of_all_at_every_stage(seed: u64) {
        let (live, target) = pair(seed);
        if refused(&between(&live, &target)) {
            return Ok(());
        }
        for stage in STAGES {
            let merged = at(&live, &target, stage).definition;
            for (one, other) in merged.versions().flat_map(|one| merged.versions().map(move |other| (one, other))) {
                prop_assert_eq!(lacks(other.schema, one.schema, ""), None, "{:?}: {} of {}", stage, other.name, one.name);
            }
            prop_assert_eq!(merged.versions().filter(|version| version.storage).count(), 1);
        }
    }

    #[test]
    fn the_order_of_sets_means_nothing(seed: u64) {
        let (live, target) = pair(seed);
        let turned = |definition: &Definition| {
            let mut spec = Value::Object(definition.spec().clone());
            turn(&mut spec);
            let Value::Object(spec) = spec else { unreachable!() };
            Definition::of(definition.name(), spec).unwrap()
        };
        prop_assert_eq!(turned(&live).digest(), live.digest());
        let seen = |old: &Definition, new: &Definition| {
            let found = between(old, new);
            (found.worst(), refused(&found), found.all.iter().filter(|f| f.verdict != Verdict::Ok).count())
        };
        let plain = seen(&live, &target);
        prop_assert_eq!(seen(&turned(&live), &target), plain);
        prop_assert_eq!(seen(&live, &turned(&target)), plain);
    }
}

/// Turns every list around: in these definitions each of them is a set.
fn turn(value: &mut Value) {
    match value {
        Value::Array(values) => {
            values.reverse();
            values.iter_mut().for_each(turn);
        }
        Value::Object(values) => values.values_mut().for_each(turn),
        _ => {}
    }
}
