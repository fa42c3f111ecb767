//! A gate's Job: named by what it is for, and held to the strictest rules.
use std::sync::Arc;

use jiff::Timestamp;
use leasehold::{
    api::{FleetSpec, Gate, JobGate, JobTemplate, Rollout, Tenant, When},
    domain::{
        analysis::{Asked, GateKey, Outcome, Round},
        world::{TenantSeen, World},
    },
    plan::{
        analysis::{Ask, questions},
        choke_point::{AdmittedJob, Scope, admit_job},
        render::Manifest,
    },
};
use serde_json::{Value, json};

use crate::{RUN, asked, before, begun, pace};

fn gate(template: JobTemplate) -> Gate {
    Gate { name: "smoke".into(), job: Some(JobGate { template, pace: pace() }), ..Gate::default() }
}

fn smoke() -> JobTemplate {
    JobTemplate { image: "example.com/smoke:1".into(), args: vec!["--of={{tenant}}".into()], ..JobTemplate::default() }
}

fn world(template: JobTemplate) -> World {
    let tenant: Tenant = serde_json::from_value(json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant",
        "metadata": {"name": "a", "uid": "uid-a"}, "spec": {"operator": "memcached", "version": "1.1.0"}}))
    .unwrap();
    let mut cluster = begun(before(gate(template)));
    let mut rollout: Rollout = cluster.fleet.rollouts.remove(RUN).unwrap();
    rollout.metadata.name = Some(RUN.into());
    let seen = TenantSeen { tenant: Some(Arc::new(tenant)), ..TenantSeen::default() };
    World { rollouts: [(RUN.into(), rollout)].into(), tenants: [("a".into(), seen)].into(), ..World::default() }
}

fn put(number: u32) -> Asked {
    let key = GateKey { rollout: RUN.into(), wave: "canary".into(), when: When::Before, gate: "smoke".into() };
    let at: Timestamp = "2026-03-01T12:00:10Z".parse().unwrap();
    Asked { round: Round { key, plan: "p".into(), number, at }, subject: Some("a".into()) }
}

fn job(world: &World, asked: &Asked) -> AdmittedJob {
    match questions(std::slice::from_ref(asked), world).remove(0).ask {
        Ask::Job(job) => job,
        other => panic!("{other:?}"),
    }
}

#[test]
fn its_name_is_of_the_run_the_gate_the_round_and_the_tenant() {
    let world = world(smoke());
    let first = job(&world, &put(1));
    assert_eq!(first, job(&world, &put(1)), "whoever leads asks for the same one");
    assert_ne!(first.name, job(&world, &put(2)).name, "another round is another Job");
    let mut later = put(1);
    later.round.at += jiff::SignedDuration::from_secs(1);
    assert_ne!(first.name, job(&world, &later).name, "also where the rounds are counted anew");
    let mut other = put(1);
    other.round.key.gate = "other".into();
    assert!(matches!(questions(&[other], &world)[0].ask, Ask::Nobody(_)), "a gate that is not in the plan");
}

#[test]
fn it_runs_once_restricted_for_a_while_and_without_an_identity() {
    let job = job(&world(smoke()), &put(1));
    let object: Value = serde_json::from_str(&job.manifest).unwrap();
    assert_eq!((&*job.namespace, &object["metadata"]["labels"]["leasehold.dev/tenant"]), ("tenant-a", &json!("a")));
    assert_eq!(object["metadata"]["annotations"]["leasehold.dev/tenant-uid"], "uid-a");
    let spec = &object["spec"];
    assert_eq!((&spec["backoffLimit"], &spec["activeDeadlineSeconds"]), (&json!(0), &json!(300)));
    assert!(spec["ttlSecondsAfterFinished"].is_u64());
    assert!(
        spec["template"]["metadata"]["labels"].get("leasehold.dev/tenant").is_none(),
        "its pods are nobody's operator"
    );
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let container = &pod["containers"][0];
    assert_eq!(container["args"], json!(["--of={{tenant}}"]), "nothing is templated: values come by the environment");
    assert!(container["env"].as_array().unwrap().contains(&json!({"name": "TENANT", "value": "a"})));
    assert_eq!(container["resources"]["limits"]["memory"], "128Mi");
}

#[test]
fn an_image_that_the_fleet_does_not_allow_runs_nowhere() {
    let mut world = world(smoke());
    world.fleet = FleetSpec { allowed_images: Some(vec!["registry.example.com/*".into()]), ..FleetSpec::default() };
    let ask = questions(&[put(1)], &world).remove(0).ask;
    let Ask::Nobody(reply) = ask else { panic!("{ask:?}") };
    assert_eq!(reply.outcome, Outcome::Inconclusive);
    assert!(reply.message.contains("not from where the fleet allows"), "{}", reply.message);
}

/// The choke point, with Jobs that no gate would render.
#[test]
fn whatever_job_comes_by_it_passes_the_one_check() {
    let good: Value = serde_json::from_str(&job(&world(smoke()), &put(1)).manifest).unwrap();
    let bare = |mut job: Value| {
        job["metadata"] = json!({"name": "a", "namespace": "tenant-a"});
        job
    };
    let admitted = |job: Value| {
        let scope = Scope::new("a", "tenant-a", &FleetSpec::default(), 0);
        admit_job(Manifest::new(job).unwrap(), &scope, "uid-a").map_err(|findings| findings[0].rule.id())
    };
    assert!(admitted(bare(good.clone())).is_ok());
    let changed = |pointer: &str, value: Value| {
        let mut job = bare(good.clone());
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        job.pointer_mut(parent).unwrap()[field] = value;
        admitted(job).expect_err(pointer)
    };
    let pod = "/spec/template/spec";
    assert_eq!(changed("/kind", json!("CronJob")), "kind-not-allowed");
    assert_eq!(changed("/metadata/namespace", json!("tenant-a-b")), "wrong-namespace");
    assert_eq!(changed("/metadata/labels", json!({"leasehold.dev/tenant": "b"})), "reserved-metadata");
    assert_eq!(changed("/metadata/ownerReferences", json!([])), "owner-reference");
    assert_eq!(changed(&format!("{pod}/serviceAccountName"), json!("default")), "service-account");
    assert_eq!(changed(&format!("{pod}/automountServiceAccountToken"), json!(true)), "service-account");
    assert_eq!(changed(&format!("{pod}/containers/0/resources"), json!({})), "resources-missing");
    for (field, value) in [("hostNetwork", json!(true)), ("volumes", json!([{"name": "a", "hostPath": {"path": "/"}}]))]
    {
        changed(&format!("{pod}/{field}"), value);
    }
    changed(&format!("{pod}/containers/0/securityContext/privileged"), json!(true));
    changed(&format!("{pod}/securityContext/runAsNonRoot"), json!(false));
    changed(&format!("{pod}/containers"), json!([]));
}

#[test]
fn the_engine_asks_for_one_job_for_each_tenant_that_will_be_moved() {
    let cluster = begun(before(gate(smoke())));
    let subjects: Vec<_> = asked(&cluster).into_iter().map(|asked| asked.subject.unwrap()).collect();
    assert_eq!(subjects, ["a", "b"]);
}
