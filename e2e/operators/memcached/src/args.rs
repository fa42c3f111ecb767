//! Flags and environment. Flows in: the command line of the pod. Flows out: [`Args`], checked. It must never read anything else.
use std::{net::SocketAddr, time::Duration};

use clap::{ArgAction, Parser, ValueEnum};
use leasehold::election::{InvalidConfig, Timings};

use crate::release::Release;

/// A sample tenant operator: reconciles Memcached objects of one namespace.
#[derive(Debug, Parser)]
#[command(name = "memcached")]
pub struct Args {
    /// Lead only while holding the Lease. Without it this must be the only replica.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t, default_missing_value = "true")]
    pub leader_elect: bool,
    /// Name of the Lease, in the pod's own namespace.
    #[arg(long, default_value = "memcached.cache.example.com")]
    pub leader_election_id: String,
    /// How long others leave the Lease alone after its last renewal; whole seconds.
    #[arg(long, value_parser = duration, default_value = "15s")]
    pub lease_duration: Duration,
    /// How long this replica leads without a renewal.
    #[arg(long, value_parser = duration, default_value = "10s")]
    pub renew_deadline: Duration,
    /// Time between two renewals.
    #[arg(long, value_parser = duration, default_value = "2s")]
    pub retry_period: Duration,
    /// Where /healthz and /readyz are served.
    #[arg(long, default_value = "0.0.0.0:8081")]
    pub health_address: SocketAddr,
    /// Where /metrics is served.
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub metrics_address: SocketAddr,
    /// What this release does wrong, for tests of the fleet manager.
    #[arg(long, value_enum, default_value_t)]
    pub behaviour: Behaviour,
    /// The only namespace to watch and to write in.
    #[arg(long, env)]
    pub watch_namespace: String,
    /// This pod, for the identity in the Lease: `kubectl logs` then finds the leader.
    #[arg(long, env)]
    pub pod_name: String,
    /// This pod's namespace, where the Lease is.
    #[arg(long, env)]
    pub pod_namespace: String,
    /// Version of this operator: it decides through which version of the kind it works, and is stamped on what it writes.
    #[arg(long = "operator-version", env = "VERSION")]
    pub release: Release,
}

/// How well a release works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Behaviour {
    #[default]
    Healthy,
    /// /readyz answers 503 for ever, and the replica never campaigns.
    NeverReady,
    /// The process dies, Lease in hand, a few seconds after it began to lead.
    CrashAfterLeading,
}

impl Args {
    /// # Errors
    /// Timings that are not `lease > renew > 1.2 × retry`.
    pub fn timings(&self) -> Result<Timings, InvalidConfig> {
        Timings::new(self.lease_duration, self.renew_deadline, self.retry_period)
    }
}

/// `15s`, `1m30s`, `2500ms`: what Go's flags take too.
fn duration(text: &str) -> Result<Duration, jiff::Error> {
    text.parse::<jiff::SignedDuration>()?.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: [&str; 5] =
        ["memcached", "--watch-namespace=a", "--pod-name=a", "--pod-namespace=a", "--operator-version=1.0.0"];

    fn parse(flags: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(POD.iter().chain(flags))
    }

    #[test]
    fn leader_election_is_a_switch_that_can_be_turned_off_too() {
        assert!(!parse(&[]).unwrap().leader_elect);
        assert!(parse(&["--leader-elect"]).unwrap().leader_elect);
        assert!(!parse(&["--leader-elect=false"]).unwrap().leader_elect);
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let args = parse(&["--lease-duration=1m0s", "--renew-deadline=40s", "--retry-period=2500ms"]).unwrap();
        assert_eq!(args.timings().unwrap().lease_duration(), Duration::from_mins(1));
        assert_eq!(args.timings().unwrap().retry_period(), Duration::from_millis(2500));
        assert!(parse(&["--lease-duration=60"]).is_err(), "a number without a unit");
        assert!(parse(&["--lease-duration=-60s"]).is_err());
    }
}
