//! A tenant that is paused on its way: nothing is written for it, so its time stands still.
use leasehold::api::Phase;

use super::{after, begun, tenant};

const BAD: &str = "memcached-1.2.0-1";

#[test]
fn paused_time_does_not_count_towards_the_deadline() {
    let mut model = begun("1.2.0");
    after(&mut model, 60);
    model.apply(&tenant("acme", "version: 1.2.0, mode: Paused"));
    model.settle();
    after(&mut model, 3600);
    let status = model.rollout(BAD).status.unwrap();
    assert_eq!(status.phase, Phase::Running);
    assert!(status.message.contains("1 of those in flight paused by a person"), "{}", status.message);
    model.apply(&tenant("acme", "version: 1.2.0"));
    model.settle();
    assert!(model.tenant("acme").status.unwrap().paused.unwrap().milliseconds >= 3_600_000);
    after(&mut model, 59);
    assert_eq!(model.rollout(BAD).status.unwrap().phase, Phase::Running, "60 + 59 s of its own");
    after(&mut model, 2);
    assert_eq!(model.rollout(BAD).status.unwrap().phase, Phase::Halted);
}
