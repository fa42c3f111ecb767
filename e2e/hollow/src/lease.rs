//! In: a Lease as read, an identity, the time. Out: the Lease as client-go would write it. Pure.
//! Never: a record that another client would misread; a PUT without UID and resourceVersion.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;

/// A new Lease: transitions 0.
pub fn create(name: &str, identity: &str, lasts: Duration, now: Timestamp) -> Lease {
    let spec = term(identity, lasts, 0, now);
    Lease { metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }, spec: Some(spec) }
}

/// Another holder: one transition more.
pub fn acquire(seen: &Lease, identity: &str, lasts: Duration, now: Timestamp) -> Lease {
    let before = seen.spec.clone().unwrap_or_default();
    let transitions = before.lease_transitions.unwrap_or(0).saturating_add(1);
    // What else stands in the record (strategy, preferredHolder) is not ours to change.
    let spec = LeaseSpec {
        strategy: before.strategy,
        preferred_holder: before.preferred_holder,
        ..term(identity, lasts, transitions, now)
    };
    Lease { metadata: seen.metadata.clone(), spec: Some(spec) }
}

/// The same holder: only `renewTime` moves.
pub fn renew(held: &Lease, now: Timestamp) -> Lease {
    let mut lease = held.clone();
    lease.spec.get_or_insert_default().renew_time = Some(MicroTime(now));
    lease
}

/// No holder, duration 1, transitions kept.
pub fn release(held: &Lease, now: Timestamp) -> Lease {
    let mut lease = held.clone();
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.lease_duration_seconds = Some(1);
    spec.renew_time = Some(MicroTime(now));
    spec.acquire_time = Some(MicroTime(now));
    lease
}

/// Empty when nobody holds it.
pub fn holder(lease: &Lease) -> &str {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}

/// How long the record itself says that it lasts.
pub fn duration(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
    Duration::from_secs(seconds.try_into().unwrap_or(0))
}

fn term(identity: &str, lasts: Duration, transitions: i32, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: Some(lasts.as_secs().try_into().unwrap_or(i32::MAX)),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(transitions),
        ..LeaseSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS: Duration = Duration::from_mins(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_term_goes_from_create_to_release_as_client_go_writes_it() {
        let created = create("l", "a_1", LASTS, at(1));
        let renewed = renew(&created, at(2));
        let released = release(&renewed, at(3));
        let acquired = acquire(&released, "b_2", LASTS, at(4));
        let transitions =
            [&created, &renewed, &released, &acquired].map(|lease| lease.spec.clone().unwrap().lease_transitions);
        assert_eq!(transitions, [Some(0), Some(0), Some(0), Some(1)]);
        assert_eq!([&renewed, &released, &acquired].map(holder), ["a_1", "", "b_2"]);
        let spec = renewed.spec.unwrap();
        assert_eq!((spec.acquire_time, spec.renew_time), (Some(MicroTime(at(1))), Some(MicroTime(at(2)))));
        assert_eq!((duration(&released), duration(&acquired)), (Duration::from_secs(1), LASTS));
    }

    #[test]
    fn times_have_six_digits() {
        let wire = serde_json::to_value(create("l", "a_1", LASTS, at(1))).unwrap();
        assert_eq!(wire["spec"]["renewTime"], "1970-01-01T00:00:01.000000Z");
    }
}
