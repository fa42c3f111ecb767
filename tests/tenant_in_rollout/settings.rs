//! What changes every tenant's stack goes through waves, whatever it is that changed; a tenant's own edit does not.
use leasehold::api::Phase;
use serde_json::json;

use super::{TENANTS, after, begun, granted, running, summary, tenant};
use crate::model::Model;

const POLICY: &str = "
apiVersion: leasehold.dev/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {tenantPodSecurity: baseline}
";
const LEVEL: &str = "pod-security.kubernetes.io/enforce";

fn levels(model: &Model) -> [String; 3] {
    TENANTS.map(|name| model.object(name, "Namespace")["metadata"]["labels"][LEVEL].as_str().unwrap().to_owned())
}

#[test]
fn a_changed_fleet_policy_reaches_the_canary_first_and_the_others_after_its_soak() {
    let mut model = running();
    model.apply(POLICY);
    model.settle();
    assert_eq!(
        levels(&model),
        ["baseline", "restricted", "restricted"],
        "no further tenant can join: the plan is frozen at once"
    );
    assert_eq!(TENANTS.map(|name| granted(&model, name)), ["1.0.0", "1.0.0", "1.0.0"], "the version is the same");
    after(&mut model, 60);
    after(&mut model, 1);
    assert_eq!(levels(&model), ["baseline", "baseline", "baseline"]);
    assert_eq!(model.rollout("memcached-1.0.0-1").status.unwrap().phase, Phase::Succeeded);
}

#[test]
fn who_waits_for_its_wave_is_kept_as_it_was_granted() {
    let mut model = running();
    model.apply(POLICY);
    model.settle();
    after(&mut model, 10);
    assert_eq!(summary(&model, "bolt"), "Waiting: Soak");
    model.tamper("bolt", "Namespace", |namespace| namespace["metadata"]["labels"][LEVEL] = json!("privileged"));
    model.tamper("bolt", "Service", |service| service["spec"]["ports"] = json!([]));
    model.settle();
    assert_eq!(levels(&model)[1], "restricted", "put back to what was granted");
    assert_ne!(model.object("bolt", "Service")["spec"]["ports"], json!([]));
}

#[test]
fn a_tenants_own_edit_applies_at_once_also_in_the_middle_of_a_rollout() {
    let mut model = begun("1.1.0");
    model.apply(&tenant("cern", "version: 1.1.0, replicas: 3"));
    model.settle();
    assert_eq!(model.object("cern", "Deployment")["spec"]["replicas"], json!(3));
    assert_eq!(granted(&model, "cern"), "1.0.0");
}
