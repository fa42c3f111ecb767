//! I10: a tenant whose every write fails delays nobody else.

use crate::runner::{ALONE, Runner};
use crate::scene::{SOON, Scene, names};
use crate::support::eventually;
use crate::support::proxy::{Fault, Match};

#[tokio::test]
async fn poisoned_tenants_delay_nobody_and_recover_by_themselves() {
    let scene = Scene::begin().await;
    scene.operator("poison", &["1.0.0".to_owned()]).await;
    let runner = Runner::start(&scene, "poison", ALONE);
    runner.until_warm().await;
    // The first of the alphabet, twice: one is refused, the other never gets an answer.
    let poisoned = names("aa", 2);
    let rules = [Fault::status(500), Fault::Hang]
        .into_iter()
        .zip(&poisoned)
        .map(|(fault, name)| runner.proxy.add(Match::work().namespace(&format!("tenant-{name}")).before(fault)));
    let rules: Vec<_> = rules.collect();
    for name in &poisoned {
        scene.tenant(name, "poison", "1.0.0").await;
    }
    let struck = async || rules.iter().all(|rule| runner.proxy.matched(*rule) > 0);
    eventually("both are poisoned", SOON, struck).await;

    let healthy = names("zz", 5);
    for name in &healthy {
        scene.tenant(name, "poison", "1.0.0").await;
    }
    scene.until_run(&healthy, "1.0.0").await;
    for name in &poisoned {
        assert!(!scene.run(std::slice::from_ref(name), "1.0.0").await, "{name} cannot have got anywhere");
    }
    let writes_in = |log: Vec<crate::support::proxy::Request>| {
        let work = |request: &crate::support::proxy::Request| request.is_work() && request.namespace == "tenant-aa-a";
        log.into_iter().filter(work).count()
    };
    // Growing pauses: no storm. The first stage within the namespace is three objects.
    let tries = writes_in(runner.proxy.log());
    assert!(tries <= 3 * 16, "{tries} writes for a tenant that is refused");

    for rule in rules {
        runner.proxy.remove(rule);
    }
    scene.until_run(&poisoned, "1.0.0").await;
}
