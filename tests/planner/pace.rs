//! How often the status of one Rollout is written: what only counts waits for a second, and nothing else waits.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use leasehold::{
    api::{Amount, Phase, RolloutStatus},
    domain::fleet::Health,
    plan::rollout::{Decisions, decide, pace},
};
use serde_json::Value;

use crate::{
    cluster::{Cluster, policy, wave, writes},
    rng::Rng,
};

const RUN: &str = "memcached-1.1.0-1";
const TENANTS: usize = 300;
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A status without what only counts and tells.
fn bare(status: Option<&RolloutStatus>) -> Value {
    const COUNTS: [&str; 7] = ["members", "inFlight", "proven", "failed", "skipped", "message", "writtenAt"];
    let mut bare = serde_json::to_value(status.cloned().unwrap_or_default()).unwrap();
    let forget = |value: &mut Value| {
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|name, _| !COUNTS.contains(&name.as_str()));
        }
    };
    for list in ["waves", "conditions"] {
        bare[list].as_array_mut().unwrap().iter_mut().for_each(forget);
    }
    forget(&mut bare);
    bare
}

/// A fleet whose writes are watched.
struct Watched {
    cluster: Cluster,
    written: BTreeMap<String, Timestamp>,
    /// Writes that only count, of them those that came at once, and those that waited.
    counts: usize,
    waited: usize,
    latches: usize,
}

impl Watched {
    fn new() -> Self {
        let names: Vec<String> = (0..TENANTS).map(|n| format!("t{n:03}")).collect();
        let mut rest = wave("rest");
        (rest.max_concurrency, rest.max_failures) = (Some(Amount::Count(20)), Some(Amount::Count(9)));
        let mut first = rest.clone();
        (first.name, first.take) = ("first".into(), Some(Amount::Percent(10)));
        let mut policy = policy(&[first, rest]);
        (policy.limits.max_concurrency, policy.limits.max_failures) = (Amount::Count(20), Amount::Count(9));
        let mut cluster = Cluster::new(policy).with(&names.iter().map(String::as_str).collect::<Vec<_>>());
        cluster.ask(&[], "1.1.0");
        cluster.wait(10);
        Self { cluster, written: BTreeMap::new(), counts: 0, waited: 0, latches: 0 }
    }

    /// Decides and writes at the pace, and holds every write against the rule.
    fn look(&mut self) -> Decisions {
        let Cluster { fleet, now, .. } = &self.cluster;
        let all = decide(fleet, *now);
        let mut decisions = all.clone();
        pace(fleet, &mut decisions, *now);
        for (name, next) in &all.status {
            let stored = fleet.rollouts[name].status.as_ref();
            let (written, last) = (decisions.status.contains_key(name), self.written.get(name));
            if bare(stored) != bare(Some(next)) {
                assert!(written, "what others build on waits: {stored:?} -> {next:?}");
                self.latches += 1;
            } else if written {
                assert!(last.is_none_or(|last| now.duration_since(*last) >= SECOND), "counted again too early");
                self.counts += 1;
            } else {
                let due = *last.expect("only a second write waits") + SECOND + SignedDuration::from_millis(1);
                assert!(decisions.wake.is_some_and(|wake| wake <= due), "nobody looks again when it is due");
                self.waited += 1;
            }
        }
        self.written.extend(decisions.status.keys().map(|name| (name.clone(), *now)));
        for write in writes(&decisions) {
            self.cluster.apply(write);
        }
        decisions
    }

    /// What becomes of tenants, and what people do meanwhile.
    fn live(&mut self, rng: &mut Rng) {
        self.cluster.now += SignedDuration::from_millis(20 + i64::try_from(rng.below(200)).unwrap());
        for name in self.cluster.moving().iter().map(ToString::to_string).collect::<Vec<_>>() {
            match rng.below(100) {
                0 if rng.percent(10) => self.cluster.fail(&name),
                1..5 => self.cluster.prove(&name),
                _ => {}
            }
        }
        let there = self.cluster.fleet.rollouts.contains_key(RUN);
        let name = format!("t{:03}", rng.below(TENANTS as u64));
        let well = self.cluster.fleet.members[&name].health == Health::Proven;
        match rng.below(300) {
            0 if well => self.cluster.regress(&name),
            1..40 if !well && self.cluster.version(&name) == "1.1.0" => self.cluster.prove(&name),
            40 if there => self.cluster.edit(RUN, |spec| spec.suspend = !spec.suspend),
            41 if there => self.cluster.edit(RUN, |spec| spec.additional_failures += 1),
            _ => {}
        }
    }
}

#[test]
fn in_a_run_of_three_hundred_what_only_counts_is_written_once_a_second_and_the_rest_at_once() {
    let mut tested = (0, 0, 0);
    for seed in 0..6 {
        let (mut watched, mut rng) = (Watched::new(), Rng(seed));
        for _ in 0..2_000 {
            watched.look();
            watched.live(&mut rng);
        }
        tested = (tested.0 + watched.counts, tested.1 + watched.waited, tested.2 + watched.latches);
        // Peace: everybody comes up, nobody interferes, and time passes only as far as the run says.
        watched.cluster.edit(RUN, |spec| (spec.suspend, spec.additional_failures) = (false, 300));
        while watched.cluster.status(RUN).phase != Phase::Succeeded {
            let wake = watched.look().wake;
            let moving: Vec<String> = watched.cluster.moving().iter().map(ToString::to_string).collect();
            for name in &moving {
                watched.cluster.prove(name);
            }
            let fallen = watched.cluster.fleet.members.iter_mut().filter(|(_, m)| m.health == Health::Regressed);
            fallen.for_each(|(_, member)| member.health = Health::Proven);
            watched.cluster.now = wake.unwrap_or(watched.cluster.now).max(watched.cluster.now + SECOND / 10);
        }
        let status = watched.cluster.status(RUN).clone();
        assert_eq!(status.proven + status.failed, 300, "the last word is complete: {status:?}");
        assert!(decide(&watched.cluster.fleet, watched.cluster.now).status.is_empty());
    }
    let (counts, waited, latches) = tested;
    assert!(counts > 60 && waited > 300 && latches > 60, "{tested:?}: too little was tested");
}

#[test]
fn the_last_counters_of_a_wave_at_rest_are_written_when_their_second_is_over() {
    let mut watched = Watched::new();
    for _ in 0..6 {
        watched.look();
    }
    let moving: Vec<String> = watched.cluster.moving().iter().map(ToString::to_string).collect();
    watched.cluster.prove(&moving[0]);
    let wake = watched.look().wake.unwrap();
    assert_eq!(watched.cluster.status(RUN).proven, 0, "a moment ago it was written");
    watched.cluster.now = wake;
    watched.look();
    assert_eq!(watched.cluster.status(RUN).proven, 1);
}

#[test]
fn a_clock_that_goes_back_holds_no_counter_up() {
    let mut watched = Watched::new();
    for _ in 0..6 {
        watched.look();
    }
    watched.cluster.wait(-60);
    watched.written.clear();
    let moving: Vec<String> = watched.cluster.moving().iter().map(ToString::to_string).collect();
    watched.cluster.prove(&moving[0]);
    watched.look();
    assert_eq!(watched.cluster.status(RUN).proven, 1);
}
