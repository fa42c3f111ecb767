//! Gates that are asked, of the wave under way: what their answers come to, whether they are open, and what is to be asked now.
//!
//! A gate is asked in rounds. A round has a number and a beginning, which are recorded before anything is asked; it is complete
//! when everybody it is about has answered, and then its verdict is recorded together with when the next one begins. Who takes
//! over in the middle finds the round, and asks it again. A gate is open on a recorded pass only that is young enough, and,
//! after a wave, on evidence that is newer than every grant of it.
use jiff::Timestamp;

use super::{
    breach, clock,
    pass::Known,
    patience,
    run::{Run, WaveView},
    soak,
    verdict::{self, at_rest},
};
use crate::{
    api::{Gate, GateStatus, GateVerdict, Pace, Scope, Span, Time, WavePhase, When},
    domain::analysis::{Answer, Asked, GateKey, Outcome, Round, Subject},
};

/// How soon something is asked again that is not done yet.
const POLL: Span = Span::secs(1);
/// Questions of one gate that are out at once: an answer makes room for the next.
const AT_ONCE: usize = 16;
/// Length that the kind allows for a message, and for a value.
const LONGEST: (usize, usize) = (256, 64);

/// The gates of a run that are asked, of the waves that are not done.
#[derive(Default)]
pub struct Analysis<'a> {
    pub looks: Vec<Look<'a>>,
}

/// One gate after one look.
pub struct Look<'a> {
    pub wave: usize,
    pub gate: &'a Gate,
    pub pace: Pace,
    pub when: When,
    /// What is recorded.
    pub stored: GateStatus,
    /// What is recorded from now on, if the run goes on.
    pub next: GateStatus,
    /// Recorded as passed, on evidence that counts now.
    pub open: bool,
    /// Asked at the moment.
    pub live: bool,
    /// Why the run has to halt, if so.
    pub breach: Option<String>,
    pub asks: Vec<Asked>,
    /// When time alone changes something here.
    pub wake: Option<Timestamp>,
}

/// Looks at the gates of every wave that is not done; asks those of the first. Broken tenants wait for no answer: what would
/// be asked about is what they are to be rid of.
pub fn look<'a>(run: &Run<'a>, known: &Known) -> Analysis<'a> {
    let open = run.waves.iter().enumerate().filter(|(_, wave)| wave.stored.phase != WavePhase::Done);
    let current = open.clone().next().map(|(index, _)| index);
    let gates = open.flat_map(|(index, wave)| wave.plan.gates.all().map(move |gate| (index, wave, gate)));
    let looks = gates.filter_map(|(index, wave, (when, gate))| {
        let mut asking = Asking {
            run,
            wave,
            index,
            current: current == Some(index) && run.active,
            when,
            gate,
            pace: *gate.pace()?,
            lasts: gate.lasts()?,
            live: false,
            now: known.now,
        };
        asking.live = match when {
            When::Before => asking.wanted_before(known),
            When::After => asking.wanted_after(),
        };
        Some(asking.look(known))
    });
    Analysis { looks: looks.collect() }
}

/// What one look at one gate needs.
struct Asking<'r, 'a> {
    run: &'r Run<'a>,
    wave: &'r WaveView<'a>,
    index: usize,
    /// The wave whose turn it is.
    current: bool,
    when: When,
    gate: &'a Gate,
    pace: Pace,
    lasts: Span,
    live: bool,
    now: Timestamp,
}

impl<'a> Asking<'_, 'a> {
    /// Whether a pass would let somebody of the wave go now: else nobody is asked.
    fn wanted_before(&self, known: &Known) -> bool {
        let (run, wave) = (self.run, self.wave);
        let approved = run.gates.get(self.index).is_none_or(|gates| gates.before.is_empty());
        let room = wave.taken() < wave.plan.max_concurrency as usize
            && run.taken() < run.spec.max_concurrency as usize
            && known.in_flight < known.fleet.max_concurrency as usize;
        at_work(run) && approved && room && run.not_ready.is_none() && self.candidates().next().is_some()
    }

    fn wanted_after(&self) -> bool {
        let turn = self.run.active || self.run.stake.waiting == 0;
        turn && at_work(self.run) && self.wave.stored.phase == WavePhase::Soaking && self.wave.proven_throughout()
    }

    /// Who would be granted next, and in turn.
    fn candidates(&self) -> impl Iterator<Item = &'a str> {
        self.wave.ready.iter().filter(|_| self.current).copied()
    }

    fn look(&self, known: &Known) -> Look<'a> {
        let fresh = GateStatus { name: self.gate.name.clone(), when: self.when, ..GateStatus::default() };
        let stored = self.wave.stored.gates.iter().find(|s| s.name == self.gate.name && s.when == self.when);
        let stored = stored.cloned().unwrap_or(fresh);
        let (covered, joined) = self.each(known);
        let passed = covered && verdict::counts(&stored, self.lasts, self.newest(), self.now);
        let mut look = Look {
            wave: self.index,
            gate: self.gate,
            pace: self.pace,
            when: self.when,
            stored: stored.clone(),
            next: stored.clone(),
            open: passed,
            live: self.live,
            breach: None,
            asks: Vec::new(),
            wake: None,
        };
        if !self.live {
            look.next = at_rest(stored, self.when, self.wave.stored.phase);
            return look;
        }
        if [stored.asked_at, stored.at].into_iter().flatten().any(|at| at.0 > self.now) {
            // The clock went back: a verdict from the future must not begin to count when that comes.
            verdict::forget(&mut look.next);
        }
        // Who has joined since the last round is asked about now, and not an interval later.
        let begun = |at: &Time| !joined || at.0 <= self.now;
        let under_way = stored.round_at.filter(|at| self.valid(*at) && begun(at));
        let under_way = under_way.filter(|at| !patience::too_old(*at, &stored, self.pace, self.now));
        match under_way.filter(|at| at.0 <= self.now) {
            Some(at) => self.ask(known, at, &mut look),
            None => look.next.round_at = under_way.or_else(|| Some(self.begin())),
        }
        if look.next.round_at != stored.round_at && look.next.round == stored.round {
            look.next.round = stored.round.saturating_add(1);
        }
        // A pass that is recorded and a newer answer that is none: the newer one counts.
        look.open = passed && look.next.verdict == GateVerdict::Passed;
        self.watch_the_clock(known, &mut look);
        look
    }

    /// Whether each of those who would be granted now was answered for by himself, and whether somebody has no answer at all:
    /// a pass about others lets nobody go who was held, or whose turn it was not, when they were asked about. Answers are in
    /// memory; a new leader asks again.
    fn each(&self, known: &Known) -> (bool, bool) {
        if self.when == When::After || self.gate.scope() == Scope::Wave {
            return (true, false);
        }
        let answers = known.fleet.analyses.get(&self.key());
        let answers = answers.filter(|answers| answers.round.plan == self.run.spec.plan_hash);
        let of = |name: &str| answers.and_then(|answers| answers.of.get(&Some(name.to_owned())));
        let told = self.candidates().map(|name| of(name).map(|answer| answer.outcome));
        told.fold((true, false), |(all, joined), told| (all && told == Some(Outcome::Passed), joined || told.is_none()))
    }

    fn key(&self) -> GateKey {
        GateKey {
            rollout: self.run.name.to_owned(),
            wave: self.wave.plan.name.clone(),
            when: self.when,
            gate: self.gate.name.clone(),
        }
    }

    /// A round that began before the wave's last grant, or that begins later than any could (the clock went back), is void.
    fn valid(&self, at: Time) -> bool {
        let soon = clock::after(self.now, self.pace.interval).max(self.begin().0);
        at.0 <= soon && self.newest().is_none_or(|grant| at.0 > grant)
    }

    /// When a round begins that could begin now: after the last grant, also where that is in this very millisecond.
    fn begin(&self) -> Time {
        let after = self.newest().map(|grant| clock::after_millis(grant, 1));
        Time::millis(after.map_or(self.now, |after| after.max(self.now)))
    }

    /// The wave's last grant, where evidence must be newer than it.
    fn newest(&self) -> Option<Timestamp> {
        self.wave.last_grant.filter(|_| self.when == When::After)
    }

    fn subjects(&self) -> Vec<Subject> {
        if self.gate.scope() == Scope::Wave {
            return vec![None];
        }
        match self.when {
            When::Before => self.candidates().map(|name| Some(name.to_owned())).collect(),
            When::After => self.wave.well.iter().map(|name| Some((*name).to_owned())).collect(),
        }
    }

    /// Asks what is not answered yet, or records what the round came to.
    fn ask(&self, known: &Known, at: Time, look: &mut Look) {
        let round = Round { key: self.key(), plan: self.run.spec.plan_hash.clone(), number: look.next.round, at: at.0 };
        let answers = known.fleet.analyses.get(&round.key).filter(|answers| answers.round == round);
        let given = |subject: &Subject| verdict::answer_of(answers.map(|a| &**a), subject, &round, self.now);
        let subjects = self.subjects();
        let (mut told, mut open) = (Vec::new(), Vec::new());
        for subject in subjects {
            match given(&subject) {
                Some(answer) if answer.outcome != Outcome::Running => told.push((subject, answer)),
                Some(answer) => open.push((clock::after(answer.at, POLL), subject)),
                None => open.push((self.now, subject)),
            }
        }
        if open.is_empty() {
            self.record(&told, at, look);
            return;
        }
        let later = open.iter().map(|(at, _)| *at).filter(|at| *at > self.now).min();
        look.wake = clock::earlier(look.wake, later);
        let running = open.iter().filter(|(at, _)| *at > self.now).count();
        let due = open.into_iter().filter(|(at, _)| *at <= self.now);
        let due = due.take(AT_ONCE.saturating_sub(running));
        look.asks = due.map(|(_, subject)| Asked { round: round.clone(), subject }).collect();
    }

    /// What a complete round came to.
    fn record(&self, told: &[(Subject, &Answer)], at: Time, look: &mut Look) {
        let (verdict, value, message) = verdict::in_time(verdict::of(told), at, self.lasts, self.now);
        let next = &mut look.next;
        let counter = match verdict {
            GateVerdict::Passed => &mut next.passed,
            GateVerdict::Failed => &mut next.failed,
            GateVerdict::Inconclusive | GateVerdict::Pending => &mut next.inconclusive,
        };
        *counter = counter.saturating_add(1);
        (next.verdict, next.value, next.message) =
            (verdict, verdict::cut(value, LONGEST.1), verdict::cut(message, LONGEST.0));
        (next.asked_at, next.at) = (Some(at), Some(Time::millis(self.now)));
        next.round_at = Some(Time::millis(clock::after(self.now, self.pace.interval)));
    }

    /// Since when the gate alone is waited for, whether that is too long, and when to look again.
    fn watch_the_clock(&self, known: &Known, look: &mut Look) {
        let due = match self.when {
            When::Before => true,
            When::After => soak::over(self.wave.stored, self.wave.plan.soak).is_some_and(|over| over <= self.now),
        };
        let passing = verdict::counts(&look.next, self.lasts, self.newest(), self.now);
        let since = look.next.since.filter(|since| since.0 <= self.now);
        look.next.since = (due && !passing).then(|| since.unwrap_or_else(|| Time::millis(self.now)));
        let extra = self.run.spec.additional_failures;
        let allowed = self.pace.failure_limit.saturating_add(extra);
        let deadline = patience::deadline(&look.next, self.pace, self.now);
        let end = patience::end(&look.next, self.pace, self.now);
        let wave = &self.wave.plan.name;
        let often = || breach::too_often(self.gate, wave, &look.next, allowed);
        let long = || breach::too_long(self.gate, wave, &look.next);
        let over = end.is_some_and(|end| end <= self.now);
        let breach = (look.next.failed > allowed).then(often).or_else(|| over.then(long));
        let answers = known.fleet.analyses.get(&self.key());
        look.breach = breach.map(|why| why + &breach::without(answers.map(|a| &**a), &self.subjects()));
        let round = look.next.round_at.and_then(|at| clock::to_come(at.0, self.now));
        let stale = look.next.asked_at.map(|at| verdict::stale(at, self.lasts));
        for at in [round, deadline, end, stale].into_iter().flatten() {
            look.wake = clock::earlier(look.wake, clock::to_come(at, self.now));
        }
    }
}

/// Whether the run may grant or go on, as far as its record and people's words go.
fn at_work(run: &Run) -> bool {
    let spec = run.spec;
    let stopped = spec.suspend || spec.abort || spec.undo || run.stored.halted.is_some();
    !stopped && run.stake.newer == 0
}
