//! What each tenant waits for that wants to move and is not on its way: never nothing, and never without a reason.
use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::{
    GrantOrder, clock,
    create::{Creation, Delay},
    gate,
    judge::Outcome,
    message,
    pass::Pass,
    run::{Place, Run},
    soak,
    wish::Wish,
};
use crate::{
    api::WavePhase,
    domain::{
        fleet::{Fleet, Member, Standing},
        report::{Wait, WaitingOn},
    },
};

type Waits = BTreeMap<String, (Wait, String)>;

/// Every wait. `granted`: the tenants that go now.
pub fn waits(pass: &Pass, outcomes: &[Outcome], creation: &Creation, granted: &[GrantOrder]) -> Waits {
    let going: HashSet<&str> = granted.iter().map(|order| &*order.tenant).collect();
    let grouped = by_tenant(creation);
    let slots = slots(pass.known.fleet);
    let mut waits = Waits::new();
    for (name, wish) in &pass.known.wishes {
        if wish.member.in_flight() || going.contains(name) {
            continue;
        }
        let place =
            pass.places.get(name).and_then(|place| Some((place, pass.runs.get(place.run)?, outcomes.get(place.run)?)));
        let (on, since, until, note) = match (&wish.refusal, place) {
            (Some(refusal), _) if !wish.shut() => (refusal.on, None, refusal.until, refusal.note.clone()),
            (_, Some((place, run, outcome))) => in_run(*place, run, outcome, wish, &slots),
            (_, None) => outside(pass, name, wish, grouped.get(name).copied()),
        };
        // Where only a slot is missing it is the window that is missing.
        let (on, since, until, note) = match &wish.refusal {
            Some(refusal) if wish.shut() && on == WaitingOn::Concurrency => {
                (refusal.on, since, refusal.until, refusal.note.clone())
            }
            _ => (on, since, until, note),
        };
        let note = on_the_way(wish, note);
        let since = since.or(Some(wish.member.desired_since));
        waits.insert((*name).to_owned(), (Wait { on, since, until }, note));
    }
    waits
}

/// What the whole fleet moves at once, and who keeps a slot of it until a person acts.
fn slots(fleet: &Fleet) -> String {
    let ceiling = format!("the fleet {}", fleet.max_concurrency);
    let paused = |(_, member): &(&String, &Member)| member.in_flight() && member.standing == Standing::Paused;
    match fleet.members.restless().find(paused) {
        Some((name, _)) => format!("{ceiling}; {name} is paused on its way and keeps its slot"),
        None => ceiling,
    }
}

/// Says where a step leads that is not what the tenant asks for.
fn on_the_way(wish: &Wish, note: String) -> String {
    let to = &wish.target.version;
    match (wish.towards(), wish.back) {
        (Some(end), _) => format!("{note} ({to} comes first, on the way to {})", end.version),
        (None, Some(run)) => format!("{note} (it goes back to {to}, because rollout {run} was taken back)"),
        (None, None) => note,
    }
}

fn by_tenant<'c>(creation: &'c Creation) -> BTreeMap<&'c str, &'c Delay> {
    let tenants =
        creation.waits.iter().flat_map(|(group, delay)| group.members.iter().map(move |member| (member.name, delay)));
    tenants.collect()
}

type Told = (WaitingOn, Option<Timestamp>, Option<Timestamp>, String);

/// A tenant that an unfinished run will take there.
fn in_run(place: Place, run: &Run, outcome: &Outcome, wish: &Wish, slots: &str) -> Told {
    let (name, status) = (run.name, &outcome.status);
    let plain = |on, note: String| (on, status.started_at.map(|at| at.0), None, note);
    if place.there {
        let (here, end) = (&run.spec.target.version, wish.member.desired.as_ref().map_or("", |end| &end.version));
        let note =
            format!("it has reached {here} on its way to {end}; the next step begins when rollout {name} has ended");
        return plain(WaitingOn::PriorWave, note);
    }
    if place.skipped {
        return plain(
            WaitingOn::Suspended,
            format!("skipped by a person in rollout {name}; take it out of `skip` to let it move"),
        );
    }
    if let Some(halt) = &status.halted {
        return (WaitingOn::Budget, Some(halt.at.0), None, format!("rollout {name} is halted: {}", halt.reason));
    }
    if status.phase.ended() || outcome.retiring {
        return plain(WaitingOn::Queued, format!("rollout {name} ends without this tenant; the next one takes it"));
    }
    if run.spec.suspend {
        return plain(
            WaitingOn::Suspended,
            format!("rollout {name} is suspended by a person; set `suspend: false` to let it go on"),
        );
    }
    if !run.active && !wish.broken() {
        return plain(
            WaitingOn::Queued,
            format!("rollout {name} waits for another one of {} to end", run.spec.operator),
        );
    }
    in_wave(place, run, outcome, wish, slots)
}

fn in_wave(place: Place, run: &Run, outcome: &Outcome, wish: &Wish, slots: &str) -> Told {
    let (name, status) = (run.name, &outcome.status);
    let started = status.started_at.map(|at| at.0);
    let current = run.waves.iter().position(|wave| Some(&wave.plan.name) == status.current_wave.as_ref());
    let (Some(current), Some(own)) = (current, run.waves.get(place.wave)) else {
        return (WaitingOn::Queued, started, None, format!("rollout {name} is about to end"));
    };
    let own_name = &own.plan.name;
    if place.wave < current {
        let note = format!("its wave {own_name} closed before the tenant could move; the run after {name} takes it");
        return (WaitingOn::Queued, started, None, note);
    }
    let open = run.waves.get(current).zip(status.waves.get(current));
    // Who is broken does not wait for earlier waves.
    let next = if wish.broken() { place.wave } else { current };
    if let Some(gates) = gate::waiting(run, status, next, wish.broken()) {
        let note = format!("wave {} of rollout {name} {}", wave_name(run, next), gates.note);
        return (gates.on, gates.since.or(started), gates.until, note);
    }
    if place.wave == current || wish.broken() {
        let begun = open.is_some_and(|(view, _)| view.stored.phase != WavePhase::Pending);
        // A gate is asked when a place is free for whom it would let go.
        return if begun || wish.broken() || !run.opened_before(place.wave) {
            let (wave, all) = (own.plan.max_concurrency, run.spec.max_concurrency);
            let note = format!("for a free slot: wave {own_name} moves {wave} at once, rollout {name} {all}, {slots}");
            let since = own.stored.started_at.map(|at| at.0).or(started);
            (WaitingOn::Concurrency, since, None, note)
        } else {
            (WaitingOn::PriorWave, started, None, format!("its wave {own_name} of rollout {name} is about to start"))
        };
    }
    let current_name = status.current_wave.as_deref().unwrap_or_default();
    if let Some((view, _)) = open.filter(|(view, _)| view.inconclusive() && view.proven_throughout()) {
        let note = format!("wave {current_name} of rollout {name}: {}", message::nothing_proven(view));
        return (WaitingOn::Evidence, started, None, note);
    }
    let over = open.and_then(|(view, now)| Some((now.soaking_since?.0, soak::over(now, view.plan.soak)?)));
    match over {
        Some((since, until)) => {
            let note = format!("wave {current_name} of rollout {name} soaks until {}", clock::shown(until));
            (WaitingOn::Soak, Some(since), Some(until), note)
        }
        None => (WaitingOn::PriorWave, started, None, format!("wave {current_name} of rollout {name} comes first")),
    }
}

fn wave_name<'r>(run: &'r Run, index: usize) -> &'r str {
    run.waves.get(index).map_or("", |wave| &wave.plan.name)
}

/// A tenant that no unfinished run covers.
fn outside(pass: &Pass, name: &str, wish: &Wish, delay: Option<&Delay>) -> Told {
    let plain = |on, note: String| (on, None, None, note);
    if let Some(run) = pass.known.barred.get(name) {
        let version = &wish.target.version;
        return plain(
            WaitingOn::Suspended,
            format!(
                "the move to {version} was stopped in rollout {run}; ask for another version, or delete that Rollout to try again"
            ),
        );
    }
    match delay {
        Some(Delay::Coalescing(until)) => {
            let note =
                format!("other tenants may change in the same commit; the plan freezes at {}", clock::shown(*until));
            (WaitingOn::Coalescing, None, Some(*until), note)
        }
        Some(Delay::Queued(behind)) => plain(WaitingOn::Queued, format!("behind rollout {behind}; joins the next one")),
        Some(Delay::Frozen(run)) => plain(WaitingOn::Queued, format!("rollout {run} is being created for it")),
        Some(Delay::Unmatched(note) | Delay::Unread(note)) => plain(WaitingOn::Inconclusive, note.clone()),
        None => {
            let policy = &wish.member.policy;
            plain(
                WaitingOn::Inconclusive,
                format!("there is no RolloutPolicy {policy}; create it, or name another one in `spec.rolloutPolicy`"),
            )
        }
    }
}
