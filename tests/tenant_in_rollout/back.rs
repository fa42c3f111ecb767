//! Grants of what a tenant does not ask for in so many words: back to what it had, and a step on its way.
use leasehold::{
    api::Phase,
    domain::{digest::Revision, report::WaitingOn},
    plan::Planner,
};

use super::{OBJECTS, after, fleet, granted, running, summary, tenant};
use crate::model::Model;

const BAD: &str = "memcached-1.2.0-1";
/// Reached over 1.1.0, and alone in knowing the value `size`.
const SECOND: &str = r#"
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-2.0.0}
spec:
  operator: memcached
  version: 2.0.0
  upgradesFrom: ">=1.1.0, <1.2.0"
  valuesSchema: {type: object, properties: {size: {type: integer}}}
  image: example.com/memcached:2.0.0
  leaderElection: {id: memcached.example.com}
"#;

/// The canary's failure on 1.2.0 takes it back.
fn taken_back() -> Model {
    let mut model = running();
    let policy = OBJECTS.split("---").next().unwrap().replace("  order: Name", "  order: Name\n  onFailure: Rollback");
    model.apply(&policy);
    model.apply(&fleet("1.2.0"));
    model.settle();
    after(&mut model, 10);
    assert_eq!(granted(&model, "acme"), "1.2.0");
    after(&mut model, 121);
    model
}

#[test]
fn a_tenant_that_is_taken_back_remembers_it_whatever_git_says() {
    let mut model = taken_back();
    assert_eq!(model.rollout(BAD).status.unwrap().phase, Phase::RolledBack);
    let status = model.tenant("acme").status.unwrap();
    let grant = status.granted.unwrap();
    assert_eq!((grant.version.as_str(), grant.rollout.as_deref()), ("1.0.0", Some("memcached-1.0.0-2")));
    let rejected = Revision::parse(&status.rejected[0].revision).unwrap();
    assert_eq!(rejected.release, status.desired.map(|d| Revision::parse(&d.revision).unwrap().release).unwrap());
    assert!(status.rejected[0].reason.contains("1.2.0 was taken back"), "{}", status.rejected[0].reason);
    model.apply(&fleet("1.2.0"));
    model.settle();
    after(&mut model, 86_400);
    assert_eq!(super::TENANTS.map(|name| granted(&model, name)), ["1.0.0", "1.0.0", "1.0.0"]);
    assert_eq!(
        (summary(&model, "acme"), summary(&model, "bolt")),
        ("Stalled: PathBlocked".into(), "Waiting: Suspended".into())
    );
    model.apply(&fleet("1.1.0"));
    model.settle();
    after(&mut model, 10);
    assert_eq!(granted(&model, "acme"), "1.1.0", "another version is free");
}

#[test]
fn what_does_not_fit_the_old_release_is_said_and_nothing_is_touched() {
    let mut model = running();
    let releases = OBJECTS.replace(
        "rollbackTo: \">=1.0.0\",",
        "rollbackTo: \">=1.0.0\", valuesSchema: {type: object, properties: {size: {type: integer}}},",
    );
    let policy = releases.split("---").next().unwrap().replace("  order: Name", "  order: Name\n  onFailure: Rollback");
    model.apply(&releases);
    model.apply(&policy);
    for name in super::TENANTS {
        model.apply(&tenant(name, "version: 1.2.0, values: {size: 3}"));
    }
    model.settle();
    after(&mut model, 10);
    after(&mut model, 121);
    let status = model.tenant("acme").status.unwrap();
    assert_eq!(
        (status.granted.unwrap().version.as_str(), status.summary.as_str()),
        ("1.2.0", "Stalled: InvalidValues")
    );
    assert!(status.rejected.is_empty());
}

#[test]
fn who_cannot_take_a_step_on_the_way_keeps_no_slot_from_the_next_in_line() {
    let mut model = running();
    let policy = OBJECTS.split("---").next().unwrap().replace("maxConcurrency: 25", "maxConcurrency: 1");
    model.apply(&policy);
    model.apply(SECOND);
    model.apply(&fleet("2.0.0"));
    model.apply(&tenant("acme", "version: 2.0.0, values: {size: 3}"));
    model.settle();
    after(&mut model, 10);
    assert_eq!(
        (granted(&model, "acme").as_str(), granted(&model, "cern").as_str()),
        ("1.0.0", "1.1.0"),
        "the next in line"
    );
    assert_eq!(summary(&model, "acme"), "Stalled: InvalidValues");
    let wait = model.plan().rollouts.waits["acme"].clone();
    assert_eq!(wait.0.on, WaitingOn::Inconclusive, "{}", wait.1);
    for _ in 0..8 {
        after(&mut model, 60);
    }
    assert_eq!(super::TENANTS.map(|name| granted(&model, name)), ["1.0.0", "2.0.0", "2.0.0"]);
    let runs = model.world().rollouts.len();
    model.planner = Planner::default();
    after(&mut model, 3600);
    assert_eq!(model.world().rollouts.len(), runs, "a new leader makes no run for it");
    model.apply(&tenant("acme", "version: 2.0.0"));
    model.settle();
    after(&mut model, 10);
    assert_eq!(granted(&model, "acme"), "1.1.0", "it fits now");
}

#[test]
fn a_step_on_the_way_is_granted_and_the_end_comes_after_it() {
    let mut model = running();
    model.apply(SECOND);
    model.apply(&fleet("2.0.0"));
    model.settle();
    after(&mut model, 10);
    let grant = model.tenant("acme").status.unwrap().granted.unwrap();
    assert_eq!((grant.version.as_str(), grant.towards.unwrap().version.as_str()), ("1.1.0", "2.0.0"));
    assert_eq!(granted(&model, "bolt"), "1.0.0");
    after(&mut model, 60);
    assert_eq!(
        super::TENANTS.map(|name| granted(&model, name)),
        ["2.0.0", "1.1.0", "1.1.0"],
        "the canary first, again"
    );
    after(&mut model, 60);
    assert_eq!(super::TENANTS.map(|name| granted(&model, name)), ["2.0.0", "2.0.0", "2.0.0"]);
}
