//! In: a run of a flow whose last act is answered. Out: how it ended, compared with the end of a run that nobody disturbed.
//! Never: takes silence alone for the end where it is known what is still to come.

use std::time::Duration;

use tokio::time::Instant;

use crate::oracle::{Tally, tally};
use crate::runner::Runner;
use crate::state::{self, State};
use crate::support::proxy::{Request, RuleId};

/// For this long nothing may be written before an undisturbed run is over: it is what all others are held against.
const SURE: Duration = Duration::from_secs(3);
/// On a busy machine the last writes of a process that was just started come late.
const LATE: Duration = Duration::from_secs(30);

pub struct End {
    pub killed: bool,
    pub state: State,
    pub tally: Tally,
    pub log: Vec<Request>,
}

impl End {
    /// Waits for the last writes of a flow, which come after what makes it be over, and kills nobody at `rule` any more.
    pub async fn of(
        runner: &mut Runner<'_>,
        rule: Option<RuleId>,
        began: usize,
        undisturbed: Option<&Self>,
        state: impl AsyncFn() -> State,
    ) -> Self {
        let late = Instant::now() + LATE;
        let mut killed = false;
        let end = loop {
            killed |= runner.until_over(if undisturbed.is_some() { Duration::ZERO } else { SURE }).await;
            let log = runner.proxy.log_from(began);
            let end = Self { killed, state: state().await, tally: tally(&log), log };
            let waits = undisturbed.is_some_and(|wanted| !end.differences(wanted).is_empty() && Instant::now() < late);
            if !waits {
                break end;
            }
        };
        if let Some(rule) = rule {
            runner.proxy.remove(rule);
        }
        // It may have been struck while its end was looked at.
        Self { killed: end.killed | runner.restart_if_dead(), ..end }
    }

    /// What is otherwise than at that end, in state and in how often each kind was created, deleted and respecified.
    pub fn differences(&self, wanted: &Self) -> Vec<String> {
        let mut all = state::differences(&wanted.state, &self.state);
        if wanted.tally != self.tally {
            all.push(format!("counts:\n wanted {:?}\n found  {:?}", wanted.tally, self.tally));
        }
        all
    }
}
