//! The writes that one tenant needs next. Data: whoever carries them out makes no choices.
use crate::{
    api::{TenantStatus, Upgrade},
    domain::{object::ObjectKey, world::FaultKind},
    plan::choke_point::Admitted,
};

/// The next write, or the next few that belong together.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    AddFinalizer,
    RemoveFinalizer,
    /// Write this status. A claim is one: the grant is written before the stack is touched.
    Status(Box<TenantStatus>),
    /// Apply, stage by stage, in parallel within a stage.
    Apply(Vec<Vec<Apply>>),
    /// Have the ReplicaSet controller remove this pod after all that cost less.
    Mark {
        pod: String,
        uid: String,
        cost: i32,
        /// Nothing waits for it: it is tried once, and a failure is no fault of the tenant's.
        ahead: bool,
    },
    /// Look up these objects of the inventory, which no watch shows. What carries the tenant's UID and has lost its label
    /// gets it back, so that it goes the way of all others.
    Recall(Vec<ObjectKey>),
    /// Have this pod replaced by a fresh one, if its disruption budget allows.
    Evict {
        pod: String,
        uid: String,
    },
    /// Ask the tenant's custom resources of these kinds to go, while its operator can still finalize them.
    Finalize(Vec<CustomKind>),
    /// Scale workloads to zero.
    Scale(Vec<Target>),
    Delete(Vec<Target>),
    /// Take our labels and annotations off, and leave the objects.
    Unmark(Vec<Target>),
}

/// What a step is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// It puts something back, or takes something away.
    #[default]
    Moves,
    /// It is what goes before the first object is touched.
    Claims,
    /// It carries out what a claim said. Claims go first: they cause no work to any controller, so where many tenants go at once
    /// they are through with their claims before the pods that are made and replaced keep the API server busy.
    Applies,
    /// Nobody who moves waits for it: it says how the tenant does, or prepares what comes some day.
    Tells,
}

/// One object to apply.
#[derive(Clone, Debug, PartialEq)]
pub struct Apply {
    /// It passed the choke point: nothing else can be applied.
    pub object: Admitted,
    /// The live object as it was seen; `None` when it was not, and then it must not exist.
    pub uid: Option<String>,
    pub why: Why,
}

/// Why an object is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    Missing,
    /// What is rendered changed.
    Rendered,
    /// Somebody changed these fields.
    Drift(Vec<String>),
}

/// A kind of custom resource that a tenant's operator serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CustomKind {
    pub group: String,
    pub version: String,
    pub plural: String,
    pub kind: String,
}

/// An existing object, by name and UID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub key: ObjectKey,
    pub uid: String,
}

impl Step {
    /// Whether it puts back what somebody else changed.
    #[must_use]
    pub fn repairs(&self) -> bool {
        matches!(self, Self::Apply(stages) if stages.iter().flatten().any(|a| matches!(a.why, Why::Drift(_))))
    }

    /// The change of version whose proof it writes; `old` is the status before.
    #[must_use]
    pub fn upgrade(&self, old: Option<&TenantStatus>) -> Option<&Upgrade> {
        let Self::Status(status) = self else { return None };
        status.last_upgrade.as_ref().filter(|upgrade| old.and_then(|old| old.last_upgrade.as_ref()) != Some(*upgrade))
    }

    /// What it is for. `old` is the status before.
    #[must_use]
    pub fn work(&self, old: Option<&TenantStatus>) -> Work {
        if self.tells(old) {
            Work::Tells
        } else if self.claims(old) {
            Work::Claims
        } else if self.carries_out(old) {
            Work::Applies
        } else {
            Work::Moves
        }
    }

    /// No grant, no failure, and no proof that a run goes by; or what comes some day is prepared.
    fn tells(&self, old: Option<&TenantStatus>) -> bool {
        if let Self::Mark { ahead, .. } = self {
            return *ahead;
        }
        let (Self::Status(new), Some(old)) = (self, old) else { return false };
        let in_a_run = new.granted.as_ref().is_some_and(|granted| granted.rollout.is_some());
        new.granted == old.granted
            && (&new.failure, &new.rejected) == (&old.failure, &old.rejected)
            && (new.running == old.running || !in_a_run)
    }

    /// The finalizer, or the claim of a grant.
    fn claims(&self, old: Option<&TenantStatus>) -> bool {
        match self {
            Self::AddFinalizer => true,
            Self::Status(new) => {
                new.granted.is_some() && new.granted.as_ref() != old.and_then(|old| old.granted.as_ref())
            }
            _ => false,
        }
    }

    fn carries_out(&self, old: Option<&TenantStatus>) -> bool {
        let (Self::Apply(_) | Self::Mark { .. }, Some(old)) = (self, old) else { return false };
        let running = old.running.as_ref().map(|running| &running.revision);
        old.granted.as_ref().is_some_and(|granted| Some(&granted.revision) != running)
    }

    /// Whether a failure of this kind is none of the tenant's: it goes without a mark then. That our own term is not known yet
    /// is over in a moment, and what nobody can tell yet is tried again where an upgrade waits for it; what is sent ahead is sent
    /// once, whatever comes of it.
    #[must_use]
    pub const fn forgives(&self, kind: FaultKind) -> bool {
        let Self::Mark { ahead, .. } = self else { return false };
        match kind {
            FaultKind::Conflict | FaultKind::Invalid | FaultKind::Denied => true,
            FaultKind::Stale => false,
            FaultKind::Transient => *ahead,
        }
    }

    /// For logs, metrics and events.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AddFinalizer => "add-finalizer",
            Self::RemoveFinalizer => "remove-finalizer",
            Self::Status(_) => "status",
            Self::Apply(_) => "apply",
            Self::Mark { .. } => "mark",
            Self::Recall(_) => "recall",
            Self::Evict { .. } => "evict",
            Self::Finalize(_) => "finalize",
            Self::Scale(_) => "scale",
            Self::Delete(_) => "delete",
            Self::Unmark(_) => "unmark",
        }
    }
}
