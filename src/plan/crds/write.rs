//! Decisions about a CRD → the steps that `act` carries out.
use std::{collections::BTreeMap, sync::Arc};

use super::{
    Stage,
    claims::Claim,
    next::Next,
    step::{CrdStep, CrdWrite, PageWork},
};
use crate::domain::{
    crd::{CrdSeen, Definition, Unlocked},
    marks,
};

/// Objects a page: the greatest that keeps one small in memory.
const PAGE: u32 = 500;

/// A definition that does not exist. All of it is in force at once: nobody uses it yet. `closed`: the same, each version with the
/// fields of all, or the first write through one of them would erase what only another has.
pub fn create(claim: &Claim, closed: &Definition) -> CrdStep {
    let mut definition = claim.shared.object.clone();
    if closed.digest() != claim.shared.definition.digest() {
        Arc::make_mut(&mut definition)["spec"] = closed.spec().clone().into();
    }
    let unlocked = [(claim.operator.to_owned(), claim.release.version.clone())].into();
    CrdStep::Create { crd: claim.shared.name.clone(), definition, annotations: unlocked_mark(&unlocked) }
}

/// What old and new operators can both work with; `becomes`: where that leads.
pub fn expand(crd: &str, seen: &CrdSeen, definition: &Arc<Definition>, becomes: &Arc<Definition>) -> CrdStep {
    let trial = (becomes.digest() != definition.digest()).then(|| becomes.clone());
    let write = to(crd, seen, definition, Stage::Expand, &seen.unlocked);
    CrdStep::Write(CrdWrite { trial, ..write })
}

/// Everything after that: for one operator's release, once everybody is there.
pub fn further(crd: &str, (seen, live): (&CrdSeen, &Definition), claim: &Claim, next: &Next) -> Option<CrdStep> {
    match next {
        Next::Write { stage, definition, .. } if *stage > Stage::Expand => {
            let mut unlocked = seen.unlocked.clone();
            unlocked.insert(claim.operator.to_owned(), claim.release.version.clone());
            Some(CrdStep::Write(to(crd, seen, definition, *stage, &unlocked)))
        }
        Next::Page { sweep, version, what, .. } => Some(CrdStep::Page {
            crd: crd.to_owned(),
            record: claim.record(),
            sweep: sweep.clone(),
            work: PageWork {
                group: live.group().to_owned(),
                version: version.clone(),
                plural: live.plural().to_owned(),
                continue_: sweep.continue_.clone(),
                limit: PAGE,
                what: what.clone(),
            },
        }),
        Next::Trim => Some(CrdStep::Trim {
            crd: crd.to_owned(),
            uid: seen.uid.clone(),
            resource_version: seen.resource_version.clone(),
            stored: vec![live.storage().to_owned()],
        }),
        Next::Write { .. } | Next::Refused(_) | Next::Wait(_) | Next::Done => None,
    }
}

fn to(crd: &str, seen: &CrdSeen, definition: &Arc<Definition>, stage: Stage, unlocked: &Unlocked) -> CrdWrite {
    CrdWrite {
        crd: crd.to_owned(),
        uid: seen.uid.clone(),
        resource_version: seen.resource_version.clone(),
        definition: definition.clone(),
        annotations: unlocked_mark(unlocked),
        stage,
        trial: None,
    }
}

/// How far a definition was taken, as its annotation says it: `operator=version`, separated by commas.
fn unlocked_mark(unlocked: &Unlocked) -> BTreeMap<String, String> {
    if unlocked.is_empty() {
        return BTreeMap::new();
    }
    let text: Vec<String> = unlocked.iter().map(|(operator, version)| format!("{operator}={version}")).collect();
    [(marks::CRD_UNLOCKED.to_owned(), text.join(","))].into()
}
