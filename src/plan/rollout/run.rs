//! One unfinished run as it is found: its members' seats, counted per wave, and what they still want.
use std::{collections::HashSet, sync::LazyLock};

use jiff::Timestamp;

use super::{
    analysis::{self, Analysis},
    gate::{self, Shut},
    pass::Known,
    path,
    seat::{Seat, on_target, seat, wants},
    wish::{Kind, Wish},
};
use crate::{
    api::{PlannedWave, Rollout, RolloutSpec, RolloutStatus, WaveStatus},
    domain::fleet::{Health, Member, Standing},
};

static FRESH: LazyLock<RolloutStatus> = LazyLock::new(RolloutStatus::default);
static FRESH_WAVE: LazyLock<WaveStatus> = LazyLock::new(WaveStatus::default);

/// A run that has not ended.
pub struct Run<'a> {
    pub name: &'a str,
    pub spec: &'a RolloutSpec,
    pub generation: i64,
    pub stored: &'a RolloutStatus,
    pub now: Timestamp,
    /// Whether it is the operator's turn-holder; the others are queued.
    pub active: bool,
    pub waves: Vec<WaveView<'a>>,
    pub stake: Stake,
    /// Of each wave, the gates that nobody has opened.
    pub gates: Vec<Shut<'a>>,
    /// The gates that are asked, of the wave under way.
    pub analysis: Analysis<'a>,
    /// Why nobody can be granted the target at all, if so.
    pub not_ready: Option<String>,
}

/// One wave of a run, counted.
pub struct WaveView<'a> {
    pub plan: &'a PlannedWave,
    pub stored: &'a WaveStatus,
    /// To be granted in turn, in the plan's order.
    pub ready: Vec<&'a str>,
    /// To be granted out of turn: broken where they are.
    pub broken: Vec<&'a str>,
    /// Outside their windows.
    pub shut: u32,
    pub in_flight: Vec<&'a str>,
    pub regressed: Vec<&'a str>,
    /// Of those that fell back, how many could recover: the others are paused.
    pub recovering: u32,
    /// Tenants on their way, or fallen back, that a person has paused.
    pub paused: u32,
    /// Failures that the run answers for.
    pub charged: Vec<&'a str>,
    /// Failures that it does not answer for: of tenants that were broken before, or changed themselves on the way.
    pub excused: Vec<&'a str>,
    pub proven: u32,
    /// Those that are proven, and may be asked about: a Job writes into a tenant, and a paused one is not written to.
    pub well: Vec<&'a str>,
    /// All failures, those that are not charged included.
    pub failed: u32,
    /// Skipped, gone, refused, or with another wish.
    pub out: u32,
    pub first_grant: Option<Timestamp>,
    pub last_grant: Option<Timestamp>,
    pub last_failure: Option<Timestamp>,
}

/// What the members of a run still want from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stake {
    /// Not on the target, and want it.
    pub waiting: u32,
    /// On the target, not failed, and want it.
    pub settled: u32,
    /// Want something else, be it to stay where they are.
    pub elsewhere: u32,
    /// Want something newer that they could have, and are not broken.
    pub newer: u32,
}

/// A member's place in an unfinished run to what it wants.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub run: usize,
    pub wave: usize,
    pub skipped: bool,
    /// It has reached this run's target, a step on the way to what it asks for, and waits there for the others.
    pub there: bool,
}

impl<'a> Run<'a> {
    /// The run before its members are looked at; `None` when it has ended.
    pub fn open(name: &'a str, rollout: &'a Rollout) -> Option<Self> {
        let stored = rollout.status.as_ref().unwrap_or(&FRESH);
        (!stored.phase.ended()).then(|| Self {
            name,
            spec: &rollout.spec,
            generation: rollout.metadata.generation.unwrap_or(0),
            stored,
            now: Timestamp::UNIX_EPOCH,
            active: false,
            waves: Vec::new(),
            stake: Stake::default(),
            gates: Vec::new(),
            analysis: Analysis::default(),
            not_ready: None,
        })
    }

    /// Seats every member. `place` is told where a member is that still wants the target.
    pub fn fill(&mut self, known: &Known<'a>, mut place: impl FnMut(&'a str, usize, bool, bool)) {
        let spec = self.spec;
        let skip: HashSet<&str> = spec.skip.iter().map(String::as_str).collect();
        for (index, plan) in spec.waves.iter().enumerate() {
            let mut wave = WaveView::new(plan, self.stored.waves.get(index));
            for name in &plan.members {
                let Some(member) = known.fleet.members.get(name) else {
                    wave.out += 1;
                    continue;
                };
                let (wish, skipped) = (known.wishes.get(&**name), skip.contains(&**name));
                let seat = seat(spec, skipped, member, wish);
                wave.count(name, member, wish, seat);
                self.stake.count(spec, known, (name, member), wish, seat, skipped);
                let there = member.on_a_hop() && on_target(spec, member);
                // A tenant of that name may be another one by now, of another operator.
                let same = member.operator == spec.operator;
                if same && (there || wish.is_some_and(|wish| *wish.target == spec.target)) {
                    place(name, index, skipped, there);
                }
            }
            self.waves.push(wave);
        }
        self.now = known.now;
        self.gates = spec.waves.iter().map(|wave| gate::shut(self.name, spec, wave, known.fleet)).collect();
        self.not_ready = known.releases.not_ready(&spec.operator, &spec.target);
        self.analysis = analysis::look(self, known);
    }

    /// Tenants that are on their way or fell back, over all waves.
    pub fn taken(&self) -> usize {
        self.waves.iter().map(WaveView::taken).sum()
    }

    pub fn in_flight(&self) -> usize {
        self.waves.iter().map(|wave| wave.in_flight.len()).sum()
    }
}

impl<'a> WaveView<'a> {
    fn new(plan: &'a PlannedWave, stored: Option<&'a WaveStatus>) -> Self {
        Self {
            plan,
            stored: stored.filter(|stored| stored.name == plan.name).unwrap_or(&FRESH_WAVE),
            ready: Vec::new(),
            broken: Vec::new(),
            shut: 0,
            in_flight: Vec::new(),
            regressed: Vec::new(),
            recovering: 0,
            paused: 0,
            charged: Vec::new(),
            excused: Vec::new(),
            proven: 0,
            well: Vec::new(),
            failed: 0,
            out: 0,
            first_grant: None,
            last_grant: None,
            last_failure: None,
        }
    }

    fn count(&mut self, name: &'a str, member: &Member, wish: Option<&Wish>, seat: Seat) {
        let paused = member.standing == Standing::Paused;
        self.recovering += u32::from(seat == Seat::Regressed && !paused);
        self.paused += u32::from(matches!(seat, Seat::InFlight | Seat::Regressed) && paused);
        match seat {
            Seat::Ready if wish.is_some_and(Wish::shut) => self.shut += 1,
            Seat::Ready if wish.is_some_and(Wish::broken) => self.broken.push(name),
            Seat::Ready => self.ready.push(name),
            Seat::InFlight => self.in_flight.push(name),
            Seat::Regressed => self.regressed.push(name),
            Seat::Proven => {
                self.proven += 1;
                self.well.extend((!paused).then_some(name));
            }
            Seat::Refused | Seat::Out => self.out += 1,
            Seat::Failed { charged } => {
                self.failed += 1;
                let list = if charged { &mut self.charged } else { &mut self.excused };
                list.push(name);
                if let Health::Failed { at, .. } = member.health {
                    self.last_failure = self.last_failure.max(Some(at));
                }
            }
        }
        let moved = matches!(seat, Seat::InFlight | Seat::Proven | Seat::Regressed | Seat::Failed { .. });
        if let Some(granted) = member.granted.as_ref().filter(|granted| moved && granted.rollout.is_some()) {
            self.first_grant = Some(self.first_grant.map_or(granted.at, |first| first.min(granted.at)));
            self.last_grant = self.last_grant.max(Some(granted.at));
        }
    }

    /// Slots taken: tenants on their way, and tenants that fell back after they were proven.
    pub fn taken(&self) -> usize {
        self.in_flight.len() + self.regressed.len()
    }

    /// Whether nothing is left to be done here: every member is proven, failed, or left out, and nobody is on the way.
    pub fn proven_throughout(&self) -> bool {
        self.taken() == 0 && self.ready.is_empty() && self.broken.is_empty() && self.shut == 0
    }

    /// Whether the wave says nothing about the target: nobody is proven on it, and what failed was not its doing.
    pub fn inconclusive(&self) -> bool {
        self.proven == 0 && self.charged.is_empty() && !self.excused.is_empty()
    }

    /// Whether anybody was moved, so that there is something to watch in a soak.
    pub fn anybody(&self) -> bool {
        self.proven + self.failed > 0
    }
}

impl Stake {
    fn count(
        &mut self,
        spec: &RolloutSpec,
        known: &Known,
        (name, member): (&str, &Member),
        wish: Option<&Wish>,
        seat: Seat,
        skipped: bool,
    ) {
        if skipped || member.standing == Standing::Deleting || member.operator != spec.operator {
            return;
        }
        if !wants(spec, member, wish) {
            self.elsewhere += 1;
            // The way back was not asked for: it is no reason to end a run that others wait for.
            let newer = wish.is_some_and(|wish| {
                wish.back.is_none()
                    && path::newer(wish.target, &spec.target)
                    && wish.movable()
                    && !wish.broken()
                    && known.startable(name, member)
            });
            self.newer += u32::from(newer);
            return;
        }
        let never = wish.and_then(|wish| wish.refusal.as_ref()).is_some_and(|refusal| refusal.kind == Kind::Never);
        match seat {
            Seat::Ready => self.waiting += 1,
            Seat::Refused if !never => self.waiting += 1,
            Seat::InFlight | Seat::Proven | Seat::Regressed => self.settled += 1,
            Seat::Refused | Seat::Failed { .. } | Seat::Out => {}
        }
    }
}
