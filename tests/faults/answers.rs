//! K9–K11: the API server refuses, hangs, or is cut off before and after it took a write; on the claim, on objects of the
//! stack, on a status. Whatever it is, the tenant gets there, and nothing is made twice.

use crate::oracle::{deletes_carry_the_uid, tally};
use crate::runner::{ALONE, Runner};
use crate::scene::Scene;
use crate::support::proxy::{Fault, Match, Rule};

/// What can happen to a write, the first two times it is sent.
const FAULTS: [&str; 6] = ["429", "500", "503", "hang", "reset-before", "reset-after"];
/// Which write it happens to.
const WRITES: [&str; 5] = ["finalizer", "claim", "namespace", "quota", "deployment"];

fn rule(fault: &str, write: &str, tenant: &str) -> Rule {
    let of_stack = |resource: &str| Match::verb("apply").resource(resource).namespace(&format!("tenant-{tenant}"));
    let matching = match write {
        "finalizer" => Match::verb("patch").resource("tenants").name(tenant),
        "claim" => Match::verb("update").resource("tenants").subresource("status").name(tenant),
        "namespace" => Match::verb("apply").resource("namespaces").name(&format!("tenant-{tenant}")),
        "quota" => of_stack("resourcequotas"),
        _ => of_stack("deployments"),
    };
    let matching = matching.first(2);
    match fault {
        "429" => matching.before(Fault::Status { code: 429, retry_after_seconds: Some(1) }),
        "hang" => matching.before(Fault::Hang),
        "reset-before" => matching.before(Fault::Reset),
        "reset-after" => matching.after(Fault::Reset),
        code => matching.before(Fault::status(code.parse().unwrap())),
    }
}

#[tokio::test]
async fn refused_hung_and_lost_writes_are_made_up_for_and_nothing_is_made_twice() {
    let scene = Scene::begin().await;
    scene.operator("answers", &["1.0.0".to_owned()]).await;
    let runner = Runner::start(&scene, "answers", ALONE);
    runner.until_at_rest().await;
    let began = runner.proxy.requests();
    scene.tenant("undisturbed", "answers", "1.0.0").await;
    scene.until_run(&["undisturbed".to_owned()], "1.0.0").await;
    runner.until_at_rest().await;
    let undisturbed = tally(&runner.proxy.log_from(began));

    let began = runner.proxy.requests();
    let (mut tenants, mut rules) = (Vec::new(), Vec::new());
    for write in WRITES {
        for fault in FAULTS {
            let tenant = format!("{write}-{fault}");
            rules.push((tenant.clone(), runner.proxy.add(rule(fault, write, &tenant))));
            tenants.push(tenant);
        }
    }
    for tenant in &tenants {
        scene.tenant(tenant, "answers", "1.0.0").await;
    }
    scene.until_run(&tenants, "1.0.0").await;
    runner.until_at_rest().await;
    let log = runner.proxy.log_from(began);
    for (tenant, rule) in rules {
        // A write that was lost only on its way back need not be sent again.
        let times = if tenant.ends_with("reset-after") { 1 } else { 2 };
        assert!(runner.proxy.matched(rule) >= times, "the fault of {tenant} struck");
    }
    for (what, count) in tally(&log) {
        let wanted = undisturbed.get(&what).copied().unwrap_or(0) * tenants.len();
        assert_eq!(count, wanted, "{what:?} for {} tenants", tenants.len());
    }
    deletes_carry_the_uid(&log);
}
