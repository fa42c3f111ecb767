//! A planned step in a person's words. Pure.
use crate::{
    api::{Grant, Tenant},
    domain::{self, object::ObjectKey},
    plan::{
        crds::CrdStep,
        tenant::{Apply, Step, Target, Why},
    },
};

/// Objects that are named before the rest is counted.
const NAMED: usize = 3;

/// What the step would do to that Tenant; `None` when it only writes down what is seen.
#[must_use]
pub fn describe(step: &Step, tenant: &Tenant) -> Option<String> {
    Some(match step {
        Step::AddFinalizer => "put the finalizer on the Tenant, before anything is made for it".into(),
        Step::RemoveFinalizer => "take the finalizer off: nothing of the stack is left".into(),
        Step::Status(status) => {
            let old = tenant.status.as_ref().and_then(|s| s.granted.as_ref());
            match &status.granted {
                Some(grant) if Some(grant) != old => granting(grant, old),
                _ => return None,
            }
        }
        Step::Apply(stages) => applying(&stages.iter().flatten().collect::<Vec<_>>()),
        Step::Mark { pod, .. } => format!("have Pod/{pod} go last"),
        Step::Evict { pod, .. } => format!("start a standby anew, to take the free Lease: evict Pod/{pod}"),
        Step::Finalize(kinds) => {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.kind.as_str()).collect();
            format!("ask the custom resources to go while their operator runs: {}", kinds.join(", "))
        }
        Step::Recall(keys) => {
            let keys: Vec<String> = keys.iter().map(ObjectKey::spoken).collect();
            format!("look up what the inventory names and no watch shows: {}", some(&keys))
        }
        Step::Scale(targets) => format!("scale to zero: {}", names(targets)),
        Step::Delete(targets) => format!("delete {}", names(targets)),
        Step::Unmark(targets) => format!("take Leasehold's marks off {}", names(targets)),
    })
}

/// What the step would do to a shared CRD; `None` when it only writes down what is seen.
#[must_use]
pub fn describe_crd(step: &CrdStep) -> Option<String> {
    Some(match step {
        CrdStep::Create { crd, .. } => format!("create CustomResourceDefinition {crd}"),
        CrdStep::Write(write) => format!("write CustomResourceDefinition {}: {}", write.crd, write.stage.name()),
        CrdStep::Page { crd, sweep, .. } => {
            format!("go through the stored objects of CustomResourceDefinition {crd}: {:?}", sweep.purpose)
        }
        CrdStep::Trim { crd, stored, .. } => {
            format!("trim status.storedVersions of CustomResourceDefinition {crd} to {}", stored.join(", "))
        }
        CrdStep::Begin(upgrade) => {
            let spec = &upgrade.spec;
            format!("begin to bring {} {} into CustomResourceDefinition {}", spec.operator, spec.version, spec.crd)
        }
        CrdStep::Tell { .. } => return None,
    })
}

fn granting(grant: &Grant, old: Option<&Grant>) -> String {
    let version = &grant.version;
    match (&grant.rollout, old) {
        (Some(rollout), _) if old.is_none_or(|old| old.rollout.as_ref() != Some(rollout)) => {
            format!("grant {version} in wave {} of Rollout {rollout}", grant.wave.as_deref().unwrap_or("?"))
        }
        (_, None) => format!("grant {version}, its first"),
        (_, Some(old)) if old.version == *version => format!("grant {version} with its edited spec"),
        _ => format!("grant {version}"),
    }
}

fn applying(applies: &[&Apply]) -> String {
    let drifted: Vec<String> = applies
        .iter()
        .filter_map(|apply| match &apply.why {
            Why::Drift(fields) => Some(format!("{} ({})", apply.object.key.spoken(), fields.join(", "))),
            Why::Missing | Why::Rendered => None,
        })
        .collect();
    if drifted.len() == applies.len() {
        return format!("put back {}", some(&drifted));
    }
    let spoken: Vec<String> = applies.iter().map(|apply| apply.object.key.spoken()).collect();
    format!("apply {}", some(&spoken))
}

fn names(targets: &[Target]) -> String {
    some(&targets.iter().map(|target| target.key.spoken()).collect::<Vec<_>>())
}

/// The first few of them, and how many more there are.
#[must_use]
pub fn some(names: &[String]) -> String {
    let first = &names[..names.len().min(NAMED)];
    domain::some::some(first, names.len(), ", ")
}
