//! What a status says in the very write that records a new grant.
use leasehold::plan::tenant::Step;

use super::{begun, fleet, running};

#[test]
fn a_claim_speaks_of_what_is_granted_and_not_of_what_ran_before() {
    let mut model = running();
    model.apply(&fleet("1.1.0"));
    model.settle();
    model.wait(10);
    let claim = (0..8).find_map(|_| {
        model.plan();
        let next = model.planner.next("acme").unwrap();
        let claims = |s: &leasehold::api::TenantStatus| s.granted.as_ref().is_some_and(|g| g.version == "1.1.0");
        let claim = match &next.step {
            Some(Step::Status(status)) if claims(status) => Some(status.clone()),
            _ => None,
        };
        model.step();
        claim
    });
    let claim = claim.expect("the canary is granted");
    let ready = claim.conditions.iter().find(|c| c.type_ == "Ready").unwrap();
    assert_eq!((ready.status.as_str(), claim.summary.as_str()), ("False", "Upgrading to 1.1.0"));
    let led = claim.conditions.iter().find(|c| c.type_ == "LeaderElected").unwrap();
    assert_eq!(led.status, "True", "nobody has looked: what was known stands");
}

#[test]
fn the_canary_of_a_halted_run_is_said_to_be_halted() {
    let mut model = begun("1.2.0");
    super::after(&mut model, 121);
    let status = model.rollout("memcached-1.2.0-1").status.unwrap();
    assert_eq!(format!("{:?} {:?}", status.phase, status.waves[0].phase), "Halted Halted");
}
