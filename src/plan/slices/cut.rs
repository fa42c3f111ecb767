//! A whole plan in, the Rollout and its slices out.
use crate::api::{INLINE, Members, PlannedWave, Rollout, RolloutSlice, RolloutSliceSpec, SLICE};

/// Waves of a Rollout at most, as the kind bounds them.
const WAVES: usize = 32;
/// A wave of so few is named in the Rollout even where others are not: who the canaries are is to be read there.
const FEW: usize = INLINE / WAVES;

/// The Rollout as it is written, and what has to be there before; no slices where all of it fits into one object.
#[must_use]
pub fn cut(rollout: &Rollout) -> (Rollout, Vec<RolloutSlice>) {
    let (mut short, mut slices) = (rollout.clone(), Vec::new());
    let all: usize = rollout.spec.waves.iter().map(|wave| wave.members.len()).sum();
    if all <= INLINE {
        return (short, slices);
    }
    for wave in short.spec.waves.iter_mut().filter(|wave| wave.members.len() > FEW) {
        let parts = parts(rollout, wave);
        wave.count = u32::try_from(wave.members.len()).ok();
        wave.members = Members::default();
        wave.slices = parts.iter().filter_map(|slice| slice.metadata.name.clone()).collect();
        slices.extend(parts);
    }
    (short, slices)
}

fn parts(rollout: &Rollout, wave: &PlannedWave) -> Vec<RolloutSlice> {
    let run = rollout.metadata.name.clone().unwrap_or_default();
    let index = rollout.spec.waves.iter().position(|planned| planned.name == wave.name).unwrap_or_default();
    let hash = &rollout.spec.plan_hash;
    let slice = |(part, members): (usize, &[String])| {
        let spec = RolloutSliceSpec {
            rollout: run.clone(),
            plan_hash: hash.clone(),
            wave: wave.name.clone(),
            part: u32::try_from(part).unwrap_or(u32::MAX),
            members: members.iter().cloned().collect(),
        };
        RolloutSlice::new(&format!("{run}-{hash}-{index}-{part}"), spec)
    };
    wave.members.chunks(SLICE).enumerate().map(slice).collect()
}
