//! Openings in time zones, where clocks change.
use jiff::{SignedDuration, Timestamp};
use leasehold::{
    api::{Time, WindowAction::Deny, WindowSpec},
    domain::window::{Opening, Window},
};

use super::{brake, spec, window};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The stretches in which it is open, minute by minute.
fn stretches(window: &Window, from: &str, hours: i64) -> Vec<(String, String)> {
    let (mut now, mut found, mut since) = (at(from), Vec::new(), None);
    let end = now + SignedDuration::from_hours(hours);
    while now <= end {
        let opening = window.at(now);
        match (opening.open, since) {
            (true, None) => since = Some(now),
            (false, Some(start)) => {
                found.push((Timestamp::to_string(&start), now.to_string()));
                since = None;
            }
            _ => {}
        }
        now += SignedDuration::from_mins(1);
    }
    found
}

fn told(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn it_opens_by_the_clock_of_its_zone() {
    let nightly = window(Deny, "0 22 * * *", 8, "Europe/Berlin");
    assert_eq!(
        stretches(&nightly, "2026-01-14T12:00:00Z", 24),
        told(&[("2026-01-14T21:00:00Z", "2026-01-15T05:00:00Z")]),
        "winter"
    );
    assert_eq!(
        stretches(&nightly, "2026-07-14T12:00:00Z", 24),
        told(&[("2026-07-14T20:00:00Z", "2026-07-15T04:00:00Z")]),
        "summer"
    );
}

/// Berlin, 2026-03-29: at 02:00 the clock is put to 03:00.
#[test]
fn an_opening_in_the_hour_that_is_skipped_comes_that_much_later() {
    let skipped = window(Deny, "30 2 * * *", 1, "Europe/Berlin");
    assert_eq!(
        stretches(&skipped, "2026-03-28T00:00:00Z", 72),
        told(&[
            ("2026-03-28T01:30:00Z", "2026-03-28T02:30:00Z"),
            ("2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"),
            ("2026-03-30T00:30:00Z", "2026-03-30T01:30:00Z"),
        ])
    );
}

/// Berlin, 2026-10-25: at 03:00 the clock is put to 02:00, and the hour comes twice.
#[test]
fn an_opening_in_the_hour_that_is_repeated_comes_once() {
    let repeated = window(Deny, "30 2 * * *", 1, "Europe/Berlin");
    assert_eq!(
        stretches(&repeated, "2026-10-24T12:00:00Z", 48),
        told(&[("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"), ("2026-10-26T01:30:00Z", "2026-10-26T02:30:00Z")])
    );
}

#[test]
fn how_long_it_is_open_is_time_that_passes_and_not_what_the_clock_shows() {
    let spring = window(Deny, "0 0 29 3 *", 6, "Europe/Berlin");
    assert_eq!(
        stretches(&spring, "2026-03-28T00:00:00Z", 48),
        told(&[("2026-03-28T23:00:00Z", "2026-03-29T05:00:00Z")]),
        "until 07:00 on the clock"
    );
    let autumn = window(Deny, "0 0 25 10 *", 6, "Europe/Berlin");
    assert_eq!(
        stretches(&autumn, "2026-10-24T00:00:00Z", 48),
        told(&[("2026-10-24T22:00:00Z", "2026-10-25T04:00:00Z")]),
        "until 05:00 on the clock"
    );
}

#[test]
fn openings_around_a_skipped_hour_keep_their_order_in_time() {
    let both = window(Deny, "*/45 2,3 * * *", 1, "America/New_York");
    let mut before = None;
    let mut now = at("2026-03-08T05:00:00Z");
    while now < at("2026-03-08T12:00:00Z") {
        let Opening { open, changes } = both.at(now);
        let change = changes.expect("it always changes again");
        assert!(change > now, "{now}: {change}");
        assert_ne!(both.at(change).open, open, "{now}: nothing changes at {change}");
        assert!(before.is_none_or(|before| before <= change), "{now}: it changes at {change}, not at {before:?}");
        before = Some(change);
        now += SignedDuration::from_mins(1);
    }
}

#[test]
fn what_is_said_of_the_next_change_is_what_happens() {
    let list = [
        ("0 22 * * FRI", 60, "Europe/Berlin"),
        ("30 1 * * *", 1, "America/New_York"),
        ("0 2 29 2 *", 24, "Asia/Kathmandu"),
        ("0 0 L * *", 30, "Pacific/Apia"),
        ("15 */6 * * *", 7, "Australia/Lord_Howe"),
    ];
    for (cron, hours, zone) in list {
        let window = window(Deny, cron, hours, zone);
        assert_eq!(window.trouble(), None, "{cron} {zone}");
        let mut now = at("2026-01-01T00:00:30Z");
        for _ in 0..40 {
            let Opening { open, changes: Some(change) } = window.at(now) else { break };
            let just_before = window.at(change - SignedDuration::from_millis(1));
            assert_eq!((just_before.open, window.at(change).open), (open, !open), "{cron} {zone} at {change}");
            now = change;
        }
    }
}

#[test]
fn openings_that_run_into_each_other_are_one() {
    let daily = window(Deny, "0 0 * * *", 30, "UTC");
    let opening = daily.at(at("2026-05-01T12:00:00Z"));
    assert_eq!(opening, Opening { open: true, changes: None }, "it never closes");
}

#[test]
fn a_brake_is_on_until_it_is_deleted_or_its_time_is_up() {
    assert_eq!(brake().at(at("2026-05-01T12:00:00Z")), Opening { open: true, changes: None });
    let until = at("2026-05-02T00:00:00Z");
    let ends = WindowSpec { until: Some(Time(until)), schedule: None, ..spec(Deny, "0 0 * * *", 1, "UTC") };
    let ends = Window::new(ends);
    assert_eq!(ends.at(at("2026-05-01T12:00:00Z")), Opening { open: true, changes: Some(until) });
    assert_eq!(ends.at(until), Opening { open: false, changes: None });
}

#[test]
fn what_cannot_be_understood_denies_and_says_why() {
    for (cron, zone, why) in [
        ("0 25 * * *", "UTC", "cannot be understood"),
        ("0 0 30 2 *", "UTC", "never comes about"),
        ("0 0 * * *", "Europe/Atlantis", "no IANA time zone"),
        ("* * * * * *", "UTC", "cannot be understood"),
    ] {
        let window = window(leasehold::api::WindowAction::Allow, cron, 1, zone);
        let trouble = window.trouble().unwrap_or_default();
        assert!(trouble.contains(why), "{cron} {zone}: {trouble}");
        assert!(window.denies() && window.at(at("2026-05-01T12:00:00Z")).open, "{cron} {zone}");
    }
}
