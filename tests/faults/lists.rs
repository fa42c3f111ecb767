//! K12, K13: what the process sees of the cluster is cut off, too old, silent, refused or empty. It never takes that for
//! the absence of things: nothing is deleted, and it finds its way back by itself.

use std::sync::Arc;

use crate::oracle::tally;
use crate::runner::{ALONE, Runner};
use crate::scene::{SOON, Scene, names};
use crate::support::eventually;
use crate::support::proxy::{Fault, Match, Proxy};

/// The default silence would take minutes.
const IMPATIENT: &[&str] = &[
    "--leader-elect=false",
    "--lease-duration=3s",
    "--renew-deadline=2s",
    "--retry-period=500ms",
    "--watch-silence=5s",
];

fn behind<'a>(scene: &'a Scene, proxy: &Arc<Proxy>) -> Runner<'a> {
    let kubeconfig = proxy.kubeconfig().to_owned();
    Runner::behind(scene, Arc::clone(proxy), "leasehold-system", kubeconfig, ALONE)
}

fn deletes(runner: &Runner) -> usize {
    let log = runner.proxy.log();
    log.iter().filter(|request| request.is_work() && request.verb.starts_with("delete")).count()
}

#[tokio::test]
async fn cut_ended_and_expired_watches_cost_nothing_but_time() {
    let scene = Scene::begin().await;
    scene.operator("watches", &["1.0.0".to_owned(), "1.0.1".to_owned()]).await;
    let proxy = Arc::new(scene.cluster.proxy("watches"));
    // Each watch of Tenants, Deployments and pods ends after its next few events, each time in another way.
    let faults = [
        Fault::CutWatch { after: 2 },
        Fault::ExpireWatch { after: 1 },
        Fault::EndWatch { after: 3 },
        Fault::ExpireWatch { after: 0 },
    ];
    let mut rules = Vec::new();
    for resource in ["tenants", "deployments", "pods", "rollouts", "namespaces"] {
        for (n, fault) in faults.iter().enumerate() {
            rules.push(proxy.add(Match::verb("watch").resource(resource).nth(n + 1).before(fault.clone())));
        }
    }
    let runner = behind(&scene, &proxy);
    let tenants = names("watched", 4);
    for name in &tenants {
        scene.tenant(name, "watches", "1.0.0").await;
    }
    scene.until_run(&tenants, "1.0.0").await;
    scene.bump(&tenants, "1.0.1").await;
    scene.until_run(&tenants, "1.0.1").await;
    eventually("the run is over", SOON, async || scene.succeeded("watches", "1.0.1").await.is_some()).await;
    runner.until_at_rest().await;
    assert!(rules.iter().all(|rule| proxy.matched(*rule) >= 2), "the watches were disturbed");
    let tally = tally(&proxy.log());
    assert_eq!(tally[&("create", "rollouts".to_owned())], 1, "one run");
    assert_eq!(tally[&("create", "deployments".to_owned())], tenants.len(), "each stack once");
    assert_eq!(deletes(&runner), 0);
}

#[tokio::test]
async fn refused_and_empty_lists_delete_nothing() {
    let scene = Scene::begin().await;
    scene.operator("lists", &["1.0.0".to_owned(), "1.0.1".to_owned()]).await;
    let tenants = names("listed", 3);
    {
        let runner = Runner::start(&scene, "before", ALONE);
        for name in &tenants {
            scene.tenant(name, "lists", "1.0.0").await;
        }
        scene.until_run(&tenants, "1.0.0").await;
        runner.until_at_rest().await;
    }
    let resources =
        ["tenants", "operatorreleases", "rolloutpolicies", "rollouts", "namespaces", "deployments", "roles", "pods"];
    for fault in [Fault::EmptyList, Fault::status(500), Fault::status(403)] {
        for resource in resources {
            // The first list of that kind is wrong; its watch then says that it is too old, which brings a second list.
            let what = format!("{fault:?} for {resource}");
            let proxy = Arc::new(scene.cluster.proxy("lists"));
            let lists = Match::verb("list").resource(resource).nth(1);
            let listed = match fault {
                Fault::EmptyList => proxy.add(lists.after(fault.clone())),
                _ => proxy.add(lists.before(fault.clone())),
            };
            let again = Match::verb("watch").resource(resource).nth(1);
            let again = again.before(Fault::ExpireWatch { after: 0 });
            proxy.add(again);
            let runner = behind(&scene, &proxy);
            eventually(&format!("{what}: it is listed again"), SOON, async || proxy.matched(listed) >= 2).await;
            runner.until_at_rest().await;
            assert_eq!(deletes(&runner), 0, "{what}");
            let made = tally(&proxy.log());
            assert!(made.is_empty(), "{what}: {made:?}");
            assert!(scene.run(&tenants, "1.0.0").await, "{what}: all is as it was");
        }
    }
    // It still works.
    let runner = Runner::start(&scene, "after", ALONE);
    runner.until_warm().await;
    scene.bump(&tenants, "1.0.1").await;
    scene.until_run(&tenants, "1.0.1").await;
}

#[tokio::test]
async fn lists_that_hang_and_watches_that_fall_silent_are_given_up() {
    let scene = Scene::begin().await;
    scene.operator("silent", &["1.0.0".to_owned()]).await;
    let proxy = Arc::new(scene.cluster.proxy("silent"));
    let struck = [
        proxy.add(Match::verb("list").resource("tenants").nth(1).before(Fault::Hang)),
        proxy.add(Match::verb("list").resource("roles").nth(1).before(Fault::Hang)),
        proxy.add(Match::verb("watch").resource("pods").nth(1).before(Fault::Hang)),
        proxy.add(Match::verb("watch").resource("tenants").nth(1).before(Fault::MuteWatch { after: 0 })),
        proxy.add(Match::verb("watch").resource("deployments").nth(1).before(Fault::MuteWatch { after: 0 })),
    ];
    let kubeconfig = proxy.kubeconfig().to_owned();
    let runner = Runner::behind(&scene, Arc::clone(&proxy), "leasehold-system", kubeconfig, IMPATIENT);
    let tenants = names("silent", 2);
    for name in &tenants {
        scene.tenant(name, "silent", "1.0.0").await;
    }
    scene.until_run(&tenants, "1.0.0").await;
    let again = async || struck.iter().all(|rule| proxy.matched(*rule) >= 2);
    eventually("each is asked for again", SOON, again).await;
    assert_eq!(tally(&proxy.log())[&("create", "deployments".to_owned())], tenants.len(), "each stack once");
    assert_eq!(deletes(&runner), 0);
}
