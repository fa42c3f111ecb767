//! The telling: from one instant at which something happens to the next, with all that the planner decides in between.
use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::{
    cluster::{Cluster, Write},
    people::Act,
    script::{Event, Script, Show},
    transcript::{Topic, Transcript},
};
use crate::plan::notice::Notice;

/// How long the tenants of the beginning have run when the story begins.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// For how long nothing may happen before a story ends by itself: recurring windows open for ever.
const QUIET: SignedDuration = SignedDuration::from_hours(31 * 24);
/// How often the clock may jump without anything to tell.
const JUMPS: usize = 2_000;
/// Rounds of plans and writes at one instant after which something is wrong.
const ROUNDS: usize = 512;

/// Why a story cannot be told to its end.
#[derive(Debug, thiserror::Error)]
pub enum Unsettled {
    /// Something that the script does cannot be done.
    #[error("line {line}: {why}")]
    Event { line: u64, why: String },
    #[error("at {at} there is no end to what is written, last {last}: this is a bug of Leasehold, please report it")]
    Restless { at: Timestamp, last: String },
}

/// Tells a story.
///
/// # Errors
/// [`Unsettled`].
pub fn tell(script: &Script) -> Result<String, Unsettled> {
    Ok(Story::of(script)?.end())
}

/// What there is when a story ends.
pub struct Played {
    pub cluster: Cluster,
    /// The events of tenants, in the order in which they were told.
    pub told: Vec<(String, Notice)>,
}

/// Plays a story to its end without a word.
///
/// # Errors
/// [`Unsettled`].
pub fn play(script: &Script) -> Result<Played, Unsettled> {
    let mut story = Story::of(script)?;
    if let Some(end) = script.end {
        story.cluster.wait_until(end);
        story.settle()?;
    }
    Ok(Played { cluster: story.cluster, told: story.notices })
}

pub(super) struct Story {
    pub(super) cluster: Cluster,
    pub(super) transcript: Transcript,
    pub(super) show: Show,
    pub(super) events: VecDeque<Event>,
    pub(super) until: Option<Timestamp>,
    pub(super) start: Timestamp,
    pub(super) wake: Option<Timestamp>,
    /// After so many writes the leader dies, and is missed for so long.
    pub(super) dying: Option<(usize, SignedDuration)>,
    pub(super) leaderless_until: Option<Timestamp>,
    /// What was said last of each tenant's wait, and of each rollout.
    pub(super) waits: BTreeMap<String, String>,
    pub(super) rollouts: BTreeMap<String, String>,
    /// The events of tenants.
    pub(super) notices: Vec<(String, Notice)>,
    /// When something was said last, how many lines there were then, and how often the clock has jumped since.
    pub(super) quiet: (Timestamp, usize, usize),
}

impl Story {
    fn of(script: &Script) -> Result<Self, Unsettled> {
        let mut story = Self::begin(script)?;
        while let Some(at) = story.next() {
            story.cluster.wait_until(at);
            story.happen()?;
            story.settle()?;
        }
        Ok(story)
    }

    fn begin(script: &Script) -> Result<Self, Unsettled> {
        let mut story = Self {
            cluster: Cluster::new(script.start.checked_sub(BEFORE).unwrap_or(script.start)),
            transcript: Transcript::new(&script.title, script.show),
            show: script.show,
            events: script.events.iter().cloned().collect(),
            until: script.end,
            start: script.start,
            wake: None,
            dying: None,
            leaderless_until: None,
            waits: BTreeMap::new(),
            rollouts: BTreeMap::new(),
            notices: Vec::new(),
            quiet: (script.start, 0, 0),
        };
        script.objects.iter().for_each(|object| story.cluster.put(object.clone()));
        loop {
            story.wake = story.cluster.settle().map_err(|last| restless(script.start, &last))?;
            let next = story.cluster.next_due().filter(|at| *at < script.start);
            let Some(at) = next else { break };
            story.cluster.wait_until(at);
        }
        story.cluster.wait_until(script.start);
        story.cluster.fates.extend(script.fates.iter().cloned());
        story.opening();
        story.happen()?;
        story.settle()?;
        Ok(story)
    }

    /// Does what the script has for this instant.
    fn happen(&mut self) -> Result<(), Unsettled> {
        let now = self.cluster.now;
        if self.leaderless_until.is_some_and(|until| until <= now) {
            self.leaderless_until = None;
            self.cluster.take_over();
            let term = self.cluster.epoch.transitions();
            self.transcript.say(now, Topic::Leasehold, &format!("another replica leads, in term {term}"));
        }
        while let Some(event) = self.events.pop_front_if(|event| event.at <= now) {
            self.transcript.say(now, Topic::Story, &self.told(&event.act));
            if let Act::Crash { after_writes, leaderless } = &event.act {
                self.dying = Some((*after_writes, leaderless.signed()));
            }
            let refused = |why: super::people::Refused| Unsettled::Event { line: event.line, why: why.to_string() };
            self.cluster.act(&event.act).map_err(refused)?;
        }
        Ok(())
    }

    /// Plans and writes until nothing is left to do at this instant.
    fn settle(&mut self) -> Result<(), Unsettled> {
        let now = self.cluster.now;
        let mut last = Vec::new();
        for _ in 0..ROUNDS {
            if self.leaderless_until.is_some() {
                break;
            }
            let plan = self.cluster.plan();
            self.wake = plan.wake;
            let samples = plan.samples.clone();
            let writes = self.cluster.writes(plan);
            let sampled = self.cluster.sample(&samples);
            if writes.is_empty() && !sampled {
                self.say_rollouts();
                self.say_waits();
                return Ok(());
            }
            last.clone_from(&writes);
            for write in writes {
                if self.dies() {
                    break;
                }
                self.tell(&write);
                self.cluster.apply(write);
            }
        }
        self.say_rollouts();
        if self.leaderless_until.is_some() { Ok(()) } else { Err(restless(now, &last)) }
    }

    /// Whether the leader dies before this write.
    fn dies(&mut self) -> bool {
        match &mut self.dying {
            None => false,
            Some((left, _)) if *left > 0 => {
                *left -= 1;
                false
            }
            Some((_, leaderless)) => {
                let now = self.cluster.now;
                let until = now.checked_add(*leaderless).unwrap_or(now);
                (self.leaderless_until, self.dying) = (Some(until), None);
                self.transcript.say(now, Topic::Leasehold, "the leader crashes; what it had left to write is lost");
                true
            }
        }
    }

    /// The next instant at which something happens.
    fn next(&mut self) -> Option<Timestamp> {
        let now = self.cluster.now;
        self.transcript.flush(now);
        let (since, lines, jumps) = self.quiet;
        self.quiet =
            if lines == self.transcript.lines { (since, lines, jumps + 1) } else { (now, self.transcript.lines, 0) };
        let script = self.events.front().map(|event| event.at);
        let due = self.cluster.next_due();
        let wake = self.wake.filter(|_| self.leaderless_until.is_none());
        let by_itself = [due, self.leaderless_until, wake].into_iter().flatten().min();
        let patience = self.quiet.0.checked_add(QUIET).unwrap_or(Timestamp::MAX);
        let worth = |at: &Timestamp| !self.at_rest() && *at <= patience && self.quiet.2 < JUMPS;
        let by_itself = by_itself.filter(|at| script.is_some() || worth(at));
        let next = [script, by_itself].into_iter().flatten().min()?;
        let until = self.until.unwrap_or(Timestamp::MAX);
        (next <= until).then(|| next.max(now))
    }
}

fn restless(at: Timestamp, last: &[Write]) -> Unsettled {
    let last: String = last.iter().take(3).map(|write| format!("{write:?}")).collect::<Vec<_>>().join("; ");
    Unsettled::Restless { at, last: last.chars().take(600).collect() }
}
