//! In: the command line. Out: [`Args`], checked. Never: a default that differs from what `--help` says.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use k8s_openapi::jiff::SignedDuration;

/// A node without containers, for tests with thousands of pods.
///
/// Registers a Node, takes the pods that the scheduler binds to it and reports them Running and Ready, as a kubelet
/// would, without running anything. Deleted pods go after their (short) grace. A pod whose container has the argument
/// `--leader-election-id=NAME` (or whose annotation `leasehold.dev/leader-election-id` says so) stands for an operator
/// with leader election: of the Ready pods with that NAME in a namespace one holds the Lease NAME, renews it, and
/// releases it when the pod is deleted. Deleted with grace 0 a pod counts as crashed: its Lease has to run out
/// first.
#[derive(Debug, Parser)]
#[command(after_help = "Images and arguments are matched by a part of them:
  hollow --fail-image unpullable --crash-image crashing --never-ready-image neverready
  kubectl create deployment demo --image=example.com/crashing:1    # CrashLoopBackOff, restarts grow")]
pub struct Args {
    /// Kubeconfig of the cluster to join; default: in-cluster, or ~/.kube/config
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Name of the Node
    #[arg(long, default_value = "hollow", value_name = "NAME")]
    pub node: String,
    /// From binding to Running and Ready
    #[arg(long, default_value = "200ms", value_parser = duration, value_name = "DURATION")]
    pub ready_after: Duration,
    /// From deletion (and release of the Lease) to removal; the pod's own grace period when that is shorter
    #[arg(long, default_value = "50ms", value_parser = duration, value_name = "DURATION")]
    pub stop_after: Duration,
    /// Images that cannot be pulled: waiting with `ImagePullBackOff`; may be repeated
    #[arg(long, value_name = "PART")]
    pub fail_image: Vec<String>,
    /// Images that exit at once: `CrashLoopBackOff`, restarts grow; may be repeated
    #[arg(long, value_name = "PART")]
    pub crash_image: Vec<String>,
    /// Images that run but never become ready; may be repeated
    #[arg(long, value_name = "PART")]
    pub never_ready_image: Vec<String>,
    /// Arguments of containers that run but never become ready, whatever their image; may be repeated
    #[arg(long, value_name = "PART")]
    pub never_ready_arg: Vec<String>,
    /// How an operator's standbys notice a free Lease
    #[arg(long, value_enum, default_value_t = Standbys::Watch)]
    pub standbys: Standbys,
    /// Requests to the API server at once, watches aside
    #[arg(long, default_value = "32", value_name = "N")]
    pub concurrency: NonZeroU16,
}

/// How a standby looks at the Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Standbys {
    /// All see it in 10 ms; the newest pod takes it
    Watch,
    /// As client-go does: at the start, then every P to 2.2 P, with P from the pod's --leader-election-retry-period
    Poll,
}

/// `200ms`, `15s`, `1m30s`: as Go writes durations.
pub fn duration(text: &str) -> Result<Duration, String> {
    let signed: SignedDuration = text.parse().map_err(|error| format!("{error}; write 200ms, 15s or 1m30s"))?;
    signed.try_into().map_err(|_| "must not be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1m0s"), Ok(Duration::from_mins(1)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert!(duration("-1s").is_err() && duration("soon").is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
