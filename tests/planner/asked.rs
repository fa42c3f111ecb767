//! Gates that are asked, in random schedules: answers that come late, flip, or are lost with the process that had them; and
//! what must be true of every verdict, from the answers and not from the engine.
use jiff::Timestamp;
use leasehold::{
    api::{CelGate, Gate, GateVerdict, Pace, PrometheusGate, Rollout, RolloutStatus, Span, When},
    domain::{
        analysis::{self, Answer, Asked, GateKey, Outcome},
        fleet::Fleet,
    },
    plan::rollout::Decisions,
};

use crate::{
    oracle::{Finding, Look, require},
    rng::Rng,
    rules,
    schedule::Schedule,
};

/// A question that was put.
pub struct Out {
    asked: Asked,
    put: Timestamp,
    pub at: i64,
}

/// A gate that is asked about the wave, or about each tenant.
pub fn gate(rng: &mut Rng) -> Gate {
    let interval = rng.u32(2, 20);
    let pace = Pace {
        interval: Span::secs(u64::from(interval)),
        deadline: Span::secs(u64::from(interval + rng.u32(20, 200))),
        failure_limit: rng.u32(0, 2),
    };
    let gate = Gate { name: "asked".into(), ..Gate::default() };
    if rng.percent(50) {
        Gate { prometheus: Some(PrometheusGate { query: "up".into(), pace, ..PrometheusGate::default() }), ..gate }
    } else {
        Gate { cel: Some(CelGate { expression: "true".into(), pace, ..CelGate::default() }), ..gate }
    }
}

/// Whether any unfinished run has such a gate.
pub fn any(fleet: &Fleet) -> bool {
    let waves = fleet.rollouts.values().filter(|run| !rules::phase(run).ended()).flat_map(|run| &run.spec.waves);
    waves.flat_map(|wave| wave.gates.all()).any(|(_, gate)| gate.pace().is_some())
}

impl Schedule {
    /// Puts what the engine wants to know; a process that dies loses its questions.
    pub fn put(&mut self, decisions: &Decisions, crash: bool) {
        if crash {
            self.out.clear();
            return;
        }
        for asked in &decisions.asks {
            if !self.out.iter().any(|out| out.asked == *asked) {
                let at = self.real + 1 + i64::try_from(self.rng.below(4_000)).unwrap();
                self.out.push(Out { asked: asked.clone(), put: self.cluster.now, at });
            }
        }
    }

    /// Gives the answers whose time has come.
    pub fn answer(&mut self) {
        let (due, out) = std::mem::take(&mut self.out).into_iter().partition(|out: &Out| out.at <= self.real);
        self.out = out;
        for Out { asked, put, .. } in due {
            let outcome = match self.rng.below(100) {
                0..75 => Outcome::Passed,
                75..85 => Outcome::Failed,
                85..93 => Outcome::Inconclusive,
                _ => Outcome::Running,
            };
            let (value, message) = (String::new(), "measured".into());
            let answer = Answer { outcome, value, message, asked: put, at: self.cluster.now };
            analysis::answer(&mut self.cluster.fleet.analyses, &asked, answer);
        }
    }
}

fn granted(fleet: &Fleet, name: &str, rollout: &Rollout, wave: usize) -> Option<Timestamp> {
    let plan = &rollout.spec.waves[wave];
    let members = plan.members.iter().filter(|tenant| !rollout.spec.skip.contains(tenant));
    let members = members.filter_map(|tenant| rules::present(fleet, &rollout.spec, tenant));
    let granted = members.filter(|m| rules::failed(m) || m.health == leasehold::domain::fleet::Health::Proven);
    let granted = granted.filter_map(|member| member.granted.as_ref());
    let here = granted.filter(|g| g.rollout.as_deref() == Some(name) && g.target == rollout.spec.target);
    here.filter(|granted| granted.wave.as_ref() == Some(&plan.name)).map(|granted| granted.at).max()
}

/// Nobody passes a gate that is asked but on a recorded pass, at most two intervals old, newer than what it is about.
pub fn open(look: &Look, name: &str, rollout: &Rollout, wave: usize, when: When) -> Finding {
    let stored = rollout.status.as_ref().and_then(|status| status.waves.get(wave));
    for (_, gate) in rollout.spec.waves[wave].gates.all().filter(|(moment, g)| *moment == when && g.pace().is_some()) {
        let found = stored.and_then(|wave| wave.gates.iter().find(|g| g.name == gate.name && g.when == when));
        let found = found.filter(|found| found.verdict == GateVerdict::Passed);
        require(found.is_some(), 2, name, "goes through a gate that was not passed")?;
        let (at, asked) =
            found.and_then(|found| Some((found.at?.0, found.asked_at?.0))).ok_or("a verdict without a time")?;
        let age = look.now.as_millisecond() - at.as_millisecond();
        let allowed = 2 * i64::try_from(gate.pace().unwrap().interval.get().as_millis()).unwrap();
        require((0..=allowed).contains(&age), 2, name, "goes through a gate on a verdict that is too old")?;
        let newer = when == When::Before || granted(look.view, name, rollout, wave).is_none_or(|grant| asked > grant);
        require(newer, 2, name, "ends a wave on evidence that is older than its last grant")?;
    }
    Ok(())
}

/// Whoever goes through a gate that asks about tenants was answered for by himself.
pub fn own(look: &Look, tenant: &str, name: &str, rollout: &Rollout, wave: usize) -> Finding {
    let plan = &rollout.spec.waves[wave];
    for gate in plan.gates.before.iter().filter(|gate| gate.cel.is_some()) {
        let (rollout, wave, gate) = (name.to_owned(), plan.name.clone(), gate.name.clone());
        let answers = look.view.analyses.get(&GateKey { rollout, wave, when: When::Before, gate });
        let answer = answers.and_then(|answers| answers.of.get(&Some(tenant.to_owned())));
        let yes = answer.is_some_and(|answer| answer.outcome == Outcome::Passed);
        require(yes, 2, tenant, "goes through a gate that was asked about others only")?;
    }
    Ok(())
}

/// A pass that is recorded is one that everybody who was asked gave, to that round, after it began; and a wave ends on open
/// gates only.
pub fn honest(look: &Look, name: &str, next: &RolloutStatus) -> Finding {
    let rollout = look.view.rollouts.get(name).ok_or("a status for nobody")?;
    for (index, after) in next.waves.iter().enumerate() {
        let before = rollout.status.as_ref().and_then(|status| status.waves.get(index));
        let was = before.map_or(leasehold::api::WavePhase::Pending, |wave| wave.phase);
        let done = leasehold::api::WavePhase::Done;
        if after.phase == done && was != done && after.proven + after.failed > 0 {
            open(look, name, rollout, index, When::After)?;
        }
        for gate in &after.gates {
            let known = before.and_then(|wave| wave.gates.iter().find(|g| g.name == gate.name && g.when == gate.when));
            let passed = known.map_or(0, |known| known.passed);
            if gate.passed <= passed {
                continue;
            }
            require(gate.passed == passed + 1, 2, name, "counts more passes than there were rounds")?;
            let (rollout_name, wave) = (name.to_owned(), after.name.clone());
            let key = GateKey { rollout: rollout_name, wave, when: gate.when, gate: gate.name.clone() };
            let answers = look.view.analyses.get(&key).ok_or("a pass without an answer")?;
            let begun = known.and_then(|known| known.round_at).map(|at| at.0);
            let round = known.map(|known| known.round) == Some(answers.round.number) && begun == Some(answers.round.at);
            require(round, 2, name, "records a pass of another round")?;
            let yes = |answer: &Answer| answer.outcome == Outcome::Passed && Some(answer.asked) >= begun;
            require(
                !answers.of.is_empty() && answers.of.values().any(yes),
                2,
                name,
                "records a pass that nobody gave",
            )?;
            let no = answers.of.values().filter(|answer| answer.outcome == Outcome::Failed);
            let tenants = answers.of.keys().all(Option::is_some);
            require(tenants || no.count() == 0, 2, name, "records a pass over a no")?;
        }
        count_is_kept(name, rollout, next)?;
    }
    Ok(())
}

/// Counters never go back, unless a person has let a halted run go on.
fn count_is_kept(name: &str, rollout: &Rollout, next: &RolloutStatus) -> Finding {
    let Some(stored) = &rollout.status else { return Ok(()) };
    let resumed = stored.halted.is_some() && next.halted.is_none();
    for (before, after) in stored.waves.iter().zip(&next.waves) {
        for was in &before.gates {
            let is = after.gates.iter().find(|is| is.name == was.name && is.when == was.when);
            let kept = is.is_some_and(|is| is.failed >= was.failed && is.round >= was.round);
            require(kept || resumed, 3, name, "forgets what a gate was told")?;
        }
    }
    Ok(())
}

/// Whether a gate of the run failed too often, or kept it waiting too long.
pub fn gave_up(look: &Look, name: &str, rollout: &Rollout) -> bool {
    let next = look.decisions.status.get(name);
    let stored = rollout.status.iter();
    stored.chain(next).any(|status| {
        rollout.spec.waves.iter().zip(&status.waves).any(|(plan, wave)| {
            plan.gates.all().any(|(when, gate)| {
                let Some(pace) = gate.pace() else { return false };
                let told = wave.gates.iter().find(|told| told.name == gate.name && told.when == when);
                told.is_some_and(|told| {
                    let deadline = i64::try_from(pace.deadline.get().as_millis()).unwrap();
                    let late = |since: i64| look.now.as_millisecond() - since >= deadline;
                    told.failed > pace.failure_limit + rollout.spec.additional_failures
                        || told.since.is_some_and(|since| late(since.0.as_millisecond()))
                })
            })
        })
    })
}
