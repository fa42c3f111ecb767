//! One bad sample for each rule, and no rule without one.
use std::collections::BTreeSet;

use leasehold::plan::{choke_point::RuleId, choke_point::Scope, render::Manifest};
use serde_json::json;

use crate::{found_after, object, of, one, remove, set};

type Change = fn(&mut Vec<Manifest>, &mut Scope);

const DEPLOYMENT: &str = "Deployment/memcached-operator";

/// Rule, object and field of the only finding, and the change that brings it about.
const SAMPLES: &[(RuleId, &str, &str, Change)] = &[
    (RuleId::Malformed, DEPLOYMENT, "spec.template.spec.containers", |m, _| {
        set(of(m, "Deployment"), "spec.template.spec.containers", json!({"image": "x"}));
    }),
    (RuleId::KindNotAllowed, "ClusterRole/all", "kind", |m, _| {
        m.push(object(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "all", "namespace": "tenant-foo"},
        })));
    }),
    (RuleId::WrongNamespace, "ConfigMap/a", "metadata.namespace", |m, _| {
        m.push(object(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "kube-system"}}),
        ));
    }),
    (RuleId::WrongNamespace, "ConfigMap/a", "metadata.namespace", |m, _| {
        m.push(object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})));
    }),
    (RuleId::WrongNamespace, "Namespace/tenant-bar", "metadata.name", |m, _| {
        set(of(m, "Namespace"), "metadata.name", json!("tenant-bar"));
    }),
    (RuleId::ProtectedNamespace, "Tenant/foo", "spec.namespace", |_, scope| {
        scope.protected_namespaces = vec!["kube-*".into(), "tenant-f*".into()];
    }),
    (
        RuleId::NamespacePodSecurity,
        "Namespace/tenant-foo",
        "metadata.labels[pod-security.kubernetes.io/enforce]",
        |m, _| {
            set(of(m, "Namespace"), "metadata.labels.pod-security~kubernetes~io/enforce", json!("baseline"));
        },
    ),
    (
        RuleId::NamespacePodSecurity,
        "Namespace/tenant-foo",
        "metadata.labels[pod-security.kubernetes.io/enforce-version]",
        |m, _| {
            set(of(m, "Namespace"), "metadata.labels.pod-security~kubernetes~io/enforce-version", json!("v1.0"));
        },
    ),
    (RuleId::NamespacePodSecurity, "Namespace/tenant-foo", "", |m, _| m.retain(|m| m.kind() != "Namespace")),
    (RuleId::DuplicateObject, DEPLOYMENT, "metadata.name", |m, _| {
        let again = m.iter().find(|m| m.kind() == "PodDisruptionBudget").expect("there").clone();
        m.push(again);
    }),
    (RuleId::InvalidName, "Service/9lives", "metadata.name", |m, _| {
        set(of(m, "Service"), "metadata.name", json!("9lives"));
    }),
    (RuleId::InvalidName, "Service/memcached-metrics", "metadata.generateName", |m, _| {
        set(of(m, "Service"), "metadata.generateName", json!("a-"));
    }),
    (RuleId::ReservedMetadata, DEPLOYMENT, "metadata.labels[leasehold.dev/tenant]", |m, _| {
        set(of(m, "Deployment"), "metadata.labels.leasehold~dev/tenant", json!("bar"));
    }),
    (RuleId::ReservedMetadata, DEPLOYMENT, "spec.template.metadata.annotations[leasehold.dev/revision]", |m, _| {
        set(of(m, "Deployment"), "spec.template.metadata.annotations.leasehold~dev/revision", json!("x"));
    }),
    (RuleId::ReservedMetadata, DEPLOYMENT, "metadata.annotations[sub.leasehold.dev/x]", |m, _| {
        set(of(m, "Deployment"), "metadata.annotations.sub~leasehold~dev/x", json!("x"));
    }),
    (RuleId::OwnerReference, "Service/memcached-metrics", "metadata.ownerReferences", |m, _| {
        set(of(m, "Service"), "metadata.ownerReferences", json!([]));
    }),
    (RuleId::Finalizer, "Role/memcached-operator", "metadata.finalizers", |m, _| {
        set(of(m, "Role"), "metadata.finalizers", json!(["a.example.com/b"]));
    }),
    (RuleId::Finalizer, "Namespace/tenant-foo", "spec.finalizers", |m, _| {
        set(of(m, "Namespace"), "spec.finalizers", json!(["a.example.com/b"]));
    }),
    (RuleId::ServerField, "Role/memcached-operator", "metadata.uid", |m, _| {
        set(of(m, "Role"), "metadata.uid", json!("1"));
    }),
    (RuleId::ServerField, DEPLOYMENT, "status", |m, _| set(of(m, "Deployment"), "status", json!({}))),
    (RuleId::RoleAboveCeiling, "Role/memcached-operator", "rules[2]", |_, scope| {
        scope.allowed_rules = Some(Vec::new());
    }),
    (RuleId::RoleAboveCeiling, "Role/memcached-operator", "rules[0].nonResourceURLs", |m, _| {
        set(of(m, "Role"), "rules.0.nonResourceURLs", json!(["/metrics"]));
    }),
    (RuleId::RoleWildcard, "Role/memcached-operator", "rules[2]", |m, _| {
        set(of(m, "Role"), "rules.2.verbs", json!(["*"]));
    }),
    (RuleId::RoleEscalation, "Role/memcached-operator", "rules[2].verbs", |m, _| {
        set(of(m, "Role"), "rules.2.verbs", json!(["get", "escalate"]));
    }),
    (RuleId::BindingSubject, "RoleBinding/memcached-operator", "subjects[0]", |m, _| {
        set(of(m, "RoleBinding"), "subjects.0.namespace", json!("tenant-bar"));
    }),
    (RuleId::BindingRole, "RoleBinding/memcached-operator", "roleRef", |m, _| {
        set(of(m, "RoleBinding"), "roleRef.kind", json!("ClusterRole"));
    }),
    (RuleId::PodSecurity, DEPLOYMENT, "spec.template.spec.hostNetwork", |m, _| {
        set(of(m, "Deployment"), "spec.template.spec.hostNetwork", json!(true));
    }),
    (RuleId::ServiceAccount, DEPLOYMENT, "spec.template.spec.serviceAccountName", |m, _| {
        remove(of(m, "Deployment"), "spec.template.spec.serviceAccountName");
    }),
    (RuleId::ServiceAccount, DEPLOYMENT, "spec.template.spec.serviceAccount", |m, _| {
        set(of(m, "Deployment"), "spec.template.spec.serviceAccount", json!("default"));
    }),
    (RuleId::ImageNotAllowed, DEPLOYMENT, "spec.template.spec.containers[0].image", |_, scope| {
        scope.allowed_images = Some(vec!["registry.example.com/*".into()]);
    }),
    (RuleId::ImageNotAllowed, DEPLOYMENT, "spec.template.spec.initContainers[0].image", |m, scope| {
        elsewhere(m, scope, "initContainers");
    }),
    (RuleId::ImageNotAllowed, DEPLOYMENT, "spec.template.spec.ephemeralContainers[0].image", |m, scope| {
        elsewhere(m, scope, "ephemeralContainers");
    }),
    (RuleId::ImageNotAllowed, DEPLOYMENT, "spec.template.spec.volumes[1].image.reference", |m, scope| {
        scope.allowed_images = Some(vec!["example.com/*".into()]);
        let volumes = json!([{"name": "a", "image": {"reference": "example.com/data:1"}}, {"name": "b", "image": {"reference": "evil.example.org/data:1"}}]);
        set(of(m, "Deployment"), "spec.template.spec.volumes", volumes);
    }),
    (RuleId::Malformed, DEPLOYMENT, "spec.template.spec.volumes[0].image.reference", |m, _| {
        set(of(m, "Deployment"), "spec.template.spec.volumes", json!([{"name": "a", "image": {}}]));
    }),
    (RuleId::PriorityClass, DEPLOYMENT, "spec.template.spec.priorityClassName", |m, _| {
        set(of(m, "Deployment"), "spec.template.spec.priorityClassName", json!("system-node-critical"));
    }),
    (RuleId::ResourcesMissing, DEPLOYMENT, "spec.template.spec.containers[0].resources.limits.memory", |m, _| {
        remove(of(m, "Deployment"), "spec.template.spec.containers.0.resources.limits.memory");
    }),
    (RuleId::RequestAboveLimit, DEPLOYMENT, "spec.template.spec.containers[0].resources.requests.cpu", |m, _| {
        set(of(m, "Deployment"), "spec.template.spec.containers.0.resources.requests.cpu", json!("201m"));
    }),
    (RuleId::QuotaMissing, "ResourceQuota/tenant-foo", "spec.hard.limits.cpu", |m, _| {
        remove(of(m, "ResourceQuota"), "spec.hard.limits~cpu");
    }),
    (RuleId::LimitRangeMissing, "LimitRange/tenant-foo", "spec.limits", |m, _| m.retain(|m| m.kind() != "LimitRange")),
    (RuleId::QuotaTooSmall, "ResourceQuota/memcached-operator", "spec.hard.pods", |m, _| {
        set(of(m, "ResourceQuota"), "spec.hard.pods", json!("2"));
    }),
    (RuleId::ServiceType, "Service/memcached-metrics", "spec.type", |m, _| {
        set(of(m, "Service"), "spec.type", json!("LoadBalancer"));
    }),
    (RuleId::ServiceType, "Service/memcached-metrics", "spec.externalName", |m, _| {
        set(of(m, "Service"), "spec.externalName", json!("example.com"));
    }),
    (RuleId::ServiceExternalIp, "Service/memcached-metrics", "spec.externalIPs", |m, _| {
        set(of(m, "Service"), "spec.externalIPs", json!(["10.0.0.1"]));
    }),
    (RuleId::MonitorReach, "ServiceMonitor/a", "spec.namespaceSelector", |m, _| {
        m.push(monitor(&json!({"namespaceSelector": {"any": true}})));
    }),
    (RuleId::MonitorReach, "ServiceMonitor/a", "spec.namespaceSelector", |m, _| {
        m.push(monitor(&json!({"namespaceSelector": {"matchNames": ["tenant-foo", "tenant-bar"]}})));
    }),
    (RuleId::MonitorReach, "ServiceMonitor/a", "spec.endpoints[0].tlsConfig.caFile", |m, _| {
        m.push(monitor(&json!({"endpoints": [{"tlsConfig": {"caFile": "/etc/passwd"}}]})));
    }),
];

/// A container of this list with an image that the fleet does not allow; all others have one that it does.
fn elsewhere(manifests: &mut [Manifest], scope: &mut Scope, list: &str) {
    scope.allowed_images = Some(vec!["example.com/*".into()]);
    let deployment = of(manifests, "Deployment");
    let mut container = deployment["spec"]["template"]["spec"]["containers"][0].clone();
    container["image"] = json!("evil.example.org/a:1");
    set(deployment, &format!("spec.template.spec.{list}"), json!([container]));
}

fn monitor(spec: &serde_json::Value) -> Manifest {
    object(json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": "a", "namespace": "tenant-foo"}, "spec": spec,
    }))
}

#[test]
fn each_bad_sample_is_found_with_its_object_and_field_and_nothing_else_is() {
    for (rule, object, field, change) in SAMPLES {
        let object = match rule {
            RuleId::DuplicateObject => "PodDisruptionBudget/memcached-operator",
            _ => object,
        };
        assert_eq!(found_after(*change), one(*rule, object, field), "{rule}");
    }
}

#[test]
fn no_rule_is_without_a_sample_and_no_id_is_there_twice() {
    // An unknown scope spoils everything at once; `lessons` has its sample.
    let sampled: BTreeSet<RuleId> = SAMPLES.iter().map(|s| s.0).chain([RuleId::UnknownScope]).collect();
    assert_eq!(sampled, RuleId::ALL.iter().copied().collect());
    let ids: BTreeSet<&str> = RuleId::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(ids.len(), RuleId::ALL.len());
}

#[test]
fn a_finding_reads_as_a_sentence() {
    let mut manifests = crate::good();
    set(of(&mut manifests, "Service"), "spec.type", json!("NodePort"));
    let findings = leasehold::plan::choke_point::check(&manifests, &crate::scope());
    insta::assert_snapshot!(findings[0], @r#"Service/memcached-metrics spec.type: "NodePort" reaches beyond the cluster's own network (service-type); write ClusterIP"#);
    insta::assert_snapshot!(serde_json::to_string(&findings[0]).expect("JSON"), @r#"{"rule":"service-type","object":"Service/memcached-metrics","field":"spec.type","why":"\"NodePort\" reaches beyond the cluster's own network","fix":"write ClusterIP"}"#);
}

#[test]
fn other_kinds_that_belong_to_a_tenant_pass() {
    let found = found_after(|manifests, _| {
        manifests.push(monitor(
            &json!({"namespaceSelector": {"matchNames": ["tenant-foo"]}, "endpoints": [{"port": "metrics"}]}),
        ));
        for (api, kind) in [
            ("v1", "ConfigMap"),
            ("v1", "Secret"),
            ("v1", "PersistentVolumeClaim"),
            ("monitoring.coreos.com/v1", "PodMonitor"),
        ] {
            manifests.push(object(
                json!({"apiVersion": api, "kind": kind, "metadata": {"name": "a.b", "namespace": "tenant-foo"}}),
            ));
        }
    });
    assert_eq!(found, []);
}
