//! Whose questions are put next, where not all can be out at once.
use std::collections::{BTreeMap, HashSet};

use super::Question;
use crate::domain::analysis::Asked;

/// Of these questions those to be put now: none that is `out` already, no more than there is `room` for, and gates in turn, so
/// that a gate with many tenants does not keep another's questions waiting. Within a gate the order stays.
#[must_use]
pub fn in_turn<'q>(questions: Vec<Question>, out: impl Iterator<Item = &'q Asked>, room: usize) -> Vec<Question> {
    let out: HashSet<&Asked> = out.collect();
    let mut taken = BTreeMap::new();
    for asked in &out {
        *taken.entry(asked.round.key.clone()).or_insert(0_usize) += 1;
    }
    let new = questions.into_iter().filter(|question| !out.contains(&question.asked));
    let mut ranked: Vec<(usize, Question)> = new
        .map(|question| {
            let rank = taken.entry(question.asked.round.key.clone()).or_insert(0);
            *rank += 1;
            (*rank, question)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, question)| question).take(room).collect()
}
