//! In: a pod and the command line. Out: what becomes of it here, and the election it takes part in. Pure.
//! Never: looks at the pod's status.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::cli::{Args, duration};

/// What becomes of a pod; the worst of its containers decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Ready,
    NeverReady,
    Crashes,
    NotPulled,
}

pub fn fate(pod: &Pod, args: &Args) -> Fate {
    containers(pod).map(|container| container_fate(container, args)).max().unwrap_or(Fate::Ready)
}

pub fn container_fate(container: &Container, args: &Args) -> Fate {
    let image = container.image.as_deref().unwrap_or_default();
    let told = |part: &String| container.args.iter().flatten().any(|word| word.contains(part.as_str()));
    let named = |parts: &[String]| parts.iter().any(|part| image.contains(part.as_str()));
    if named(&args.fail_image) {
        Fate::NotPulled
    } else if named(&args.crash_image) {
        Fate::Crashes
    } else if named(&args.never_ready_image) || args.never_ready_arg.iter().any(told) {
        Fate::NeverReady
    } else {
        Fate::Ready
    }
}

/// The election that a pod's operator takes part in, as its flags say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Name of the Lease, in the pod's namespace.
    pub lease: String,
    /// Written to the Lease; at least 1 s. Default 60 s, the default for tenants.
    pub lease_duration: Duration,
    /// Default 10 s.
    pub retry_period: Duration,
}

/// The annotation for operators that take their election ID in another way.
const ELECTION_ID: &str = "leasehold.dev/leader-election-id";

pub fn candidate(pod: &Pod) -> Option<Candidate> {
    let annotated = pod.metadata.annotations.as_ref().and_then(|all| all.get(ELECTION_ID)).cloned();
    let lease = annotated.or_else(|| flag(pod, "--leader-election-id"))?;
    let given = |name: &str| {
        let long = flag(pod, &format!("--leader-election-{name}"));
        long.or_else(|| flag(pod, &format!("--{name}"))).and_then(|text| duration(&text).ok())
    };
    let lease_duration = given("lease-duration").unwrap_or(Duration::from_mins(1));
    let retry_period = given("retry-period").unwrap_or(Duration::from_secs(10));
    Some(Candidate { lease, lease_duration: lease_duration.max(Duration::from_secs(1)), retry_period })
}

/// `--name=value` or `--name value`, in the command or the arguments of any container.
fn flag(pod: &Pod, name: &str) -> Option<String> {
    containers(pod).find_map(|container| {
        let words: Vec<&String> = container.command.iter().flatten().chain(container.args.iter().flatten()).collect();
        words.iter().enumerate().find_map(|(place, word)| match word.strip_prefix(name)? {
            "" => words.get(place + 1).map(|value| (*value).clone()),
            rest => rest.strip_prefix('=').map(str::to_owned),
        })
    })
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| &spec.containers)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    fn pod(image: &str, args: &[&str]) -> Pod {
        let container = json!({"name": "operator", "image": image, "args": args});
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"containers": [container]}})).unwrap()
    }

    #[test]
    fn the_worst_matching_part_of_an_image_decides() {
        let args =
            Args::parse_from(["hollow", "--fail-image", "bad", "--crash-image", "loop", "--never-ready-image", "slow"]);
        let of = |image| fate(&pod(image, &[]), &args);
        assert_eq!(of("example.com/operator:1"), Fate::Ready);
        assert_eq!(of("example.com/slow:1"), Fate::NeverReady);
        assert_eq!(of("example.com/loop:1"), Fate::Crashes);
        assert_eq!(of("example.com/bad-loop:1"), Fate::NotPulled);
    }

    #[test]
    fn an_argument_keeps_a_container_from_being_ready() {
        let args = Args::parse_from(["hollow", "--never-ready-arg", "never-ready", "--crash-image", "loop"]);
        let of = |image, words: &[&str]| fate(&pod(image, words), &args);
        assert_eq!(of("example.com/operator:1", &["--leader-elect"]), Fate::Ready);
        assert_eq!(of("example.com/operator:1", &["--leader-elect", "--behaviour=never-ready"]), Fate::NeverReady);
        assert_eq!(of("example.com/loop:1", &["--behaviour=never-ready"]), Fate::Crashes);
    }

    #[test]
    fn timings_go_by_their_short_names_too() {
        let short =
            candidate(&pod("a", &["--leader-election-id=acme.x", "--lease-duration=15s", "--retry-period", "2s"]));
        let short = short.unwrap();
        assert_eq!((short.lease_duration, short.retry_period), (Duration::from_secs(15), Duration::from_secs(2)));
    }

    #[test]
    fn the_election_is_read_from_flags_in_either_form() {
        let joined = candidate(&pod(
            "a",
            &["--leader-elect", "--leader-election-id=acme.x", "--leader-election-lease-duration=15s"],
        ));
        let apart = candidate(&pod("a", &["--leader-election-id", "acme.x", "--leader-election-retry-period", "2s"]));
        let (joined, apart) = (joined.unwrap(), apart.unwrap());
        assert_eq!((joined.lease.as_str(), joined.lease_duration), ("acme.x", Duration::from_secs(15)));
        assert_eq!((apart.lease.as_str(), apart.retry_period), ("acme.x", Duration::from_secs(2)));
        assert_eq!(candidate(&pod("a", &["--leader-elect"])), None);
    }

    #[test]
    fn the_annotation_comes_before_the_flags() {
        let mut pod = pod("a", &["--leader-election-id=from-flag"]);
        pod.metadata.annotations = Some([(ELECTION_ID.to_owned(), "from-annotation".to_owned())].into());
        assert_eq!(candidate(&pod).unwrap().lease, "from-annotation");
    }
}
