//! What was worked out for one tenant, and what of it all tenants together are asked for: whose turn is when, who has a step.
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use jiff::Timestamp;

use crate::{
    domain::{
        report::Wait,
        tenants::{Tenants, Version},
        world::TenantSeen,
    },
    parallel,
    plan::tenant::{Facts, Memo, Next, Work},
};

/// What was worked out for one tenant.
#[derive(Debug)]
pub(super) struct Planned {
    /// Of what was seen of it then.
    pub(super) version: Version,
    pub(super) memo: Memo,
    pub(super) facts: Facts,
    pub(super) next: Next,
    /// What the agenda has of it.
    booked: Entry,
}

/// What of a tenant is on the agenda.
#[derive(Debug, Default, PartialEq)]
struct Entry {
    /// What its step is for, if it has one.
    work: Option<Work>,
    sample: Option<(String, String)>,
    wake: Option<Timestamp>,
}

impl Planned {
    pub(super) fn new(version: Version, memo: Memo, facts: Facts) -> Self {
        Self { version, memo, facts, next: Next::nothing(), booked: Entry::default() }
    }

    fn entry(&self) -> Entry {
        let Next { step, sample, wake, .. } = &self.next;
        let work = step.as_ref().map(|step| step.work(self.facts.tenant.status.as_ref()));
        Entry { work, sample: sample.clone(), wake: *wake }
    }

    /// Whether the agenda has it as it is.
    pub(super) fn is_booked(&self) -> bool {
        self.booked == self.entry()
    }
}

/// The wave engine's last word about a tenant that waits.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) word: (Wait, String),
    /// Since when it gives that reason.
    pub(super) since: Timestamp,
}

/// What all tenants together are asked for, kept beside them: a plan does not look for it among ten thousand.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    /// Tenants that have a step, by what it is for.
    pub(super) steps: BTreeMap<Work, BTreeSet<String>>,
    /// Leases to sample: tenant → namespace and name.
    pub(super) samples: BTreeMap<String, (String, String)>,
    /// When time alone changes what comes next, and for whom.
    wakes: BTreeMap<Timestamp, BTreeSet<String>>,
}

impl Agenda {
    /// Takes in what comes next for a tenant.
    pub(super) fn note(&mut self, name: &str, planned: &mut Planned) {
        self.forget(name, planned);
        let entry = planned.entry();
        if let Some(work) = entry.work {
            self.steps.entry(work).or_default().insert(name.to_owned());
        }
        if let Some(sample) = &entry.sample {
            self.samples.insert(name.to_owned(), sample.clone());
        }
        if let Some(at) = entry.wake {
            self.wakes.entry(at).or_default().insert(name.to_owned());
        }
        planned.booked = entry;
    }

    /// Forgets a tenant.
    pub(super) fn forget(&mut self, name: &str, planned: &Planned) {
        let Entry { work, sample, wake } = &planned.booked;
        if let Some(steps) = work.and_then(|work| self.steps.get_mut(&work)) {
            steps.remove(name);
        }
        if sample.is_some() {
            self.samples.remove(name);
        }
        let Some((at, names)) = wake.and_then(|at| Some((at, self.wakes.get_mut(&at)?))) else { return };
        names.remove(name);
        if names.is_empty() {
            self.wakes.remove(&at);
        }
    }

    /// Those whose time has come.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = &String> {
        self.wakes.range(..=now).flat_map(|(_, names)| names)
    }

    /// When the next one's time comes.
    pub(super) fn wake(&self, now: Timestamp) -> Option<Timestamp> {
        self.wakes.range((Bound::Excluded(now), Bound::Unbounded)).next().map(|(at, _)| *at)
    }
}

/// What came of a look at a tenant.
pub(super) enum Look {
    Same,
    News,
    Gone,
}

/// What came of many.
#[derive(Default)]
pub(super) struct Looks<'n> {
    pub(super) news: Vec<&'n String>,
    pub(super) gone: Vec<&'n String>,
    /// Of whom nothing was worked out yet.
    pub(super) missing: Vec<&'n String>,
}

/// Looks at each of these tenants, by itself, with what is seen of it.
pub(super) fn each<'n>(
    tenants: &mut BTreeMap<String, Box<Planned>>,
    seen: &Tenants,
    names: &'n BTreeSet<String>,
    look: impl Fn(&String, Option<&TenantSeen>, &mut Planned) -> Look + Sync,
) -> Looks<'n> {
    let mut looks = Looks::default();
    // One is found faster than one in ten is passed by.
    if names.len() < tenants.len() / 10 {
        for name in names {
            match tenants.get_mut(name) {
                Some(planned) => looks.take(name, &look(name, seen.get(name), planned)),
                None => looks.missing.push(name),
            }
        }
        return looks;
    }
    let (mut all, mut seen) = (tenants.iter_mut().peekable(), seen.iter().peekable());
    let mut known = Vec::with_capacity(names.len());
    for name in names {
        while all.next_if(|(other, _)| *other < name).is_some() {}
        while seen.next_if(|(other, _)| *other < name).is_some() {}
        match all.next_if(|(other, _)| *other == name) {
            Some((_, planned)) => known.push((name, seen.next_if(|(other, _)| *other == name), planned)),
            None => looks.missing.push(name),
        }
    }
    let of_one = |(name, seen, planned): &mut (&'n String, Option<(_, &TenantSeen)>, &mut Box<Planned>)| {
        (*name, look(name, seen.map(|(_, seen)| seen), planned))
    };
    for (name, look) in parallel::map(&mut known, of_one) {
        looks.take(name, &look);
    }
    looks
}

impl<'n> Looks<'n> {
    fn take(&mut self, name: &'n String, look: &Look) {
        match look {
            Look::Same => {}
            Look::News => self.news.push(name),
            Look::Gone => self.gone.push(name),
        }
    }
}
