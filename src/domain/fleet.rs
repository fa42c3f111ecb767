//! What the wave engine knows of each tenant: a few facts, distilled from everything that was observed.
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{analysis::Analyses, members::Members, window::Window};
use crate::api::{ApprovalSpec, PolicySpec, Rollout, RolloutTarget};

/// The fleet as the wave engine sees it.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    pub members: Members,
    /// RolloutPolicies by name; `default` falls back to [`PolicySpec::built_in`].
    pub policies: BTreeMap<String, PolicySpec>,
    /// All Rollouts by name, finished ones included.
    pub rollouts: BTreeMap<String, Rollout>,
    /// Runs whose plans cannot be read, and why: nothing is decided for their operators.
    pub unread: BTreeMap<String, String>,
    pub windows: BTreeMap<String, Window>,
    /// Decisions of people, by the names of their objects.
    pub approvals: BTreeMap<String, ApprovalSpec>,
    /// What gates were answered that are asked.
    pub analyses: Analyses,
    /// Releases by operator and version.
    pub releases: BTreeMap<(String, String), ReleaseFacts>,
    /// Grants in flight over all rollouts: the FleetPolicy's ceiling.
    pub max_concurrency: u32,
}

/// What the wave engine knows of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// Its version and the digest of its content.
    pub target: RolloutTarget,
    /// Versions it may be reached from; `None`: any lower one.
    pub upgrades_from: Option<semver::VersionReq>,
    /// Versions a tenant may go back to from it; `None`: none.
    pub rollback_to: Option<semver::VersionReq>,
    /// Why nobody can be granted it now (a shared CRD that differs, an invalid template), if so.
    pub not_ready: Option<String>,
}

impl ReleaseFacts {
    /// Whether it may be reached from that lower version in one step.
    #[must_use]
    pub fn reachable_from(&self, version: &semver::Version) -> bool {
        self.upgrades_from.as_ref().is_none_or(|from| from.matches(version))
    }
}

/// One tenant, as the wave engine sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    pub operator: String,
    /// Name of its RolloutPolicy.
    pub policy: String,
    /// What the spec asks for; `None` while no release has that version.
    pub desired: Option<RolloutTarget>,
    /// When this process first saw the tenant ask for that.
    pub desired_since: Timestamp,
    /// What it was last granted; `None` for a tenant without a stack (its first install is not a rollout's business).
    pub granted: Option<Granted>,
    /// How the granted revision does.
    pub health: Health,
    pub standing: Standing,
    /// Why the desired target cannot be granted to this very tenant (its values do not fit, its quota is too small), if so.
    pub blocked: Option<String>,
    /// A target that it does not ask for in so many words, a step on its way or the way back, and why that cannot be granted to
    /// it, as far as somebody has looked.
    pub refused: Option<(RolloutTarget, String)>,
    /// Release digests that failed here and are not granted again by themselves.
    pub rejected: Vec<String>,
}

/// A tenant's last grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub target: RolloutTarget,
    pub rollout: Option<String>,
    pub wave: Option<String>,
    pub at: Timestamp,
    pub broken_before: bool,
    pub own_edit: OwnEdit,
    /// What was proven here before: where going back leads.
    pub from: Option<RolloutTarget>,
    /// What the tenant asked for, when this was only a step on the way there.
    pub towards: Option<RolloutTarget>,
    /// Milliseconds since `at` for which the tenant was paused: they do not count towards its deadline.
    pub paused: i64,
}

/// Whether the tenant's own parameters changed since the grant and are not proven yet: what comes of that is not for a
/// rollout to answer for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnEdit {
    #[default]
    No,
    /// Before the granted version was proven: whose failure comes now cannot be told.
    OnTheWay,
    /// After it was proven: nothing that comes now says anything about the granted version.
    AfterProof,
}

/// How a tenant's granted revision does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Evidence newer than the grant names the granted revision, and it is ready.
    Proven,
    /// Was proven since the grant, and is not ready now.
    Regressed,
    /// Not yet proven.
    Moving,
    /// A fact says that it will not be: latched in the tenant's status until it is proven or granted something else.
    Failed { reason: String, message: String, at: Timestamp },
}

/// Whether a tenant may be moved at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Active,
    Paused,
    /// Names of the holds in force.
    Held(Vec<String>),
    Deleting,
}

impl Member {
    /// Whether some rollout's grant to this tenant is not yet proven.
    #[must_use]
    pub fn in_flight(&self) -> bool {
        let by_rollout = |granted: &Granted| granted.rollout.is_some() && granted.own_edit != OwnEdit::AfterProof;
        self.health == Health::Moving
            && self.standing != Standing::Deleting
            && self.granted.as_ref().is_some_and(by_rollout)
    }

    /// Why that target cannot be granted to this very tenant, as far as is known.
    #[must_use]
    pub fn refused_note(&self, target: &RolloutTarget) -> Option<&str> {
        self.refused.as_ref().filter(|(refused, _)| refused == target).map(|(_, note)| &**note)
    }

    /// Whether the tenant asks for something else than it was granted.
    #[must_use]
    pub fn wants_to_move(&self) -> bool {
        match (&self.desired, &self.granted) {
            (Some(desired), Some(granted)) => *desired != granted.target,
            _ => false,
        }
    }

    /// Whether the tenant asks for what failed here, so that it stays where it is until a person says otherwise.
    #[must_use]
    pub fn asks_for_rejected(&self) -> bool {
        self.desired.as_ref().is_some_and(|desired| self.rejected.contains(&desired.digest))
    }

    /// Whether it has reached a step on the way to what it still asks for.
    #[must_use]
    pub fn on_a_hop(&self) -> bool {
        let towards = self.granted.as_ref().and_then(|granted| granted.towards.as_ref());
        towards.is_some() && towards == self.desired.as_ref()
    }
}
