//! One schedule, and what is left of it when everything is taken away that a finding does not need.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    panic::{self, AssertUnwindSafe},
    str::FromStr,
};

use crate::{rng::Rng, schedule::Schedule};

/// What happened in a schedule, by the word, with how often.
pub type Seen = BTreeMap<String, u64>;

/// Runs of a case while it is made smaller.
const TRIES: usize = 600;

/// A seed, less some of its steps and some of its tenants. Each step has dice of its own, so that leaving one out changes
/// no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    pub seed: u64,
    pub skip: BTreeSet<u32>,
    pub without: BTreeSet<String>,
}

impl Case {
    pub fn of(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Runs it; what happened, or what went wrong.
    pub fn run(&self, told: bool) -> Result<Seen, String> {
        let mut schedule = Schedule::new(self.seed);
        schedule.told = told;
        for name in &self.without {
            schedule.cluster.fleet.members.remove(name);
        }
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            let steps = schedule.rng.u32(10, 45);
            schedule.bump_many();
            for step in (0..steps).filter(|step| !self.skip.contains(step)) {
                schedule.rng = Rng(self.seed ^ u64::from(step + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let millis = if schedule.rng.percent(70) { 8_000 } else { 60_000 };
                let millis = i64::try_from(schedule.rng.below(millis)).unwrap();
                schedule.pass(millis);
                schedule.event();
                schedule.tick().map_err(|why| format!("step {step}: {why}"))?;
            }
            schedule.come_to_rest()
        }));
        match result {
            Ok(Ok(())) => {
                schedule.seen.insert("Look".into(), schedule.ticks);
                Ok(schedule.seen)
            }
            Ok(Err(why)) => Err(why),
            Err(_) => Err("it panicked".into()),
        }
    }

    /// The smallest case that was found in which the same rule is broken, and how it is told there.
    pub fn shrunk(self, why: String) -> (Self, String) {
        let rule = rule(&why).to_owned();
        let (mut best, mut told, mut tries) = (self, why, 0);
        let names: Vec<String> = Schedule::new(best.seed).cluster.fleet.members.keys().cloned().collect();
        let mut smaller = |best: &mut Self, told: &mut String, change: &dyn Fn(&mut Self)| {
            let mut case = best.clone();
            change(&mut case);
            if case == *best || tries == TRIES {
                return;
            }
            tries += 1;
            if let Err(why) = case.run(false)
                && crate::case::rule(&why) == rule
            {
                (*best, *told) = (case, why);
            }
        };
        for size in [64, 16, 8, 4, 2, 1] {
            for from in (0..45).step_by(size) {
                let part = from..from + u32::try_from(size).unwrap();
                smaller(&mut best, &mut told, &|case| case.skip.extend(part.clone()));
            }
            for part in names.chunks(size) {
                smaller(&mut best, &mut told, &|case| case.without.extend(part.iter().cloned()));
            }
        }
        (best, told)
    }
}

/// The rule in a finding: `invariant 8`, `liveness`.
fn rule(why: &str) -> &str {
    let why = why.split_once("step ").and_then(|(_, rest)| rest.split_once(": ")).map_or(why, |(_, rest)| rest);
    why.split(':').next().unwrap_or(why)
}

impl fmt::Display for Case {
    /// As a line of `regressions.txt`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skip: Vec<String> = self.skip.iter().map(ToString::to_string).collect();
        let without: Vec<&str> = self.without.iter().map(String::as_str).collect();
        write!(f, "{} skip={} without={}", self.seed, skip.join(","), without.join(","))
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let seed = words.next().and_then(|word| word.parse().ok()).ok_or("no seed")?;
        let mut list = |name: &str| {
            let word = words.next().and_then(|word| word.strip_prefix(name)).ok_or(format!("no {name}"))?;
            Ok::<Vec<String>, String>(word.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect())
        };
        let skip =
            list("skip=")?.iter().map(|n| n.parse().map_err(|_| format!("no step: {n}"))).collect::<Result<_, _>>()?;
        Ok(Self { seed, skip, without: list("without=")?.into_iter().collect() })
    }
}
