//! One tenant's operator in the model: its pod, and how it shows to the planner. One pod stands for all replicas.
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::fate::Becomes;
use crate::domain::{
    object::{LeaseSeen, PodSeen, WorkloadSeen},
    world::TenantSeen,
};

/// Restarts after which nobody waits for a better one.
const RESTARTS: i64 = 4;

/// A tenant's operator.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    /// Digest of its pod's template; `None` before there is a pod.
    pub pod_revision: Option<String>,
    pub version: String,
    /// `None` while it starts.
    pub state: Option<Becomes>,
    /// What becomes of it, and when.
    pub due: BTreeMap<Timestamp, Becomes>,
    /// How many pods were made before: names are not used again.
    pub made: u32,
    /// How many of them have led.
    led: i32,
    acquired: Option<Timestamp>,
}

impl Operator {
    /// Lets what is due happen. Whether anything did.
    pub fn pass(&mut self, now: Timestamp) -> bool {
        let last = self.due.range(..=now).next_back().map(|(_, state)| *state);
        self.due.retain(|at, _| *at > now);
        let Some(state) = last.filter(|state| self.state != Some(*state)) else { return false };
        self.state = Some(state);
        if state == Becomes::Ready && self.acquired.is_none() {
            (self.acquired, self.led) = (Some(now), self.led + 1);
        }
        true
    }

    /// A pod of another template takes the place of the one before.
    pub fn replace(&mut self, pod_revision: &str, version: &str, due: BTreeMap<Timestamp, Becomes>) {
        (self.pod_revision, self.version) = (Some(pod_revision.to_owned()), version.to_owned());
        (self.state, self.due, self.acquired, self.made) = (None, due, None, self.made + 1);
    }

    /// Brings the tenant's pods and workloads up to date.
    pub fn show(&self, tenant: &str, seen: &mut TenantSeen, (namespace, uid): (&str, Option<&str>)) {
        let ready = self.state == Some(Becomes::Ready);
        seen.pods.clear();
        let running = seen.objects.values().any(|o| o.workload.as_ref().is_some_and(|w| w.wanted > 0));
        if running && self.pod_revision.is_some() {
            seen.pods.insert(self.pod(tenant), Box::new(self.seen(tenant, namespace, uid)));
        }
        for workload in seen.objects.values_mut().filter_map(|object| object.workload.as_mut()) {
            **workload = complete(workload.wanted);
            workload.available = if ready { workload.wanted } else { 0 };
        }
    }

    /// The Lease as a look at it shows it.
    pub fn lease(&self, tenant: &str, now: Timestamp) -> LeaseSeen {
        let leads = self.state == Some(Becomes::Ready);
        LeaseSeen {
            known: true,
            holder: if leads { format!("{}_1", self.pod(tenant)) } else { String::new() },
            transitions: (self.led - 1).max(0),
            acquired: self.acquired,
            renewed: leads.then_some(now),
            // Nobody measures a model: as if the first look had come too late.
            ready_before: self.pod_revision.iter().cloned().collect(),
            ..LeaseSeen::default()
        }
    }

    fn pod(&self, tenant: &str) -> String {
        format!("{tenant}-{}", self.made)
    }

    fn seen(&self, tenant: &str, namespace: &str, uid: Option<&str>) -> PodSeen {
        let waiting = match self.state {
            Some(Becomes::CrashLoop) => Some(("CrashLoopBackOff", "back-off restarting failed container")),
            Some(Becomes::ImagePull) => Some(("ImagePullBackOff", "back-off pulling image")),
            Some(Becomes::Ready | Becomes::NotReady) | None => None,
        };
        PodSeen {
            uid: format!("uid-{}", self.pod(tenant)),
            tenant: tenant.into(),
            tenant_uid: uid.map(str::to_owned),
            namespace: namespace.into(),
            pod_revision: self.pod_revision.clone(),
            ready: self.state == Some(Becomes::Ready),
            restarts: if self.state == Some(Becomes::CrashLoop) { RESTARTS } else { 0 },
            waiting: waiting.map(|(reason, message)| (reason.into(), message.into())),
            ..PodSeen::default()
        }
    }
}

/// A workload that has everything it wants.
pub fn complete(wanted: i64) -> WorkloadSeen {
    WorkloadSeen {
        generation: 1,
        observed_generation: 1,
        wanted,
        replicas: wanted,
        updated: wanted,
        available: wanted,
        refused: None,
    }
}
