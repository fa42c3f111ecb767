//! Places for steps of tenants: who may start one now. In: what is under way and since when. Out: yes or no.
//!
//! A tenant whose writes hang (a webhook of its own, a namespace that does not answer) must not take the places of all the
//! others. A step that lasts leaves the brisk lane for the slow one, and a tenant whose last write had no answer starts in
//! the slow lane: when that is full such tenants wait for each other, and for nobody else.
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::subject::Subject;
use crate::plan::tenant::Work;

/// Steps of tenants under way at once that go as they should. More only queue up in the API server, where they would hurt
/// others.
const BRISK: usize = 32;
/// Of them, what only tells how tenants do, while others wait to be moved: enough to be heard, too little to hold them up.
pub const TELLING: usize = 4;
/// Of them, claims, while others wait: the rest is for those to whom a wave is nothing, so that no repair is held up by it.
pub const CLAIMING: usize = 24;
/// Of them, what carries out claims while further claims wait: whoever was granted something gets it, however many come after.
pub const APPLYING: usize = 4;
/// Steps under way at once that last.
const SLOW: usize = 32;
/// A step takes a few requests of some milliseconds each; one that takes this long is stuck somewhere.
const LASTS: Duration = Duration::from_secs(1);

/// Everything under way.
#[derive(Debug, Default)]
pub struct Lanes {
    busy: HashMap<Subject, Place>,
}

#[derive(Debug)]
struct Place {
    since: Instant,
    kind: Kind,
}

/// What the places go by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// The tenant's last write had no answer.
    pub suspect: bool,
    pub work: Work,
}

impl Lanes {
    #[must_use]
    pub fn is_busy(&self, subject: &Subject) -> bool {
        self.busy.contains_key(subject)
    }

    /// Takes a place, if there is one. Rollouts and releases are few and always find one.
    pub fn start(&mut self, subject: &Subject, kind: Kind, now: Instant) -> bool {
        let tenant = matches!(subject, Subject::Tenant(_));
        if self.is_busy(subject) || (tenant && !self.room(kind.suspect, now)) {
            return false;
        }
        self.busy.insert(subject.clone(), Place { since: now, kind });
        true
    }

    /// Whether that work has so many places. What is stuck counts in the slow lane, and keeps nobody from his share.
    #[must_use]
    pub fn has(&self, work: Work, places: usize, now: Instant) -> bool {
        self.busy.values().filter(|place| place.kind.work == work && !place.slow(now)).count() >= places
    }

    pub fn end(&mut self, subject: &Subject) {
        self.busy.remove(subject);
    }

    /// Whether a step of a tenant could start now. Those that last and find the slow lane full keep their place in the
    /// brisk one: in all there are never more than both lanes hold.
    #[must_use]
    pub fn room(&self, suspect: bool, now: Instant) -> bool {
        let (brisk, slow) = self.taken(now);
        if suspect { slow < SLOW } else { brisk + slow.saturating_sub(SLOW) < BRISK }
    }

    /// When a step leaves the brisk lane by lasting, if one could.
    #[must_use]
    pub fn changes(&self, now: Instant) -> Option<Instant> {
        let tenants = self.busy.iter().filter(|(subject, _)| matches!(subject, Subject::Tenant(_)));
        let brisk = tenants.filter(|(_, place)| !place.slow(now)).map(|(_, place)| place.since + LASTS);
        brisk.min()
    }

    fn taken(&self, now: Instant) -> (usize, usize) {
        let tenants = self.busy.iter().filter(|(subject, _)| matches!(subject, Subject::Tenant(_)));
        let (slow, brisk): (Vec<_>, Vec<_>) = tenants.map(|(_, place)| place.slow(now)).partition(|slow| *slow);
        (brisk.len(), slow.len())
    }
}

impl Place {
    fn slow(&self, now: Instant) -> bool {
        self.kind.suspect || now.saturating_duration_since(self.since) >= LASTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(n: usize) -> Subject {
        Subject::Tenant(format!("t{n}"))
    }

    fn started(lanes: &mut Lanes, from: usize, many: usize, suspect: bool, now: Instant) -> usize {
        (from..from + many).filter(|n| lanes.start(&tenant(*n), Kind { suspect, ..Kind::default() }, now)).count()
    }

    #[test]
    fn a_fleet_of_hanging_tenants_delays_the_others_by_a_second_at_most() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        assert_eq!(started(&mut lanes, 0, 100, false, now), BRISK, "nobody can know yet that they hang");
        assert!(!lanes.room(false, now));
        let later = lanes.changes(now).unwrap();
        assert_eq!(later, now + LASTS, "the loop looks again by itself");
        assert_eq!(started(&mut lanes, 1000, 100, false, later), BRISK, "all places are free for others");
    }

    #[test]
    fn tenants_that_gave_no_answer_wait_for_each_other_only() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        assert_eq!(started(&mut lanes, 0, 1000, true, now), SLOW);
        assert!(!lanes.room(true, now) && lanes.room(false, now));
        lanes.end(&tenant(7));
        assert!(lanes.room(true, now));
    }

    #[test]
    fn each_work_has_a_share_and_what_is_stuck_keeps_nobody_from_it() {
        for (work, share) in [(Work::Tells, TELLING), (Work::Claims, CLAIMING), (Work::Applies, APPLYING)] {
            let (mut lanes, now) = (Lanes::default(), Instant::now());
            for n in 0..share {
                assert!(!lanes.has(work, share, now));
                assert!(lanes.start(&tenant(n), Kind { suspect: false, work }, now));
            }
            assert!(lanes.has(work, share, now) && lanes.room(false, now), "there is room for others");
            assert!(!lanes.has(work, share, now + LASTS));
        }
    }

    #[test]
    fn there_are_never_more_than_both_lanes_hold() {
        let (mut lanes, mut now, mut all) = (Lanes::default(), Instant::now(), 0);
        for round in 0..8 {
            all += started(&mut lanes, round * 1000, 100, round % 2 == 0, now);
            now += LASTS;
        }
        assert_eq!(all, BRISK + SLOW);
        assert!(!lanes.room(false, now) && !lanes.room(true, now));
    }

    #[test]
    fn one_subject_has_one_step_and_rollouts_always_find_a_place() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        assert!(lanes.start(&tenant(0), Kind::default(), now) && !lanes.start(&tenant(0), Kind::default(), now));
        started(&mut lanes, 1, 100, false, now);
        assert!(lanes.start(&Subject::Rollout("r".into()), Kind::default(), now));
        assert!(!lanes.start(&Subject::Rollout("r".into()), Kind::default(), now) && lanes.is_busy(&tenant(0)));
    }
}
