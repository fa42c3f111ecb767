//! When a window is open. The instants come from the clock of its time zone: an opening that falls into the hour that a
//! spring change skips comes that much later, one in the hour that an autumn change repeats comes the first time only, and
//! how long it stays open is time that really passes.
use std::{collections::BTreeMap, sync::LazyLock};

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{TimeZone, TimeZoneDatabase},
};

use crate::api::{Schedule, Selector, WindowAction, WindowSpec};

/// The zones that this build knows: every replica decides alike, whatever its image has on disk.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// No zone has ever changed its clock by more than a day.
const LEAP: SignedDuration = SignedDuration::from_hours(25);
/// Openings that are looked at around a change of the clock: one a minute for two days, and more.
const NEARBY: usize = 4096;
/// Openings that may run into each other before a window counts as open for good.
const CHAIN: usize = 512;

/// A window, understood or not.
#[derive(Clone, Debug)]
pub struct Window {
    pub spec: WindowSpec,
    when: When,
}

#[derive(Clone, Debug)]
enum When {
    Always,
    Recurring(Box<Recurrence>),
    /// Nobody knows when: then it denies, always.
    Unknown(String),
}

#[derive(Clone, Debug)]
struct Recurrence {
    cron: Cron,
    zone: TimeZone,
    duration: SignedDuration,
}

/// A window at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub open: bool,
    /// When that changes; `None`: never.
    pub changes: Option<Timestamp>,
}

impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Window {
    /// Understands a window. What cannot be understood is a Deny without end, and says why.
    #[must_use]
    pub fn new(spec: WindowSpec) -> Self {
        let when = match spec.schedule.as_ref().map(Recurrence::new) {
            None => When::Always,
            Some(Ok(recurrence)) => When::Recurring(Box::new(recurrence)),
            Some(Err(why)) => When::Unknown(why),
        };
        Self { spec, when }
    }

    /// A window that is there and cannot even be read.
    #[must_use]
    pub fn unreadable(why: String) -> Self {
        let spec = WindowSpec {
            action: WindowAction::Deny,
            reason: why.clone(),
            selector: None,
            operators: Vec::new(),
            schedule: None,
            until: None,
        };
        Self { spec, when: When::Unknown(why) }
    }

    /// Why it cannot be understood, if so.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match &self.when {
            When::Unknown(why) => Some(why),
            When::Always | When::Recurring(_) => None,
        }
    }

    /// Whether it denies while it is open.
    #[must_use]
    pub fn denies(&self) -> bool {
        self.spec.action == WindowAction::Deny || self.trouble().is_some()
    }

    /// Whether it speaks of a tenant of that operator with those labels.
    #[must_use]
    pub fn selects(&self, operator: &str, labels: &BTreeMap<String, String>) -> bool {
        let of = &self.spec.operators;
        (of.is_empty() || of.iter().any(|name| name == operator))
            && self.spec.selector.as_ref().is_none_or(|selector: &Selector| selector.matches(labels))
    }

    /// Whether it is open.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Opening {
        let end = self.spec.until.map(|until| until.0);
        if end.is_some_and(|end| end <= now) && self.trouble().is_none() {
            return Opening { open: false, changes: None };
        }
        let opening = match &self.when {
            When::Unknown(_) => return Opening { open: true, changes: None },
            When::Always => Opening { open: true, changes: None },
            When::Recurring(recurrence) => recurrence.at(now),
        };
        // An opening after the end is none, and at the end it closes.
        let changes = if opening.open {
            [opening.changes, end].into_iter().flatten().min()
        } else {
            opening.changes.filter(|at| end.is_none_or(|end| *at < end))
        };
        Opening { changes, ..opening }
    }
}

impl Recurrence {
    fn new(schedule: &Schedule) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&schedule.cron);
        let cron = cron.map_err(|why| format!("schedule.cron `{}` cannot be understood: {why}", schedule.cron))?;
        let zone = ZONES.get(&schedule.time_zone);
        let zone = zone.map_err(|_| format!("schedule.timeZone `{}` is no IANA time zone", schedule.time_zone))?;
        let never = format!("schedule.cron `{}` never comes about", schedule.cron);
        // Leap days and weekdays repeat within 400 years; any other pattern comes about every few.
        cron.find_next_occurrence(&DateTime::constant(2000, 1, 1, 0, 0, 0, 0), true).map_err(|_| never)?;
        Ok(Self { cron, zone, duration: schedule.duration.signed() })
    }

    fn at(&self, now: Timestamp) -> Opening {
        let next = self.next(now);
        let Some(since) =
            self.last(now).and_then(|start| start.checked_add(self.duration).ok()).filter(|end| *end > now)
        else {
            return Opening { open: false, changes: next };
        };
        Opening { open: true, changes: self.runs_on(since) }
    }

    /// When it closes, if it is open until `end` at least: openings that run into each other are one.
    fn runs_on(&self, mut end: Timestamp) -> Option<Timestamp> {
        for _ in 0..CHAIN {
            match self.last(end).and_then(|start| start.checked_add(self.duration).ok()).filter(|next| *next > end) {
                Some(next) => end = next,
                None => return Some(end),
            }
        }
        None
    }

    /// The latest opening that has come.
    fn last(&self, now: Timestamp) -> Option<Timestamp> {
        if self.plain(now) {
            let civil = self.cron.find_previous_occurrence(&self.civil(now, SignedDuration::ZERO)?, true).ok()?;
            return self.instant(civil);
        }
        let (mut civil, far) = (self.civil(now, LEAP)?, self.civil(now, -LEAP)?);
        let mut latest: Option<Timestamp> = None;
        for step in 0..NEARBY {
            civil = self.cron.find_previous_occurrence(&civil, step == 0).ok()?;
            latest = latest.max(self.instant(civil).filter(|at| *at <= now));
            if latest.is_some() && civil < far {
                break;
            }
        }
        latest
    }

    /// The next opening to come.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        if self.plain(now) {
            let civil = self.cron.find_next_occurrence(&self.civil(now, SignedDuration::ZERO)?, false).ok()?;
            return self.instant(civil);
        }
        let (mut civil, far) = (self.civil(now, -LEAP)?, self.civil(now, LEAP)?);
        let mut earliest: Option<Timestamp> = None;
        for step in 0..NEARBY {
            civil = self.cron.find_next_occurrence(&civil, step == 0).ok()?;
            let at = self.instant(civil).filter(|at| *at > now);
            earliest = [earliest, at].into_iter().flatten().min();
            if earliest.is_some() && civil > far {
                break;
            }
        }
        earliest
    }

    /// Whether the clock does not change around here: then openings come in the order in which they stand on the clock.
    fn plain(&self, now: Timestamp) -> bool {
        let offset = |by| now.checked_add(by).ok().map(|at: Timestamp| self.zone.to_offset(at));
        offset(LEAP) == offset(-LEAP)
    }

    fn civil(&self, now: Timestamp, by: SignedDuration) -> Option<DateTime> {
        Some(now.checked_add(by).ok()?.to_zoned(self.zone.clone()).datetime())
    }

    fn instant(&self, civil: DateTime) -> Option<Timestamp> {
        self.zone.to_ambiguous_zoned(civil).compatible().ok().map(|zoned| zoned.timestamp())
    }
}
