//! The record on the wire.
use std::time::Duration;

use leasehold::election::record::{Claimant, Lease, micro_time};
use proptest::prelude::*;
use serde_json::{Value, json};

fn at(text: &str) -> jiff::Timestamp {
    text.parse().expect("a timestamp")
}

fn claimant() -> Claimant<'static> {
    Claimant { identity: "a", nonce: "n.1", lease_duration: Duration::from_secs(15) }
}

fn lease(spec: &Value) -> Lease {
    Lease::parse(json!({"metadata": {"name": "x", "uid": "u", "resourceVersion": "7"}, "spec": spec})).expect("a Lease")
}

#[test]
fn n20_micro_time_has_exactly_six_fractional_digits() {
    assert_eq!(micro_time(at("2026-07-08T01:02:03Z")), "2026-07-08T01:02:03.000000Z");
    assert_eq!(micro_time(at("2026-07-08T01:02:03.5Z")), "2026-07-08T01:02:03.500000Z");
    assert_eq!(micro_time(at("2026-07-08T01:02:03.123456789Z")), "2026-07-08T01:02:03.123456Z");
    assert_eq!(micro_time(at("0001-01-01T00:00:00Z")), "0001-01-01T00:00:00.000000Z");
}

proptest! {
    // No files beside the sources: a failing input is printed, and becomes a test of its own.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn n20_every_instant_is_written_as_go_reads_it(nanos in -62_000_000_000_000_000_000i128..253_000_000_000_000_000_000) {
        let stamp = micro_time(jiff::Timestamp::from_nanosecond(nanos).expect("in range"));
        let digits: String = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        prop_assert_eq!(digits, "0000-00-00T00:00:00.000000Z");
    }

    #[test]
    fn n21_every_put_carries_uid_and_resource_version(holder: Option<String>, transitions: Option<i64>, duration: Option<i64>) {
        let spec = json!({"holderIdentity": holder, "leaseTransitions": transitions, "leaseDurationSeconds": duration});
        let base = lease(&spec);
        let now = at("2026-07-08T01:02:03Z");
        for body in [base.acquired(claimant(), now), base.renewed(Duration::from_secs(15), now), base.released(now)] {
            prop_assert_eq!(&body["metadata"]["uid"], "u");
            prop_assert_eq!(&body["metadata"]["resourceVersion"], "7");
        }
        prop_assert!(base.transitions() >= 0);
    }
}

#[test]
fn a_post_carries_neither() {
    let body = Lease::created("x", "ns", claimant(), at("2026-07-08T01:02:03Z"));
    assert_eq!(
        body,
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "x", "namespace": "ns", "annotations": {"leasehold.dev/nonce": "n.1"}},
            "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15, "leaseTransitions": 0,
                "acquireTime": "2026-07-08T01:02:03.000000Z", "renewTime": "2026-07-08T01:02:03.000000Z"},
        })
    );
}

#[test]
fn what_is_not_a_stored_lease_is_not_taken_for_one() {
    for raw in
        [json!({}), json!(null), json!({"metadata": {"uid": "u"}}), json!({"metadata": {"resourceVersion": "1"}})]
    {
        assert!(Lease::parse(raw.clone()).is_err(), "{raw}");
    }
}

#[test]
fn versions_are_compared_as_numbers_and_only_as_numbers() {
    let version = |v: &str| Lease::parse(json!({"metadata": {"uid": "u", "resourceVersion": v}})).expect("a Lease");
    assert_eq!(version("9").age(&version("10")), Some(std::cmp::Ordering::Less));
    assert_eq!(version("opaque").age(&version("opaque")), Some(std::cmp::Ordering::Equal));
    assert_eq!(version("opaque").age(&version("10")), None);
}
