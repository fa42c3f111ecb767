//! Passes over the stored objects of a CRD: when one counts, when it is begun anew, and what a page adds to it.
use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{Purpose, StoredObject, Sweep, Time},
    domain::{
        crd::page::{PageDone, name},
        some::some,
    },
};

/// How soon a pass that some object did not stand is made again: time for a person to mend it.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// How long a pass counts that all objects stood: what is refused for longer begins with a new look at them.
const COUNTS: SignedDuration = SignedDuration::from_mins(10);
/// Where a pass is.
#[derive(Debug, PartialEq)]
pub enum Progress {
    /// Every object stood it.
    Passed,
    /// Some did not, and it is too soon to try again.
    Failed { sweep: Sweep, again: Timestamp },
    /// The next page of this pass is to be done.
    Page(Sweep),
}

/// Where the pass for that purpose and that definition is. `known`: the last pass of the CRD. One that began before `since`
/// does not count.
#[must_use]
pub fn progress(
    known: Option<&Sweep>,
    purpose: Purpose,
    against: &str,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Progress {
    let fresh = |sweep: &&Sweep| since.is_none_or(|since| sweep.began.0 >= since);
    let same = known.filter(|sweep| sweep.purpose == purpose && sweep.against == against).filter(fresh);
    match same.map(|sweep| (sweep, sweep.ended)) {
        Some((sweep, Some(ended))) if sweep.failed == 0 => {
            let counts = ended.0.checked_add(COUNTS).is_ok_and(|until| now < until);
            if counts { Progress::Passed } else { Progress::Page(begin(purpose, against, now)) }
        }
        Some((sweep, Some(ended))) => match ended.0.checked_add(AGAIN) {
            Ok(again) if now < again => Progress::Failed { sweep: sweep.clone(), again },
            _ => Progress::Page(begin(purpose, against, now)),
        },
        Some((sweep, None)) => Progress::Page(sweep.clone()),
        None => Progress::Page(begin(purpose, against, now)),
    }
}

fn begin(purpose: Purpose, against: &str, now: Timestamp) -> Sweep {
    Sweep {
        purpose,
        against: against.to_owned(),
        began: Time::millis(now),
        objects: 0,
        failed: 0,
        failures: Vec::new(),
        continue_: None,
        ended: None,
    }
}

/// The pass after that page.
#[must_use]
pub fn after(sweep: &Sweep, page: &PageDone, now: Timestamp) -> Sweep {
    let mut failures = sweep.failures.clone();
    for failure in &page.failures {
        let stored = StoredObject { object: failure.object.clone(), why: failure.why.clone() };
        name(&mut failures, stored, |stored| &stored.object);
    }
    Sweep {
        objects: sweep.objects + page.seen,
        failed: sweep.failed + page.failed,
        failures,
        continue_: page.continue_.clone(),
        ended: page.continue_.is_none().then(|| Time::millis(now)),
        ..sweep.clone()
    }
}

/// What the objects did not stand, for a person.
#[must_use]
pub fn spoken(sweep: &Sweep) -> String {
    let first: Vec<String> = sweep.failures.iter().take(3).map(|f| format!("{} ({})", f.object, f.why)).collect();
    let named = some(&first, usize::try_from(sweep.failed).unwrap_or(usize::MAX), "; ");
    format!("{} of {} stored objects: {named}", sweep.failed, sweep.objects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::crd::page::PageFailure;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn page(seen: u64, failed: u64, continue_: Option<&str>) -> PageDone {
        let failures = (0..failed.min(10)).map(|n| PageFailure::new(format!("{n}/a"), "no")).collect();
        PageDone {
            seen,
            done: seen - failed,
            failed,
            failures,
            continue_: continue_.map(Into::into),
            ..PageDone::default()
        }
    }

    #[test]
    fn a_pass_counts_for_its_purpose_its_definition_and_its_time_only() {
        let Progress::Page(begun) = progress(None, Purpose::Migrate, "a", None, at(10)) else { panic!() };
        let ended = after(&begun, &page(500, 0, None), at(20));
        let on = |purpose, against, since| progress(Some(&ended), purpose, against, since, at(30));
        assert_eq!(on(Purpose::Migrate, "a", Some(at(10))), Progress::Passed);
        for again in
            [on(Purpose::Verify, "a", None), on(Purpose::Migrate, "b", None), on(Purpose::Migrate, "a", Some(at(11)))]
        {
            assert!(matches!(again, Progress::Page(sweep) if sweep.began.0 >= at(30) && sweep.objects == 0));
        }
    }

    #[test]
    fn pages_add_up_and_the_next_one_begins_where_the_last_ended() {
        let Progress::Page(begun) = progress(None, Purpose::Verify, "a", None, at(10)) else { panic!() };
        let first = after(&begun, &page(500, 7, Some("here")), at(11));
        assert_eq!(
            (first.objects, first.failed, first.continue_.as_deref(), first.ended),
            (500, 7, Some("here"), None)
        );
        assert_eq!(progress(Some(&first), Purpose::Verify, "a", None, at(12)), Progress::Page(first.clone()));
        let last = after(&first, &page(20, 5, None), at(13));
        assert_eq!((last.objects, last.failed, last.failures.len()), (520, 12, 10));
        assert!(last.ended.is_some() && last.continue_.is_none());
    }

    #[test]
    fn what_some_object_did_not_stand_is_tried_again_after_five_minutes() {
        let Progress::Page(begun) = progress(None, Purpose::Validate, "a", None, at(10)) else { panic!() };
        let failed = after(&begun, &page(3, 1, None), at(20));
        let on = |now| progress(Some(&failed), Purpose::Validate, "a", None, at(now));
        assert!(matches!(on(319), Progress::Failed { again, .. } if again == at(320)));
        assert!(matches!(on(320), Progress::Page(sweep) if sweep.objects == 0));
        assert_eq!(spoken(&failed), "1 of 3 stored objects: 0/a (no)");
    }
}
