//! Invariant 13: a status is lost, by a restore or by hand.
use leasehold::domain::marks;

use super::{after, condition, fleet, granted, running, summary, tenant};

#[test]
fn a_lost_status_is_read_back_from_the_workload_and_nobody_jumps_a_wave() {
    let mut model = running();
    for name in super::TENANTS {
        model.lose_status(name, false);
    }
    model.apply(&fleet("1.1.0"));
    model.settle();
    assert_eq!(super::TENANTS.map(|name| granted(&model, name)), ["1.0.0", "1.0.0", "1.0.0"]);
    after(&mut model, 10);
    assert_eq!(super::TENANTS.map(|name| granted(&model, name)), ["1.1.0", "1.0.0", "1.0.0"], "the canary first");
}

#[test]
fn where_nothing_says_what_runs_nothing_is_done_and_a_person_is_told_what_to_do() {
    let mut model = running();
    model.lose_status("acme", true);
    model.apply(&tenant("acme", "version: 1.1.0"));
    model.settle();
    after(&mut model, 3600);
    assert_eq!((granted(&model, "acme"), summary(&model, "acme")), (String::new(), "Stalled: GrantLost".into()));
    let told = condition(&model, "acme", "Stalled").unwrap().message;
    assert!(told.contains(marks::RUNS), "{told}");
}

#[test]
fn the_version_that_a_person_says_is_where_the_way_begins() {
    let said = |version: &str| {
        let object = tenant("acme", "version: 1.1.0");
        let metadata = format!("metadata: {{name: acme, annotations: {{{}: {version}}}}}", marks::RUNS);
        let mut model = running();
        model.lose_status("acme", true);
        model.apply(&object.replace("metadata: {name: acme}", &metadata));
        model.settle();
        after(&mut model, 10);
        model
    };
    let model = said("1.0.0");
    let status = model.tenant("acme").status.unwrap();
    let grant = status.granted.unwrap();
    assert_eq!((grant.version.as_str(), grant.wave.as_deref()), ("1.1.0", Some("canary")), "through a wave");
    let model = said("0.9.0");
    assert_eq!(summary(&model, "acme"), "Stalled: PathBlocked", "1.1.0 is reached from 1.0.0 only");
}
