//! Grants of what a tenant does not ask for in so many words: back to what it had, and a step on its way.
use leasehold::{api::Phase, domain::digest::Revision};

use super::{OBJECTS, after, fleet, granted, running, summary, tenant};
use crate::model::Model;

const BAD: &str = "memcached-1.2.0-1";

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
fn a_step_on_the_way_is_granted_and_the_end_comes_after_it() {
    let mut model = running();
    model.apply(
        r#"
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-2.0.0}
spec: {operator: memcached, version: 2.0.0, upgradesFrom: ">=1.1.0, <1.2.0", image: "example.com/memcached:2.0.0", leaderElection: {id: memcached.example.com}}
"#,
    );
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
