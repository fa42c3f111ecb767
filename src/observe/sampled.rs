//! A sample of a tenant's Lease → the World, beside the pods that it came upon; and what was sent about those pods, which no
//! watch has shown yet.
use std::collections::BTreeSet;

use super::index::Index;
use crate::domain::{object::LeaseSeen, world::TenantSeen};

impl Index {
    /// Notes what a sampled Lease says; `None` when it is not sampled any more.
    pub fn lease(&mut self, tenant: &str, lease: Option<LeaseSeen>) {
        let Some(seen) = self.world.tenants.get_mut(tenant) else { return };
        seen.lease = lease.map(|lease| beside(lease, seen));
    }

    /// Notes that a mark was sent for a pod, or refused: it is not sent again.
    pub fn marked(&mut self, tenant: &str, uid: &str) {
        if let Some(seen) = self.world.tenants.get_mut(tenant) {
            let pods = &seen.pods;
            seen.marked.retain(|marked| pods.values().any(|pod| pod.uid == *marked));
            seen.marked.push(uid.to_owned());
        }
    }

    /// Notes that a standby was evicted: before the watch says so, it does not sleep beside a free Lease any more.
    pub fn evicted(&mut self, tenant: &str, uid: &str) {
        if let Some(lease) = self.world.tenants.get_mut(tenant).and_then(|seen| seen.lease.as_mut()) {
            lease.pods_when_freed.remove(uid);
        }
    }
}

/// The sample with the pods that it came upon: those that were ready before the first look, and those that were there before
/// the Lease was free.
fn beside(mut lease: LeaseSeen, seen: &TenantSeen) -> LeaseSeen {
    let now = || seen.pods.values().map(|pod| pod.uid.clone()).collect();
    let ready = || seen.pods.values().filter(|pod| pod.ready);
    if let Some(before) = &seen.lease {
        lease.ready_before.clone_from(&before.ready_before);
        lease.began_late = before.began_late;
    } else {
        lease.ready_before = ready().filter_map(|pod| pod.pod_revision.clone()).collect();
        let wanted: i64 = seen.objects.values().filter_map(|o| o.workload.as_ref()).map(|w| w.wanted).sum();
        let stay = ready().filter(|pod| !pod.deleting).count();
        lease.began_late = i64::try_from(stay).is_ok_and(|stay| stay < wanted);
    }
    lease.pods_when_freed = match seen.lease.as_ref().filter(|before| before.holder.is_empty()) {
        _ if !lease.holder.is_empty() => BTreeSet::new(),
        Some(before) => before.pods_when_freed.clone(),
        None => now(),
    };
    lease
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::object::{ObjectKey, PodSeen, Seen, WorkloadSeen};

    #[test]
    fn a_sample_remembers_which_pods_it_came_upon() {
        let pod = |uid: &str| {
            let pod_revision = Some(format!("of {uid}"));
            Box::new(PodSeen { uid: uid.into(), pod_revision, ready: uid != "s", ..PodSeen::default() })
        };
        let held = |holder: &str| LeaseSeen { known: true, holder: holder.into(), ..LeaseSeen::default() };
        let mut seen = TenantSeen::default();
        let mut look = |holder: &str, pods: &[&str]| {
            seen.pods = pods.iter().map(|uid| ((*uid).to_owned(), pod(uid))).collect();
            let lease = beside(held(holder), &seen);
            let uids = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
            let found = (uids(&lease.ready_before), uids(&lease.pods_when_freed));
            seen.lease = Some(lease);
            found
        };
        assert_eq!(look("a_1", &["a", "b", "s"]), ("of a of b".into(), String::new()), "s is only starting");
        assert_eq!(look("", &["b", "c"]), ("of a of b".into(), "b c".into()));
        assert_eq!(look("", &["b", "c", "d"]), ("of a of b".into(), "b c".into()), "who came later is awake");
        assert_eq!(look("d_1", &["b", "c", "d"]), ("of a of b".into(), String::new()));
    }

    #[test]
    fn a_first_look_that_finds_fewer_than_there_should_be_came_too_late() {
        let deployment =
            ObjectKey { kind: "Deployment".into(), name: "m".into(), namespace: "t".into(), group: "apps".into() };
        let late = |pods: &[(&str, bool)]| {
            let mut index = Index::default();
            let seen = index.tenant("acme");
            let workload = Some(Box::new(WorkloadSeen { wanted: 2, ..WorkloadSeen::default() }));
            seen.objects.insert(deployment.clone(), Seen { workload, ..Seen::default() });
            let pod = |(name, stays): &(&str, bool)| {
                let pod = PodSeen { uid: (*name).into(), ready: true, deleting: !stays, ..PodSeen::default() };
                ((*name).to_owned(), Box::new(pod))
            };
            seen.pods = pods.iter().map(pod).collect();
            index.lease("acme", Some(LeaseSeen { known: true, ..LeaseSeen::default() }));
            index.tenant("acme").pods.clear();
            index.lease("acme", Some(LeaseSeen { known: true, ..LeaseSeen::default() }));
            index.world().tenants["acme"].lease.as_ref().is_some_and(|lease| lease.began_late)
        };
        assert!(!late(&[("a", true), ("b", true)]), "as of the first look");
        assert!(late(&[("a", true), ("b", false)]));
        assert!(late(&[("a", true)]));
    }

    #[test]
    fn an_evicted_standby_is_awake_before_the_watch_says_that_it_goes() {
        let pod = |uid: &str| Box::new(PodSeen { uid: uid.into(), ready: true, ..PodSeen::default() });
        let pods = ["a", "b"].map(|uid| (uid.to_owned(), pod(uid)));
        let mut index = Index::default();
        index.tenant("acme").pods = pods.into();
        let free = || Some(LeaseSeen { known: true, ..LeaseSeen::default() });
        index.lease("acme", free());
        index.evicted("acme", "b");
        index.lease("acme", free());
        let lease = index.world().tenants["acme"].lease.clone().unwrap();
        assert_eq!(lease.pods_when_freed, ["a".to_owned()].into());
    }
}
