//! Each bad combination has an error of its own.
use std::time::Duration;

use leasehold::election::{Elector, ElectorConfig, InvalidConfig, StartError, Timings, Warning, config::identity_of};

fn ms(lease: u64, renew: u64, retry: u64) -> Result<Timings, InvalidConfig> {
    Timings::new(Duration::from_millis(lease), Duration::from_millis(renew), Duration::from_millis(retry))
}

#[test]
fn the_defaults_are_client_gos() {
    assert_eq!(ms(15_000, 10_000, 2_000), Ok(Timings::default()));
}

#[test]
fn each_bad_combination_of_timings_has_its_own_error() {
    let s = Duration::from_secs;
    assert_eq!(ms(0, 10, 2), Err(InvalidConfig::LeaseDurationZero));
    assert_eq!(ms(999, 10, 2), Err(InvalidConfig::LeaseDurationZero));
    assert_eq!(ms(15_500, 10_000, 2_000), Err(InvalidConfig::LeaseDurationFraction(Duration::from_millis(15_500))));
    assert_eq!(Timings::new(s(1 << 31), s(10), s(2)), Err(InvalidConfig::LeaseDurationTooLong(s(1 << 31))));
    assert_eq!(ms(15_000, 0, 2_000), Err(InvalidConfig::RenewDeadlineZero));
    assert_eq!(ms(15_000, 10_000, 0), Err(InvalidConfig::RetryPeriodZero));
    assert_eq!(ms(15_000, 15_000, 2_000), Err(InvalidConfig::LeaseNotAboveRenew { lease: s(15), renew: s(15) }));
    assert_eq!(ms(15_000, 12_000, 10_000), Err(InvalidConfig::RenewNotAboveRetry { renew: s(12), retry: s(10) }));
    assert_eq!(ms(15_000, 12_001, 10_000).map(|_| ()), Ok(()), "1.2 × the retry period is the limit");
}

#[test]
fn short_and_long_leases_are_legal_and_warned_about() {
    let warned =
        |lease: u64| Timings::new(Duration::from_secs(lease), Duration::from_millis(900), Duration::from_millis(100));
    assert_eq!(warned(4).expect("legal").warnings(), [Warning::TooAggressive(Duration::from_secs(4))]);
    assert_eq!(warned(5).expect("legal").warnings(), []);
    assert_eq!(warned(60).expect("legal").warnings(), []);
    assert_eq!(warned(61).expect("legal").warnings(), [Warning::TooLazy(Duration::from_secs(61))]);
}

#[tokio::test]
async fn bad_names_are_refused_before_anything_runs() {
    let kube = || kube::Config::new("http://127.0.0.1:1".parse().expect("a url"));
    let good = || ElectorConfig::new("memcached.cache.example.com", "tenant-acme", "pod_1");
    assert!(good().validate().is_ok());
    let cases = [
        (ElectorConfig { identity: String::new(), ..good() }, InvalidConfig::IdentityEmpty),
        (ElectorConfig { lease_name: "Not_DNS".into(), ..good() }, InvalidConfig::LeaseName),
        (ElectorConfig { lease_name: "a..b".into(), ..good() }, InvalidConfig::LeaseName),
        (ElectorConfig { lease_name: "a.".repeat(127) + "ab", ..good() }, InvalidConfig::LeaseName),
        (ElectorConfig { namespace: String::new(), ..good() }, InvalidConfig::Namespace),
        (ElectorConfig { namespace: "a.b".into(), ..good() }, InvalidConfig::Namespace),
        (ElectorConfig { namespace: "a".repeat(64), ..good() }, InvalidConfig::Namespace),
    ];
    for (config, expected) in cases {
        match Elector::start(kube(), config).await {
            Err(StartError::Config(error)) => assert_eq!(error, expected),
            other => panic!("{expected:?} expected, got {other:?}"),
        }
    }
}

#[test]
fn identities_start_with_the_pod_and_never_repeat() {
    let (one, two) = (identity_of("memcached-0"), identity_of("memcached-0"));
    assert!(one.starts_with("memcached-0_"));
    assert_ne!(one, two);
}
