//! Watches → [`Change`]s on one channel. Reads only; a watch that fails is tried again with growing pauses, and its last
//! known state stays: a failed or empty list never deletes anything by itself.
use futures::StreamExt;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    runtime::{WatchStreamExt, watcher},
};
use tokio::sync::{mpsc, watch};

use crate::domain::{
    kinds::{OPTIONAL_KINDS, STACK_KINDS, StackKind},
    marks,
};

/// Where a change comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    Tenants,
    Releases,
    Policies,
    Rollouts,
    Slices,
    Windows,
    Approvals,
    Fleet,
    Crds,
    CrdUpgrades,
    /// ConfigMaps in Leasehold's own namespace that hold definitions of releases.
    CrdMaps,
    Pods,
    Stack(&'static StackKind),
}

/// One step of a watch.
#[derive(Debug)]
pub enum Step {
    /// A complete list begins.
    Begin,
    /// An object: of the list that began, or added or changed since.
    Put(Box<DynamicObject>),
    Gone(Box<DynamicObject>),
    /// The list is complete: what it did not hold is gone.
    End,
}

/// A change that a watch showed.
#[derive(Debug)]
pub struct Change {
    pub source: Source,
    pub step: Step,
}

impl Source {
    /// Every watch there is; `optional` says which optional kinds there are.
    pub fn all(optional: impl Fn(&StackKind) -> bool) -> Vec<Self> {
        let own = [
            Self::Tenants,
            Self::Releases,
            Self::Policies,
            Self::Rollouts,
            Self::Slices,
            Self::Windows,
            Self::Approvals,
            Self::Fleet,
            Self::Crds,
            Self::CrdUpgrades,
            Self::CrdMaps,
            Self::Pods,
        ];
        let extra = OPTIONAL_KINDS.iter().filter(|kind| optional(kind));
        own.into_iter().chain(STACK_KINDS.iter().chain(extra).map(Self::Stack)).collect()
    }

    /// Its plural, as `kubectl` names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.resource().2
    }

    fn resource(self) -> (&'static str, &'static str, &'static str, &'static str) {
        const OWN: &str = "leasehold.dev";
        match self {
            Self::Tenants => (OWN, "v1alpha1", "tenants", "Tenant"),
            Self::Releases => (OWN, "v1alpha1", "operatorreleases", "OperatorRelease"),
            Self::Policies => (OWN, "v1alpha1", "rolloutpolicies", "RolloutPolicy"),
            Self::Rollouts => (OWN, "v1alpha1", "rollouts", "Rollout"),
            Self::Slices => (OWN, "v1alpha1", "rolloutslices", "RolloutSlice"),
            Self::Windows => (OWN, "v1alpha1", "changewindows", "ChangeWindow"),
            Self::Approvals => (OWN, "v1alpha1", "rolloutapprovals", "RolloutApproval"),
            Self::Fleet => (OWN, "v1alpha1", "fleetpolicies", "FleetPolicy"),
            Self::Crds => ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"),
            Self::CrdUpgrades => (OWN, "v1alpha1", "crdupgrades", "CrdUpgrade"),
            Self::CrdMaps => ("", "v1", "configmaps", "ConfigMap"),
            Self::Pods => ("", "v1", "pods", "Pod"),
            Self::Stack(kind) => (kind.group, kind.version, kind.plural, kind.kind),
        }
    }

    /// Whether such an object says whom a run may let go, and when.
    #[must_use]
    pub const fn is_intent(self) -> bool {
        match self {
            Self::Releases
            | Self::Policies
            | Self::Rollouts
            | Self::Slices
            | Self::Windows
            | Self::Approvals
            | Self::Fleet => true,
            Self::Tenants | Self::Crds | Self::CrdUpgrades | Self::CrdMaps | Self::Pods | Self::Stack(_) => false,
        }
    }

    /// How the API is addressed.
    #[must_use]
    pub fn api_resource(self) -> ApiResource {
        let (group, version, plural, kind) = self.resource();
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        ApiResource {
            group: group.into(),
            version: version.into(),
            api_version,
            kind: kind.into(),
            plural: plural.into(),
        }
    }

    fn api(self, client: &Client, home: Option<&str>) -> Api<DynamicObject> {
        match home {
            Some(home) if self == Self::CrdMaps => Api::namespaced_with(client.clone(), home, &self.api_resource()),
            _ => Api::all_with(client.clone(), &self.api_resource()),
        }
    }

    /// Only what carries our mark, where the kind is not our own.
    fn config(self) -> watcher::Config {
        match self {
            Self::Pods | Self::Stack(_) => watcher::Config::default().labels(marks::TENANT),
            Self::CrdMaps => watcher::Config::default().labels(&format!("{}=true", marks::RELEASE_CRDS)),
            _ => watcher::Config::default(),
        }
    }
}

/// Starts watches that end when the channel's other end is dropped. What is selected by a tenant's mark comes after the first
/// complete list of Tenants: else nobody could tell what is a tenant's from what only says so.
///
/// `home` is Leasehold's own namespace, where definitions of releases are read; without it they are read in all namespaces.
pub fn start(client: &Client, home: Option<&str>, sources: &[Source], changes: &mpsc::Sender<Change>) {
    let (listed, tenants) = watch::channel(!sources.contains(&Source::Tenants));
    for source in sources {
        let (changes, listed) = (changes.clone(), listed.clone());
        let mut tenants = tenants.clone();
        let source = *source;
        let api = source.api(client, home);
        tokio::spawn(async move {
            let follows = matches!(source, Source::Pods | Source::Stack(_));
            if !follows || tenants.wait_for(|listed| *listed).await.is_ok() {
                follow(api, source, changes, &listed).await;
            }
        });
    }
}

/// One watch. `listed` is told when it has shown a complete list of Tenants.
async fn follow(api: Api<DynamicObject>, source: Source, changes: mpsc::Sender<Change>, listed: &watch::Sender<bool>) {
    let mut stream = watcher(api, source.config()).default_backoff().boxed();
    while let Some(event) = stream.next().await {
        let step = match event {
            Ok(watcher::Event::Init) => Step::Begin,
            Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                Step::Put(Box::new(lean(source, object)))
            }
            Ok(watcher::Event::Delete(object)) => Step::Gone(Box::new(lean(source, object))),
            Ok(watcher::Event::InitDone) => Step::End,
            Err(error) => {
                tracing::warn!(source = source.name(), %error, "watch failed; trying again");
                continue;
            }
        };
        let complete = matches!(step, Step::End);
        if changes.send(Change { source, step }).await.is_err() {
            return;
        }
        if complete && source == Source::Tenants {
            listed.send_replace(true);
        }
    }
}

/// Without the fields that others manage: which are ours tells whether anybody changed them.
fn lean(source: Source, mut object: DynamicObject) -> DynamicObject {
    match &mut object.metadata.managed_fields {
        Some(entries) if matches!(source, Source::Stack(_)) => {
            entries.retain(|entry| entry.manager.as_deref().is_some_and(|name| name.starts_with(marks::MANAGER)));
        }
        fields => *fields = None,
    }
    object
}
