//! In what order an operator's pods are replaced, so that leadership changes hands once and nobody leads for as short a
//! time as can be. In: pods and Lease of one tenant. Out: a mark on a pod, a pod to evict, the measure of an upgrade.
//!
//! The leader's pod goes last: whoever takes over from it is of the new revision, and stays. A standby that watches takes the
//! freed Lease within milliseconds. One that polls sleeps for one to 2.2 retry periods between two looks, but looks at
//! once when it starts: so when the Lease is free and every standby was there before, one of them is started anew.
//! `docs/rollouts.md` has the other orders, measured.
use super::{evidence, stack::Rendered, step::Step};
use crate::{
    api::Standbys,
    domain::{
        object::{LeaseSeen, PodSeen},
        world::TenantSeen,
    },
};

/// Higher than any pod without a mark, which counts 0.
const LAST: &str = "100";

/// What an upgrade needs before the pod template may change.
#[derive(Debug, PartialEq)]
pub enum Before {
    /// The template may change now.
    Nothing,
    /// The Lease must be sampled first, to know who leads.
    Sample,
    Mark(Step),
}

/// What must happen before the pod template changes. Call it only when a change of the template is due.
#[must_use]
pub fn before(seen: &TenantSeen) -> Before {
    if staying(seen).count() < 2 {
        return Before::Nothing;
    }
    let Some(lease) = seen.lease.as_ref().filter(|lease| lease.known) else { return Before::Sample };
    let leader = lease.holder_pod().and_then(|name| seen.pods.get_key_value(name)).filter(|(_, pod)| !pod.deleting);
    match leader {
        Some((name, pod)) if pod.deletion_cost.as_deref() != Some(LAST) => {
            Before::Mark(Step::Mark { pod: name.clone(), uid: pod.uid.clone(), cost: Some(LAST) })
        }
        _ => Before::Nothing,
    }
}

/// The standby to start anew, where they poll: the Lease was held and is free, and nobody is about to look at it. All old
/// pods are gone, all `replicas` are ready, and none of them has started since the Lease was freed. The youngest goes: it has
/// slept the least. In a stack of several workloads nobody knows which pods are candidates.
#[must_use]
pub fn awaken(seen: &TenantSeen, standbys: Standbys, rendered: &Rendered, replicas: usize) -> Option<Step> {
    let lease =
        seen.lease.as_ref().filter(|lease| lease.known && lease.holder.is_empty() && lease.acquired.is_some())?;
    let asleep =
        |pod: &PodSeen| pod.ready && evidence::is_current(pod, rendered) && lease.pods_when_freed.contains(&pod.uid);
    let known = standbys == Standbys::Poll && rendered.pod_revisions.len() == 1;
    // Fewer than there should be: the next one is being made, and will look.
    if !known || staying(seen).count() < replicas || !staying(seen).all(|(_, pod)| asleep(pod)) {
        return None;
    }
    let (name, pod) = staying(seen).max_by_key(|(name, pod)| (pod.created, *name))?;
    Some(Step::Evict { pod: name.clone(), uid: pod.uid.clone() })
}

/// Takes a mark off a pod that outlived the upgrade it was set for.
#[must_use]
pub fn clean_up(seen: &TenantSeen, rendered: &Rendered) -> Option<Step> {
    let (name, pod) = seen
        .pods
        .iter()
        .find(|(_, pod)| evidence::is_current(pod, rendered) && pod.deletion_cost.as_deref() == Some(LAST))?;
    Some(Step::Mark { pod: name.clone(), uid: pod.uid.clone(), cost: None })
}

/// What the Lease showed of an upgrade, if it was watched throughout: the first look came before the first new pod.
#[must_use]
pub fn measured<'a>(seen: &'a TenantSeen, rendered: &Rendered) -> Option<&'a LeaseSeen> {
    let lease = seen.lease.as_ref()?;
    let mut current = seen.pods.values().filter(|pod| evidence::is_current(pod, rendered));
    current.all(|pod| !lease.pods_before.contains(&pod.uid)).then_some(lease)
}

fn staying(seen: &TenantSeen) -> impl Iterator<Item = (&String, &PodSeen)> {
    seen.pods.iter().filter(|(_, pod)| !pod.deleting)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NEW: &str = "new";

    fn rendered() -> Rendered {
        Rendered { pod_revisions: [NEW.to_owned()].into(), ..Rendered::default() }
    }

    /// Pods by what is said of them: `old` or `new`, then `ready`, `going` or `starting`.
    fn seen(holder: &str, pods: &[(&str, &str)], when_freed: &[&str]) -> TenantSeen {
        let pod = |(at, (name, what)): (usize, &(&str, &str))| {
            let pod = PodSeen {
                uid: (*name).into(),
                pod_revision: what.split(' ').next().map(Into::into),
                ready: what.ends_with("ready"),
                deleting: what.ends_with("going"),
                created: i64::try_from(at).ok().and_then(|at| jiff::Timestamp::from_second(at).ok()),
                ..PodSeen::default()
            };
            ((*name).to_owned(), pod)
        };
        let set = |uids: &[&str]| uids.iter().map(|uid| (*uid).to_owned()).collect::<BTreeSet<_>>();
        let lease = LeaseSeen {
            known: true,
            holder: holder.into(),
            acquired: Some(jiff::Timestamp::UNIX_EPOCH),
            pods_when_freed: set(when_freed),
            ..LeaseSeen::default()
        };
        TenantSeen { pods: pods.iter().enumerate().map(pod).collect(), lease: Some(lease), ..TenantSeen::default() }
    }

    fn evicts(seen: &TenantSeen, replicas: usize) -> Option<String> {
        match awaken(seen, Standbys::Poll, &rendered(), replicas) {
            Some(Step::Evict { pod, .. }) => Some(pod),
            None => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_leaders_pod_goes_last() {
        let pods = [("a", "old ready"), ("b", "old ready")];
        let mark = Step::Mark { pod: "b".into(), uid: "b".into(), cost: Some(LAST) };
        assert_eq!(before(&seen("b_1", &pods, &[])), Before::Mark(mark));
        let mut marked = seen("b_1", &pods, &[]);
        marked.pods.get_mut("b").unwrap().deletion_cost = Some(LAST.into());
        assert_eq!(before(&marked), Before::Nothing);
        assert_eq!(before(&seen("b_1", &pods[1..], &[])), Before::Nothing, "nobody else could go first");
        assert_eq!(before(&seen("", &pods, &["a", "b"])), Before::Nothing, "nobody leads");
        assert_eq!(before(&TenantSeen { lease: None, ..marked }), Before::Sample);
    }

    #[test]
    fn one_standby_is_started_anew_when_all_of_them_sleep() {
        let pods = [("a", "new ready"), ("b", "new ready"), ("l", "old going")];
        let free = seen("", &pods, &["a", "b", "l"]);
        assert_eq!(evicts(&free, 2).as_deref(), Some("b"), "the youngest");
        assert_eq!(awaken(&free, Standbys::Watch, &rendered(), 2), None, "who watches does not sleep");
        assert_eq!(evicts(&seen("", &pods[..1], &["a", "l"]), 1).as_deref(), Some("a"), "the only one, too");
    }

    #[test]
    fn nobody_is_disturbed_while_somebody_leads_or_is_about_to_look() {
        let both = [("a", "new ready"), ("b", "new ready")];
        assert_eq!(evicts(&seen("a_1", &both, &["a", "b"]), 2), None, "held");
        assert_eq!(evicts(&seen("", &both, &["a"]), 2), None, "b started since, or was evicted");
        let starting = [("a", "new ready"), ("b", "new starting")];
        assert_eq!(evicts(&seen("", &starting, &["a", "b"]), 2), None, "b is starting");
        let old = [("a", "new ready"), ("b", "old ready")];
        assert_eq!(evicts(&seen("", &old, &["a", "b"]), 2), None, "the upgrade still replaces pods");
        let evicted = [("a", "new ready"), ("b", "new going")];
        assert_eq!(evicts(&seen("", &evicted, &["a", "b"]), 2), None, "the one after b is being made");
        assert_eq!(evicts(&seen("", &[], &[]), 0), None);
    }

    #[test]
    fn nobody_is_evicted_where_it_would_not_help() {
        let mut both = seen("", &[("a", "new ready"), ("b", "new ready")], &["a", "b"]);
        let two = Rendered { pod_revisions: [NEW.to_owned(), "other".to_owned()].into(), ..Rendered::default() };
        assert_eq!(awaken(&both, Standbys::Poll, &two, 2), None, "which workload elects is not known");
        both.lease.as_mut().unwrap().acquired = None;
        assert_eq!(evicts(&both, 2), None, "an operator that never elected");
    }

    #[test]
    fn an_upgrade_is_measured_if_the_first_look_came_before_the_first_new_pod() {
        let mut upgraded = seen("b_1", &[("a", "new ready"), ("b", "new ready"), ("l", "old going")], &[]);
        let mut looked_when_there_were = |uids: &[&str]| {
            upgraded.lease.as_mut().unwrap().pods_before = uids.iter().map(|uid| (*uid).to_owned()).collect();
            measured(&upgraded, &rendered()).is_some()
        };
        assert!(looked_when_there_were(&["l", "k"]));
        assert!(!looked_when_there_were(&["l", "a"]));
    }
}
