//! Everything that one pass knows: the fleet, indexed once, and the unfinished runs with their members seated.
use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use jiff::Timestamp;

use super::{
    back::Back,
    barred,
    calendar::Calendar,
    path::Releases,
    run::{Place, Run},
    unread,
    wish::{Steps, Wish},
};
use crate::{
    api::{Phase, PolicySpec},
    domain::fleet::{Fleet, Member},
};

static BUILT_IN: LazyLock<PolicySpec> = LazyLock::new(PolicySpec::built_in);

/// What is known before any run is looked at.
pub struct Known<'a> {
    pub fleet: &'a Fleet,
    pub now: Timestamp,
    pub releases: Releases<'a>,
    /// Every tenant that wants to move.
    pub wishes: BTreeMap<&'a str, Wish<'a>>,
    /// Tenants that a person stopped from moving to what they want, with the run in which that was said.
    pub barred: HashMap<&'a str, &'a str>,
    /// Tenants on their way, over all runs.
    pub in_flight: usize,
    /// Operators for which nothing is decided, and why.
    pub unread: BTreeMap<&'a str, String>,
}

/// One look at the fleet.
pub struct Pass<'a> {
    pub known: Known<'a>,
    /// By operator, the active one first, then in the order in which they were made.
    pub runs: Vec<Run<'a>>,
    /// Where each tenant is that an unfinished run would take to what it wants; the active run's word first.
    pub places: HashMap<&'a str, Place>,
}

impl<'a> Known<'a> {
    fn new(fleet: &'a Fleet, now: Timestamp) -> Self {
        let releases = Releases::new(fleet);
        let (mut steps, back) = (Steps::new(&releases), Back::new(fleet));
        let calendar = Calendar::new(fleet, now);
        let mut wish =
            |name: &'a str, member: &'a Member| Wish::of(&mut steps, &calendar, back.of(name, member), member);
        let wished = |(name, member): (&'a String, &'a Member)| Some((&**name, wish(name, member)?));
        // Whoever goes back has not asked for it.
        let wishes = if back.nobody() {
            fleet.members.restless().filter_map(wished).collect()
        } else {
            fleet.members.iter().filter_map(wished).collect()
        };
        let barred = barred::barred(fleet, &wishes);
        let in_flight = fleet.members.restless().filter(|(_, member)| member.in_flight()).count();
        Self { fleet, now, releases, wishes, barred, in_flight, unread: unread::operators(fleet) }
    }

    /// The policy of that name; `default` is built in.
    pub fn policy(&self, name: &str) -> Option<&'a PolicySpec> {
        self.fleet.policies.get(name).or_else(|| (name == "default").then_some(&*BUILT_IN))
    }

    /// Whether a new run may take the tenant to what it wants.
    pub fn startable(&self, name: &str, member: &Member) -> bool {
        self.policy(&member.policy).is_some() && !self.barred.contains_key(name)
    }
}

impl<'a> Pass<'a> {
    pub fn new(fleet: &'a Fleet, now: Timestamp) -> Self {
        let known = Known::new(fleet, now);
        let mut runs = in_turn(&known);
        let mut places = HashMap::new();
        for (index, run) in runs.iter_mut().enumerate() {
            run.fill(&known, |name, wave, skipped, there| {
                places.entry(name).or_insert(Place { run: index, wave, skipped, there });
            });
        }
        Self { known, runs, places }
    }

    /// The unfinished runs of an operator.
    pub fn runs_of(&self, operator: &str) -> impl Iterator<Item = &Run<'a>> {
        self.runs.iter().filter(move |run| run.spec.operator == operator)
    }
}

/// The unfinished runs; of each operator the first is active: one that has begun before one that has not, the older
/// before the younger.
fn in_turn<'a>(known: &Known<'a>) -> Vec<Run<'a>> {
    let readable = |run: &Run| !known.unread.contains_key(&*run.spec.operator);
    let mut runs: Vec<Run> =
        known.fleet.rollouts.iter().filter_map(|(name, rollout)| Run::open(name, rollout)).filter(readable).collect();
    let waiting = |run: &Run| run.stored.phase == Phase::Queued;
    runs.sort_by_key(|run| (&*run.spec.operator, waiting(run), run.spec.sequence, run.name));
    let mut last = None;
    for run in &mut runs {
        run.active = last != Some(&run.spec.operator);
        last = Some(&run.spec.operator);
    }
    runs
}
