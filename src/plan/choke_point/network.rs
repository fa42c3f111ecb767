//! What a stack opens to the outside: its Services, and who scrapes what.
use serde_json::Value;

use super::{
    Scope,
    finding::{Findings, RuleId},
};
use crate::plan::render::Manifest;

pub(super) fn check(manifests: &[Manifest], scope: &Scope, findings: &mut Findings) {
    for manifest in manifests {
        match manifest.kind() {
            "Service" => service(manifest, findings),
            "ServiceMonitor" | "PodMonitor" => monitor(manifest, scope, findings),
            _ => {}
        }
    }
}

fn service(manifest: &Manifest, findings: &mut Findings) {
    let at = |pointer: &str| manifest.value.pointer(pointer).unwrap_or(&Value::Null);
    let kind = at("/spec/type");
    if !kind.is_null() && kind != "ClusterIP" {
        let why = format!("{kind} reaches beyond the cluster's own network");
        findings.add(RuleId::ServiceType, manifest, "spec.type", why, "write ClusterIP");
    }
    if !at("/spec/externalName").is_null() {
        let why = "sends the cluster's own traffic to a name outside";
        findings.add(RuleId::ServiceType, manifest, "spec.externalName", why, "leave it out");
    }
    // CVE-2020-8554: whoever may name an address here takes the traffic to it, from every tenant.
    if !at("/spec/externalIPs").is_null() {
        let why = "takes over traffic to these addresses, whoever they belong to";
        findings.add(RuleId::ServiceExternalIp, manifest, "spec.externalIPs", why, "leave it out");
    }
}

fn monitor(manifest: &Manifest, scope: &Scope, findings: &mut Findings) {
    let fix = "leave it out: a monitor then selects in its own namespace";
    if let Some(selector) = manifest.value.pointer("/spec/namespaceSelector") {
        let own = match selector.get("matchNames") {
            None => true,
            Some(names) => {
                names.as_array().is_some_and(|names| names.iter().all(|name| name == scope.namespace.as_str()))
            }
        };
        let any = !matches!(selector.get("any"), None | Some(Value::Null | Value::Bool(false)));
        if any || !own {
            let why = "would scrape other namespaces in this tenant's name";
            findings.add(RuleId::MonitorReach, manifest, "spec.namespaceSelector", why, fix);
        }
    }
    for list in ["endpoints", "podMetricsEndpoints"] {
        let endpoints = manifest.value.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
        for (index, endpoint) in endpoints.into_iter().flatten().enumerate() {
            for file in files(endpoint) {
                let why = "makes Prometheus read a file of its own, and send it to this tenant";
                let field = format!("spec.{list}[{index}].{file}");
                findings.add(RuleId::MonitorReach, manifest, field, why, "use a Secret of the tenant's namespace");
            }
        }
    }
}

/// Fields of an endpoint that name a file on Prometheus' own disk.
fn files(endpoint: &Value) -> impl Iterator<Item = &'static str> {
    const FILES: [(&str, &str); 4] = [
        ("bearerTokenFile", "/bearerTokenFile"),
        ("tlsConfig.caFile", "/tlsConfig/caFile"),
        ("tlsConfig.certFile", "/tlsConfig/certFile"),
        ("tlsConfig.keyFile", "/tlsConfig/keyFile"),
    ];
    FILES.into_iter().filter(|(_, pointer)| endpoint.pointer(pointer).is_some()).map(|(name, _)| name)
}
