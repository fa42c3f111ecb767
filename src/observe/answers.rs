//! Answers of gates that were asked → the World.
use super::index::Index;
use crate::domain::analysis::{self, Answer, Asked};

impl Index {
    /// Takes an answer in.
    pub fn answered(&mut self, asked: &Asked, answer: Answer) {
        self.intends();
        analysis::answer(&mut self.world.analyses, asked, answer);
    }

    /// Drops the answers of runs that ended or are gone.
    pub fn forget_answers(&mut self) {
        let rollouts = &self.world.rollouts;
        let open = |name: &String| {
            let status = rollouts.get(name).map(|rollout| rollout.status.as_ref());
            status.is_some_and(|status| status.is_none_or(|status| !status.phase.ended()))
        };
        self.world.analyses.retain(|key, _| open(&key.rollout));
    }
}
