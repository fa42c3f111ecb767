//! One condition of a status, as all of them are written.
use jiff::Timestamp;

use crate::api::{Condition, Time};

/// Characters of a message at most.
const MESSAGE: usize = 2000;

/// The condition of that kind. It keeps its time of transition while its status is what `old` has.
#[must_use]
pub fn condition(
    old: &[Condition],
    (kind, holds): (&str, bool),
    (reason, message): (&str, &str),
    generation: i64,
    now: Timestamp,
) -> Condition {
    let status = if holds { "True" } else { "False" };
    let same = old.iter().find(|c| c.type_ == kind && c.status == status);
    Condition {
        type_: kind.into(),
        status: status.into(),
        reason: reason.into(),
        // Ten thousand tenants have several each, and hardly one is that long.
        message: if message.len() > MESSAGE { message.chars().take(MESSAGE).collect() } else { message.to_owned() },
        observed_generation: generation,
        last_transition_time: same.map_or(Time::seconds(now), |c| c.last_transition_time),
    }
}
