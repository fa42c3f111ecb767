//! In what order an operator's pods are replaced, so that leadership changes hands once and nobody leads for as short a
//! time as can be. In: pods and Lease of one tenant. Out: a mark on a pod, a pod to evict, the measure of an upgrade.
//!
//! The leader's pod goes last: whoever takes over from it is of the new revision, and stays. A standby that watches takes the
//! freed Lease within milliseconds. One that polls sleeps for one to 2.2 retry periods between two looks, but looks at
//! once when it starts: so when the Lease is free and every standby was there before, one of them is started anew.
//! `docs/rollouts.md` has the other orders, measured.
use jiff::{SignedDuration, Timestamp};

use super::{evidence, stack::Rendered, step::Step};
use crate::{
    api::{Standbys, TenantStatus},
    domain::{
        object::{LeaseSeen, PodSeen, pod_of},
        world::TenantSeen,
    },
};

/// What the leader's pod costs at least: more than a pod without a mark, which counts 0.
const LAST: i32 = 100;
/// How long after its proof a tenant is prepared for its next upgrade. Whoever takes the mark off works against himself, and
/// not for longer than this against us.
const FRESH: SignedDuration = SignedDuration::from_mins(1);

/// What an upgrade needs before the pod template may change.
#[derive(Debug, PartialEq)]
pub enum Before {
    /// The template may change now.
    Nothing,
    /// The Lease must be sampled first, to know who leads.
    Sample,
    Mark(Step),
}

/// What must happen before the pod template changes. Call it only when a change of the template is due. The pod that led
/// when the tenant was proven, `led`, most likely still leads: if it goes last already nobody waits for the first look at
/// the Lease, which comes long before a new pod is ready and an old one goes.
#[must_use]
pub fn before(seen: &TenantSeen, led: Option<&str>) -> Before {
    if staying(seen).count() < 2 {
        return Before::Nothing;
    }
    match &seen.lease {
        Some(lease) if lease.known => mark(seen).map_or(Before::Nothing, Before::Mark),
        _ if led.and_then(|led| cost_of(seen, led)).is_some() => Before::Nothing,
        _ => Before::Sample,
    }
}

/// A mark on the leader's pod, if it would not go last without: in an upgrade that is under way, when somebody else leads
/// than was thought.
#[must_use]
pub fn mark(seen: &TenantSeen) -> Option<Step> {
    let leader = seen.lease.as_ref().filter(|lease| lease.known)?.holder_pod()?;
    set_apart(seen, leader, false)
}

/// The mark that the next upgrade will need, set while nobody waits for it: soon after the proof is on record, once for a pod,
/// and not where somebody else has a say in the order.
#[must_use]
pub fn prepare(seen: &TenantSeen, rendered: &Rendered, status: &TenantStatus, now: Timestamp) -> Option<Step> {
    let proven = status.running.as_ref()?.since.0;
    let leader = status.leader.as_ref().and_then(|leader| pod_of(&leader.identity))?;
    let fresh = now.duration_since(proven) < FRESH;
    let ours_alone = staying(seen).all(|(_, pod)| pod.deletion_cost.is_none() && evidence::is_current(pod, rendered));
    (fresh && ours_alone && staying(seen).count() > 1).then(|| set_apart(seen, leader, true))?
}

/// The mark that makes this pod the last to go. What was sent once for a pod is not sent again: whoever undid or denies it
/// has his way.
fn set_apart(seen: &TenantSeen, leader: &str, ahead: bool) -> Option<Step> {
    let (name, pod) = staying(seen).find(|(name, _)| *name == leader)?;
    let told = seen.marked.contains(&pod.uid);
    if told || cost_of(seen, leader).is_some() {
        return None;
    }
    let cost = others(seen, leader).map_or(Some(LAST), |most| most.max(LAST - 1).checked_add(1))?;
    Some(Step::Mark { pod: name.clone(), uid: pod.uid.clone(), cost, ahead })
}

/// What that pod costs, if it stays and goes last.
fn cost_of(seen: &TenantSeen, name: &str) -> Option<i32> {
    let (_, pod) = staying(seen).find(|(other, _)| *other == name)?;
    Some(cost(pod)).filter(|cost| others(seen, name).is_none_or(|most| *cost > most))
}

/// The most that any other pod costs.
fn others(seen: &TenantSeen, name: &str) -> Option<i32> {
    staying(seen).filter(|(other, _)| *other != name).map(|(_, pod)| cost(pod)).max()
}

/// As the ReplicaSet controller reads it.
fn cost(pod: &PodSeen) -> i32 {
    pod.deletion_cost.as_ref().and_then(|cost| cost.parse().ok()).unwrap_or_default()
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

/// What the Lease showed of an upgrade, if it was watched throughout: at the first look no new pod was ready, and no old one
/// had gone.
#[must_use]
pub fn measured<'a>(seen: &'a TenantSeen, rendered: &Rendered) -> Option<&'a LeaseSeen> {
    let lease = seen.lease.as_ref().filter(|lease| !lease.began_late)?;
    lease.ready_before.is_disjoint(&rendered.pod_revisions).then_some(lease)
}

fn staying(seen: &TenantSeen) -> impl Iterator<Item = (&String, &PodSeen)> {
    seen.pods.iter().map(|(name, pod)| (name, &**pod)).filter(|(_, pod)| !pod.deleting)
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
            ((*name).to_owned(), Box::new(pod))
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

    fn mark_of(pod: &str, cost: i32) -> Step {
        Step::Mark { pod: pod.into(), uid: pod.into(), cost, ahead: false }
    }

    fn costs(seen: &mut TenantSeen, pod: &str, cost: &str) {
        seen.pods.get_mut(pod).unwrap().deletion_cost = Some(cost.into());
    }

    #[test]
    fn the_leaders_pod_goes_last() {
        let pods = [("a", "old ready"), ("b", "old ready")];
        assert_eq!(before(&seen("b_1", &pods, &[]), None), Before::Mark(mark_of("b", LAST)));
        let mut marked = seen("b_1", &pods, &[]);
        costs(&mut marked, "b", "100");
        assert_eq!(before(&marked, None), Before::Nothing);
        assert_eq!(before(&seen("b_1", &pods[1..], &[]), None), Before::Nothing, "nobody else could go first");
        assert_eq!(before(&seen("", &pods, &["a", "b"]), None), Before::Nothing, "nobody leads");
        assert_eq!(before(&TenantSeen { lease: None, ..marked }, None), Before::Sample);
    }

    #[test]
    fn who_is_marked_already_is_not_waited_for_and_who_took_over_since_is_marked_above() {
        let pods = [("a", "old ready"), ("b", "old ready")];
        let mut prepared = TenantSeen { lease: None, ..seen("", &pods, &[]) };
        costs(&mut prepared, "a", "100");
        assert_eq!(before(&prepared, Some("a")), Before::Nothing);
        assert_eq!(before(&prepared, Some("b")), Before::Sample, "the mark is not on who led last");
        assert_eq!(before(&prepared, None), Before::Sample);
        prepared.lease = seen("b_1", &pods, &[]).lease;
        assert_eq!(mark(&prepared), Some(mark_of("b", 101)));
        costs(&mut prepared, "b", "101");
        assert_eq!(mark(&prepared), None);
    }

    #[test]
    fn a_mark_is_sent_once_and_whoever_costs_most_has_his_way() {
        let pods = [("a", "old ready"), ("b", "old ready")];
        let mut undone = seen("b_1", &pods, &[]);
        undone.marked = vec!["b".into()];
        assert_eq!(before(&undone, None), Before::Nothing);
        undone.lease = seen("a_1", &pods, &[]).lease;
        assert_eq!(before(&undone, None), Before::Mark(mark_of("a", LAST)));
        undone.marked.push("a".into());
        for holder in ["a_1", "b_1", "a_2"] {
            undone.lease = seen(holder, &pods, &[]).lease;
            assert_eq!(before(&undone, None), Before::Nothing, "however often the Lease changes hands");
        }
        let mut outbid = seen("b_1", &pods, &[]);
        costs(&mut outbid, "a", "2147483647");
        assert_eq!(before(&outbid, None), Before::Nothing);
        costs(&mut outbid, "a", "-7");
        assert_eq!(before(&outbid, None), Before::Nothing, "it goes last as it is");
    }

    #[test]
    fn what_was_just_proven_is_prepared_for_the_next_upgrade() {
        let since: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let status: TenantStatus = serde_json::from_value(serde_json::json!({
            "running": {"version": "1.1.0", "revision": "r", "since": since},
            "leader": {"identity": "b_1", "transitions": 1},
        }))
        .unwrap();
        let both = seen("", &[("a", "new ready"), ("b", "new ready")], &[]);
        let prepare = |seen: &TenantSeen, after: i64| {
            prepare(seen, &rendered(), &status, since + SignedDuration::from_secs(after))
        };
        let ahead = Step::Mark { pod: "b".into(), uid: "b".into(), cost: LAST, ahead: true };
        assert_eq!(prepare(&both, 59), Some(ahead));
        assert_eq!(prepare(&both, 60), None, "at rest nothing is written");
        let mut foreign = both.clone();
        costs(&mut foreign, "a", "7");
        assert_eq!(prepare(&foreign, 1), None, "somebody else has a say");
        assert_eq!(prepare(&TenantSeen { marked: vec!["b".into()], ..both.clone() }, 1), None, "said once");
        assert_eq!(prepare(&seen("", &[("b", "new ready")], &[]), 1), None, "nobody else could go first");
        assert_eq!(prepare(&seen("", &[("a", "new ready"), ("c", "new ready")], &[]), 1), None, "who led is gone");
        assert_eq!(prepare(&seen("", &[("a", "old ready"), ("b", "new ready")], &[]), 1), None);
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
    fn an_upgrade_is_measured_if_the_first_look_came_before_the_first_new_pod_was_ready() {
        let mut upgraded = seen("b_1", &[("a", "new ready"), ("b", "new ready"), ("l", "old going")], &[]);
        let mut looked_when_there_were = |revisions: &[&str]| {
            upgraded.lease.as_mut().unwrap().ready_before = revisions.iter().map(|r| (*r).to_owned()).collect();
            measured(&upgraded, &rendered()).is_some()
        };
        assert!(looked_when_there_were(&["old"]));
        assert!(!looked_when_there_were(&["old", NEW]), "whatever became of that pod since");
        upgraded.lease = Some(LeaseSeen { began_late: true, ..LeaseSeen::default() });
        assert!(measured(&upgraded, &rendered()).is_none(), "somebody had gone already");
    }
}
