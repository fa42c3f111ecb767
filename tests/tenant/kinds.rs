//! Each kind that passes the choke point is one that is applied, watched, kept and removed; and one that cannot be watched
//! here does not pass.
use leasehold::{
    domain::{
        kinds::{OPTIONAL_KINDS, STACK_KINDS, find},
        report::{Reason, Verdict},
        world::Apis,
    },
    observe::Source,
    plan::render,
};
use serde_json::{Value, json};

use crate::desk::{Desk, release, tenant};

/// The standard stack with a Secret and a PodMonitor.
fn stack() -> Value {
    let own = "apiVersion: v1
kind: Secret
metadata: {name: own, namespace: '{{tenant.namespace}}'}
stringData: {greeting: 'hello {{tenant.name}}'}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: own, namespace: '{{tenant.namespace}}'}
spec: {selector: {}, podMetricsEndpoints: [{port: metrics}]}
";
    let standard =
        render::builtin(render::DEFAULT).unwrap().iter().map(|file| json!({"name": file.name, "yaml": file.text}));
    json!(standard.chain([json!({"name": "own.yaml", "yaml": own})]).collect::<Vec<_>>())
}

fn desk(apis: Apis) -> Desk {
    let mut desk = Desk::new(apis);
    desk.put(Source::Releases, release(&json!({"templates": stack()})));
    desk.put(Source::Tenants, tenant(&json!({"deletionPolicy": "Retain"})));
    desk.settle();
    desk
}

#[test]
fn a_secret_and_a_pod_monitor_are_applied_kept_and_removed() {
    let mut desk = desk(Apis::ALL);
    assert_eq!(desk.report().word(), "Done", "{}", desk.report().note);
    let secret = desk.get("Secret", "tenant-acme/own").unwrap();
    assert_eq!(secret["data"]["greeting"], "aGVsbG8gYWNtZQ==", "as the API server stores it");
    assert!(desk.get("PodMonitor", "tenant-acme/own").is_some());

    let secrets = Source::Stack(find("", "Secret").unwrap());
    desk.patch(secrets, "tenant-acme/own", |secret| secret["data"]["greeting"] = "".into());
    desk.settle();
    assert_eq!(desk.get("Secret", "tenant-acme/own").unwrap()["data"]["greeting"], "aGVsbG8gYWNtZQ==");

    desk.delete_tenant();
    desk.settle();
    assert!(desk.get("Tenant", "acme").is_none());
    assert!(desk.get("PodMonitor", "tenant-acme/own").is_none());
    assert!(desk.get("Secret", "tenant-acme/own").is_some(), "Retain keeps data");
}

#[test]
fn a_kind_that_cannot_be_watched_here_is_refused_with_what_to_do() {
    for (apis, kind, what) in [
        (Apis { secret: false, ..Apis::ALL }, "Secret/own", "features.secrets"),
        (Apis { pod_monitor: false, ..Apis::ALL }, "PodMonitor/own", "restart Leasehold"),
    ] {
        let mut desk = desk(apis);
        let report = desk.report();
        assert_eq!(report.verdict, Verdict::Blocked(Reason::Refused), "{}", report.note);
        assert!(report.note.contains(kind) && report.note.contains(what), "{}", report.note);
        assert!(desk.get("Namespace", "tenant-acme").is_none(), "nothing was made");
    }
}

#[test]
fn what_is_watched_is_what_stacks_may_hold() {
    let kinds = || STACK_KINDS.iter().chain(OPTIONAL_KINDS);
    let watched = Source::all(|_| true);
    assert!(kinds().all(|kind| watched.contains(&Source::Stack(kind))));
    assert_eq!(watched.iter().filter(|source| matches!(source, Source::Stack(_))).count(), kinds().count());
    assert!(kinds().all(|kind| Apis::ALL.has(kind)));
    assert!(OPTIONAL_KINDS.iter().all(|kind| !Apis::default().has(kind)));
}
