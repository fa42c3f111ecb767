//! A script: a fleet, what becomes of versions, and what happens when. Its acts in a person's words.
use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;

use super::{
    fate::{Becomes, Fate},
    people::{Act, Object},
};
use crate::{api::Decision, domain::some::some};

/// Names that a sentence has before the rest is counted.
const NAMED: usize = 8;

/// A story to be told.
#[derive(Clone, Debug)]
pub struct Script {
    pub title: String,
    pub start: Timestamp,
    /// When to stop telling; `None`: when nothing more happens by itself.
    pub end: Option<Timestamp>,
    pub show: Show,
    /// What there is when the story begins; its tenants run.
    pub objects: Vec<Object>,
    pub fates: Vec<Fate>,
    /// In the order in which they happen.
    pub events: Vec<Event>,
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub enum Show {
    /// Every tenant.
    #[default]
    Everything,
    /// Rollouts, and tenants in numbers: for large fleets.
    Summary,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where the script says so.
    pub line: u64,
    pub at: Timestamp,
    pub act: Act,
}

/// The first few names, and how many more there are.
pub fn names<T: AsRef<str>>(all: &[T]) -> String {
    some(&all[..all.len().min(NAMED)], all.len(), ", ")
}

fn set(all: &BTreeSet<String>) -> String {
    names(&all.iter().collect::<Vec<_>>())
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask { tenants, version } => write!(f, "{} {} for {version}", set(tenants), verb(tenants, "ask")),
            Self::Apply(objects) => {
                let all: Vec<String> = objects.iter().map(ToString::to_string).collect();
                write!(f, "kubectl apply {}", names(&all))
            }
            Self::Delete(all) => write!(f, "kubectl delete {}", names(all)),
            Self::Edit { object, merge } => write!(f, "{object} is edited: {merge}"),
            Self::Hold { tenants, name, reason, until } => {
                let until = until.map_or(String::new(), |at| format!(" until {at}"));
                write!(f, "{} {} put on hold by {name}{until}: {reason}", set(tenants), verb(tenants, "are"))
            }
            Self::Release { tenants, name } => write!(f, "the hold {name} is taken off {}", set(tenants)),
            Self::Suspend(rollout) => write!(f, "{rollout} is suspended"),
            Self::Resume { rollout, additional_failures: None } => write!(f, "{rollout} is resumed"),
            Self::Resume { rollout, additional_failures: Some(more) } => {
                write!(f, "{rollout} is resumed, {more} more may fail")
            }
            Self::Abort(rollout) => write!(f, "{rollout} is aborted"),
            Self::Undo(rollout) => write!(f, "{rollout} is undone"),
            Self::Skip { rollout, tenants } => {
                write!(f, "{} {} skipped in {rollout}", names(tenants), if tenants.len() == 1 { "is" } else { "are" })
            }
            Self::Decide { rollout, wave, gate, decision, by, comment } => {
                let verb = if *decision == Decision::Approve { "approves" } else { "rejects" };
                let why = if comment.is_empty() { String::new() } else { format!(": {comment}") };
                write!(f, "{by} {verb} gate {gate} of wave {wave} of {rollout}{why}")
            }
            Self::Stop { reason } => write!(f, "the emergency brake is pulled: {reason}"),
            Self::Go => write!(f, "the emergency brake is let go"),
            Self::Fate(fate) => fate.fmt(f),
            Self::NewLeader => write!(f, "Leasehold's leader gives its Lease back, another replica leads"),
            Self::Crash { after_writes, leaderless } => {
                write!(
                    f,
                    "Leasehold's leader will crash after {after_writes} more writes and be missed for {leaderless}"
                )
            }
        }
    }
}

/// The verb as it goes with so many.
fn verb(all: &BTreeSet<String>, plural: &str) -> String {
    match (all.len(), plural) {
        (1, "are") => "is".into(),
        (1, verb) => format!("{verb}s"),
        (_, verb) => verb.into(),
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_ref().map_or("every version".to_owned(), |version| format!("version {version}"));
        let of = self.operator.as_ref().map_or(String::new(), |operator| format!(" of {operator}"));
        let whom = self.tenants.as_ref().map_or(String::new(), |tenants| format!(" in {}", set(tenants)));
        write!(f, "{version}{of}{whom} {} after {}", becomes(self.is), self.after)?;
        self.then.iter().try_for_each(|turn| write!(f, ", {} {} later", becomes(turn.is), turn.after))
    }
}

const fn becomes(what: Becomes) -> &'static str {
    match what {
        Becomes::Ready => "is ready",
        Becomes::NotReady => "is not ready",
        Becomes::CrashLoop => "crashes",
        Becomes::ImagePull => "finds no image",
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self {
            Self::Tenant(object) => ("Tenant", &object.metadata.name),
            Self::Release(object) => ("OperatorRelease", &object.metadata.name),
            Self::Policy(object) => ("RolloutPolicy", &object.metadata.name),
            Self::Fleet(object) => ("FleetPolicy", &object.metadata.name),
            Self::Window(object) => ("ChangeWindow", &object.metadata.name),
            Self::Approval(object) => ("RolloutApproval", &object.metadata.name),
        };
        write!(f, "{kind}/{}", name.as_deref().unwrap_or_default())
    }
}
