//! Gates that are asked: which question was put, and what was answered. Questions come from a plan, answers are observed,
//! and the wave engine makes a verdict of them. Kept in memory only: what a round came to is in the Rollout's status.
use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::api::When;

/// One gate of one wave of one run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GateKey {
    pub rollout: String,
    pub wave: String,
    pub when: When,
    pub gate: String,
}

/// One round of questions to one gate. An answer to another round, or under another plan, is an answer to something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round {
    pub key: GateKey,
    /// `spec.planHash` of the run.
    pub plan: String,
    pub number: u32,
    /// When it began: what was known before does not count.
    pub at: Timestamp,
}

/// Whom a question is about: a tenant, or the wave as a whole.
pub type Subject = Option<String>;

/// One question of one round.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asked {
    pub round: Round,
    pub subject: Subject,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    /// It told nothing: never a pass.
    Inconclusive,
    /// Not yet: ask again in a moment.
    Running,
}

/// An answer, and when its question was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub outcome: Outcome,
    /// What was measured.
    pub value: String,
    pub message: String,
    /// When the question was put.
    pub asked: Timestamp,
    /// When the answer came.
    pub at: Timestamp,
}

/// An answer as whoever was asked gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub outcome: Outcome,
    pub value: String,
    pub message: String,
}

impl Reply {
    /// A question that got no answer, and why.
    #[must_use]
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Inconclusive, value: String::new(), message: why.into() }
    }

    #[must_use]
    pub fn new(outcome: Outcome, value: impl Into<String>, message: impl Into<String>) -> Self {
        Self { outcome, value: value.into(), message: message.into() }
    }
}

/// The answers to the latest round of one gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    pub round: Round,
    pub of: BTreeMap<Subject, Answer>,
}

/// The answers of all gates that are being asked.
pub type Analyses = BTreeMap<GateKey, Arc<Answers>>;

/// Takes an answer in. One to an older round than was answered before is dropped; the first to a newer one drops the others.
pub fn answer(analyses: &mut Analyses, asked: &Asked, answer: Answer) {
    let fresh = || Arc::new(Answers { round: asked.round.clone(), of: BTreeMap::new() });
    let answers = analyses.entry(asked.round.key.clone()).or_insert_with(fresh);
    if answers.round != asked.round {
        // Later by its number, or by its time: a clock may have gone back, and a status may have been lost.
        let newer = asked.round.number > answers.round.number || asked.round.at > answers.round.at;
        if !newer && answers.round.plan == asked.round.plan {
            return;
        }
        *answers = fresh();
    }
    Arc::make_mut(answers).of.insert(asked.subject.clone(), answer);
}
