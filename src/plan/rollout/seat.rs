//! Where one tenant of a plan stands in its run, from facts alone: the run keeps no list of who did what.
use super::wish::{Kind, Wish};
use crate::{
    api::RolloutSpec,
    domain::fleet::{Granted, Health, Member, OwnEdit, Standing},
};

/// A tenant's place in the course of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Wants the target and may have it when its turn comes.
    Ready,
    /// Wants it, cannot have it at the moment (held, paused): left out for now.
    Refused,
    /// On the target, not yet proven: takes a slot, whatever else is said about it.
    InFlight,
    Proven,
    /// Was proven on the target and is not ready now: takes a slot again.
    Regressed,
    Failed {
        /// Whether the run has to answer for it: not for a tenant that was broken before, or that changed itself on the way.
        charged: bool,
    },
    /// Skipped by a person, gone, on its way out, or with another wish.
    Out,
}

/// Only what is recorded with the tenant counts. A tenant that was put on the target by somebody else (made anew, or
/// edited while in flight) is judged like one that this run moved. A failure counts as long as it is to be seen, even
/// after the tenant changed its wish: it says something about the target.
pub fn seat(spec: &RolloutSpec, skipped: bool, member: &Member, wish: Option<&Wish>) -> Seat {
    if member.operator != spec.operator || member.standing == Standing::Deleting {
        return Seat::Out;
    }
    let wanted = wants(spec, member, wish);
    match member.granted.as_ref().filter(|granted| granted.target == spec.target) {
        Some(granted) => moved(granted, &member.health, skipped, wanted),
        None if skipped || !wanted => Seat::Out,
        None => match wish.map(|wish| wish.refusal.as_ref().map(|refusal| refusal.kind)) {
            Some(None | Some(Kind::Release | Kind::Closed)) => Seat::Ready,
            Some(Some(Kind::Now | Kind::Never)) => Seat::Refused,
            None => Seat::Out,
        },
    }
}

/// Whether the tenant was granted the run's target.
pub fn on_target(spec: &RolloutSpec, member: &Member) -> bool {
    member.granted.as_ref().is_some_and(|granted| granted.target == spec.target)
}

/// Whether the tenant wants what the run does with it: to go there, or to be there. One that asks for what failed there
/// wants to stay where it is until a person says otherwise; one that has reached a step of its way waits for the others.
pub fn wants(spec: &RolloutSpec, member: &Member, wish: Option<&Wish>) -> bool {
    if on_target(spec, member) {
        member.desired.as_ref() == Some(&spec.target) || member.asks_for_rejected() || member.on_a_hop()
    } else {
        wish.is_some_and(|wish| *wish.target == spec.target)
    }
}

fn moved(granted: &Granted, health: &Health, skipped: bool, wanted: bool) -> Seat {
    // It was proven here before the tenant changed itself: the verdict on the target is in, and stands.
    let settled = granted.own_edit == OwnEdit::AfterProof;
    match health {
        Health::Moving | Health::Failed { .. } if settled && !skipped => Seat::Proven,
        Health::Moving if settled => Seat::Out,
        Health::Moving => Seat::InFlight,
        _ if skipped => Seat::Out,
        Health::Proven => Seat::Proven,
        Health::Regressed if wanted => Seat::Regressed,
        Health::Regressed => Seat::Out,
        Health::Failed { .. } => Seat::Failed { charged: !granted.broken_before && granted.own_edit == OwnEdit::No },
    }
}
