//! The second half of a revision is the tenant's own: what it breaks with it is not for a rollout to answer for.
use leasehold::api::{Phase, WavePhase};

use super::{STARVED, after, begun, granted, summary, tenant};

const GOOD: &str = "memcached-1.1.0-1";
const BAD: &str = "memcached-1.2.0-1";

#[test]
fn a_canary_that_starves_itself_after_its_proof_does_not_stop_the_run() {
    let mut model = begun("1.1.0");
    assert_eq!(model.rollout(GOOD).status.unwrap().waves[0].phase, WavePhase::Soaking);
    model.apply(&tenant("acme", &format!("version: 1.1.0, {STARVED}")));
    model.settle();
    after(&mut model, 60);
    after(&mut model, 1);
    assert_eq!((granted(&model, "bolt"), granted(&model, "cern")), ("1.1.0".into(), "1.1.0".into()));
    after(&mut model, 121);
    assert_eq!(model.rollout(GOOD).status.unwrap().phase, Phase::Succeeded);
    after(&mut model, 600);
    assert_eq!(summary(&model, "acme"), "Stalled: DeadlineExceeded", "it is told about on its own");
}

#[test]
fn a_canary_that_edits_itself_into_nonsense_on_the_way_is_not_charged_and_proves_nothing() {
    let mut model = begun("1.2.0");
    model.apply(&tenant("acme", "version: 1.2.0, values: {bogus: 1}"));
    model.settle();
    after(&mut model, 3600);
    let status = model.rollout(BAD).status.unwrap();
    assert_eq!((status.phase, status.halted), (Phase::Running, None));
    assert_eq!(granted(&model, "bolt"), "1.0.0", "no canary is proven: nobody else goes");
    assert!(status.message.contains("acme") && status.message.contains("skip"), "{}", status.message);
    assert_eq!(summary(&model, "bolt"), "Waiting: Evidence");
    assert_eq!(summary(&model, "acme"), "Stalled: InvalidValues");
}

#[test]
fn a_canary_that_fails_without_an_edit_of_its_own_is_charged() {
    let mut model = begun("1.2.0");
    after(&mut model, 121);
    assert_eq!(model.rollout(BAD).status.unwrap().phase, Phase::Halted);
}

#[test]
fn an_edit_that_was_proven_itself_is_no_excuse_for_what_comes_later() {
    let mut model = begun("1.1.0");
    model.apply(&tenant("acme", "version: 1.1.0, replicas: 3"));
    model.settle();
    let status = model.tenant("acme").status.unwrap();
    assert!(status.granted.as_ref().unwrap().edited);
    assert_eq!(status.granted.map(|g| g.revision), status.running.map(|r| r.revision));
    assert_eq!(summary(&model, "acme"), "Running");
}
