//! What answers come to, for how long that counts, and what is recorded of it.
use jiff::Timestamp;

use super::{
    analysis::{Analysis, Look},
    clock,
};
use crate::{
    api::{GateStatus, GateVerdict, Span, Time, WavePhase, WaveStatus, When},
    domain::analysis::{Answer, Answers, Outcome, Round, Subject},
};

/// What is recorded of a gate that is not asked: its counters stay, its round is void. A wave that is not proven any more has
/// nothing to show.
pub fn at_rest(mut status: GateStatus, when: When, phase: WavePhase) -> GateStatus {
    (status.round_at, status.since) = (None, None);
    if when == When::After && matches!(phase, WavePhase::Pending | WavePhase::Running) {
        forget(&mut status);
    }
    status
}

/// Takes a verdict back; what was counted stays.
pub fn forget(status: &mut GateStatus) {
    (status.verdict, status.asked_at, status.at) = (GateVerdict::Pending, None, None);
}

/// Whether what is recorded opens the gate at this moment. `lasts`: how long evidence counts.
pub fn counts(status: &GateStatus, lasts: Span, newer_than: Option<Timestamp>, now: Timestamp) -> bool {
    let (Some(asked), Some(at)) = (status.asked_at, status.at) else { return false };
    let fresh = asked.0 <= now && at.0 <= now && now < stale(asked, lasts);
    status.verdict == GateVerdict::Passed && fresh && newer_than.is_none_or(|grant| asked.0 > grant)
}

/// When evidence of a round that began then counts no more.
pub fn stale(asked: Time, lasts: Span) -> Timestamp {
    clock::after(asked.0, lasts)
}

/// A pass that is too old when the last answer comes is none: it is said why, else the gate would be asked for ever in silence.
pub fn in_time(
    told: (GateVerdict, String, String),
    asked: Time,
    lasts: Span,
    now: Timestamp,
) -> (GateVerdict, String, String) {
    if told.0 != GateVerdict::Passed || now < stale(asked, lasts) {
        return told;
    }
    let why =
        format!("all passed, but the round took longer than its answers count ({lasts}): set a longer `interval`");
    (GateVerdict::Inconclusive, String::new(), why)
}

/// The answer to this round's question, if its question was put after the round began and not in the future.
pub fn answer_of<'f>(
    answers: Option<&'f Answers>,
    subject: &Subject,
    round: &Round,
    now: Timestamp,
) -> Option<&'f Answer> {
    answers?.of.get(subject).filter(|answer| answer.asked >= round.at && answer.at <= now)
}

/// A no outranks everything, what told nothing outranks a yes. The first of that kind speaks for them.
pub fn of(told: &[(Subject, &Answer)]) -> (GateVerdict, String, String) {
    let those = |outcome| told.iter().filter(move |(_, answer)| answer.outcome == outcome);
    let (failed, unclear) = (those(Outcome::Failed).count(), those(Outcome::Inconclusive).count());
    let (verdict, outcome, n) = match (failed, unclear) {
        (0, 0) if told.is_empty() => {
            let why = "nobody of the wave can be asked about";
            return (GateVerdict::Inconclusive, String::new(), why.into());
        }
        (0, 0) => (GateVerdict::Passed, Outcome::Passed, told.len()),
        (0, n) => (GateVerdict::Inconclusive, Outcome::Inconclusive, n),
        (n, _) => (GateVerdict::Failed, Outcome::Failed, n),
    };
    let Some((subject, answer)) = those(outcome).next() else { return (verdict, String::new(), String::new()) };
    let message = match subject {
        Some(tenant) if told.len() > 1 => format!("{n} of {} tenants, {tenant}: {}", told.len(), answer.message),
        Some(tenant) => format!("{tenant}: {}", answer.message),
        None => answer.message.clone(),
    };
    (verdict, answer.value.clone(), message)
}

pub fn cut(mut text: String, longest: usize) -> String {
    // The API server counts characters.
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
    }
    text
}

impl Look<'_> {
    /// What is recorded of it. `going`: the run goes on; `resumed`: a person let it go on after it was halted, so that what
    /// halted it is asked anew.
    pub fn recorded(&self, going: bool, resumed: bool, phase: WavePhase) -> GateStatus {
        if resumed {
            let (name, round) = (self.next.name.clone(), self.next.round);
            return GateStatus { name, round, when: self.when, ..GateStatus::default() };
        }
        if going && self.live {
            return self.next.clone();
        }
        // What halts the run is told; else it is as if nobody had looked, at this look as at any other.
        let told = if self.breach.is_some() { &self.next } else { &self.stored };
        at_rest(told.clone(), self.when, phase)
    }
}

impl Analysis<'_> {
    /// The gates of that wave as they are recorded from now on. One that is done keeps what it was told.
    pub fn write(&self, index: usize, status: &mut WaveStatus, asking: bool, resumed: bool) {
        let phase = status.phase;
        let going = asking && phase != WavePhase::Done;
        let mut looks = self.looks.iter().filter(|look| look.wave == index).peekable();
        if looks.peek().is_some() {
            status.gates = looks.map(|look| look.recorded(going, resumed, phase)).filter(told).collect();
        }
    }
}

/// A gate that was never asked has no record.
fn told(status: &GateStatus) -> bool {
    status.round > 0
}
